#include "views/Vmalloc.h"

#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

constexpr std::pair<uint64_t, const char *> flagWords[] = {
    {VmIoremap, "ioremap"}, {VmSparse, "sparse"},
    {VmAlloc, "vmalloc"},   {VmMap, "vmap"},
    {VmUserMap, "user"},    {VmDmaCoherent, "dma-coherent"},
};

void printStruct(llvm::raw_ostream &os, const VmallocArea &area,
                 AddressNames &names, unsigned physicalDigits, bool hasNode) {
  if (area.caller.value)
    os << " " << names.print(area.caller);
  if (area.pageCount)
    os << " pages=" << area.pageCount;
  if (area.physical.value)
    os << " phys=" << llvm::format_hex(area.physical.value, physicalDigits + 2);
  for (const auto &[flag, word] : flagWords)
    if (area.flags & flag)
      os << " " << word;
  if (area.hasVmallocedPages)
    os << " vpages";
  for (const auto &[node, pages] : area.nodePages)
    os << " N" << node << "=" << pages;
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

namespace {

Record makeRecord(const VmallocArea &area, AddressNames &names) {
  Record record;
  record.add("start", area.start)
      .add("end", area.start + area.sizeBytes)
      .add("bytes", area.sizeBytes);
  switch (area.kind) {
  case VmallocArea::MapRam:
    return record.add("kind", "vm_map_ram");
  case VmallocArea::Lazy:
    return record.add("kind", "unpurged");
  case VmallocArea::Struct:
  case VmallocArea::None:
    break;
  }
  Array words;
  for (const auto &[flag, word] : flagWords)
    if (area.flags & flag)
      words.push_back(word);
  record.add("kind", "vm_struct").add("flags", Value::Hex{area.flags});
  record.add("uses", std::move(words)).add("pages", area.pageCount);
  record.add("physical", area.physical.value ? Value(area.physical) : Value());
  record.add("caller", area.caller.value ? Value(area.caller) : Value());
  std::optional<AddressName> name = names.find(area.caller);
  if (!area.nodePages.empty()) {
    Array nodes;
    for (const auto &[node, pages] : area.nodePages) {
      Record one;
      one.add("node", node).add("pages", pages);
      nodes.push_back(std::move(one));
    }
    record.add("nodes", std::move(nodes));
  }
  record.add("caller_symbol", name ? Value(name->symbol) : Value());
  record.add("caller_offset", name ? Value(name->offset) : Value());
  record.add("caller_module",
             name && !name->module.empty() ? Value(name->module) : Value());
  return record;
}

} // namespace

void writeVmalloc(RecordWriter &writer, const VmallocList &list,
                  AddressNames &names, unsigned wordBytes) {
  if (llvm::raw_ostream *os = writer.text()) {
    for (const VmallocArea &area : list.areas)
      printVmallocArea(*os, area, names, wordBytes, list.physicalDigits,
                       list.hasOneNode.value_or(false));
    return;
  }
  writer.beginList({"areas", "vmalloc_area"});
  for (const VmallocArea &area : list.areas)
    writer.record(makeRecord(area, names));
  writer.endList();
  writer.member("problems", makeArray(list.problems));
}

} // namespace vmpt
