#include "views/Vmalloc.h"

#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

void printStruct(llvm::raw_ostream &os, const VmallocArea &area,
                 AddressNames &names, unsigned physicalDigits, bool hasNode) {
  if (area.caller.value)
    os << " " << names.print(area.caller);
  if (area.pageCount)
    os << " pages=" << area.pageCount;
  if (area.physical.value)
    os << " phys=" << llvm::format_hex(area.physical.value, physicalDigits + 2);
  const std::pair<uint64_t, const char *> words[] = {
      {VmIoremap, " ioremap"}, {VmSparse, " sparse"},
      {VmAlloc, " vmalloc"},   {VmMap, " vmap"},
      {VmUserMap, " user"},    {VmDmaCoherent, " dma-coherent"},
  };
  for (const auto &[flag, word] : words)
    if (area.flags & flag)
      os << word;
  if (area.hasVmallocedPages)
    os << " vpages";
  if (!hasNode || !area.pageCount || area.flags & VmUninitialized)
    return;
  // Counted in whole huge pages.
  const unsigned order = unsigned(std::min<uint64_t>(area.pageOrder, 32));
  os << " N0=" << ((((area.pageCount - 1) >> order) + 1) << order);
}

} // namespace

void printVmallocArea(llvm::raw_ostream &os, const VmallocArea &area,
                      AddressNames &names, unsigned wordBytes,
                      unsigned physicalDigits, bool hasNode) {
  const unsigned width = 2 * wordBytes + 2;
  os << llvm::format_hex(area.start.value, width) << "-"
     << llvm::format_hex((area.start + area.sizeBytes).value, width)
     << llvm::format(" %7llu", (unsigned long long)area.sizeBytes);
  switch (area.kind) {
  case VmallocArea::Struct:
    printStruct(os, area, names, physicalDigits, hasNode);
    break;
  case VmallocArea::MapRam:
    os << " vm_map_ram";
    break;
  case VmallocArea::Lazy:
    os << " unpurged vm_area";
    break;
  case VmallocArea::None:
    break;
  }
  os << "\n";
}

} // namespace vmpt
