//===- DumperTraces.cpp - what a dumper leaves besides its array ----------===//
//
// The array is found by its first name. Where that is damaged, or the page that
// has it is lost, names of other sections are still there. A kernel that was
// built without the array has none of them, though it may well have the other
// strings of the same file, for its check for what is writable and executable
// (arm64 with DEBUG_WX and no PTDUMP_DEBUGFS, as Debian's).
//
// linux v4.19 to v6.12 arch/*/mm/dump.c, dump_pagetables.c, ptdump.c.
//
#include "kernel/find/DumperTraces.h"

#include "kernel/find/KernelArch.h"
#include "kernel/image/ImageScan.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

namespace {

class TraceFinder {
public:
  TraceFinder(const PhysicalMemory &memory, const KernelImage &image)
      : memory_(image.addressSpace(memory)), image_(image) {}

  /// One name may be that of something else.
  std::optional<std::string> find() const {
    constexpr size_t leastBytes = 11, mostNames = 6;
    size_t tried = 0;
    llvm::StringRef first;
    for (const RegionMarker &marker : image_.arch->regionMarkers) {
      // s390x adds that word when it prints the name.
      llvm::StringRef name = marker.name;
      name.consume_back(" Start");
      if (name.size() < leastBytes || ++tried > mostNames)
        continue;
      if (!has(name.str() + '\0'))
        continue;
      if (!first.empty())
        return "'" + first.str() + "' and '" + name.str() +
               "' are among its strings";
      first = name;
    }
    return std::nullopt;
  }

private:
  /// What is found is read again, so that a recording sees it.
  bool has(llvm::StringRef text) const {
    const std::vector<VirtAddr> found =
        findBytes(memory_, image_.imageRuns, text, /*limit=*/1);
    if (found.empty())
      return false;
    std::vector<uint8_t> bytes(text.size());
    llvm::consumeError(memory_.read(found.front(), bytes));
    return true;
  }

  AddressSpace memory_;
  const KernelImage &image_;
};

} // namespace

std::optional<std::string> findDumperTrace(const PhysicalMemory &memory,
                                           const KernelImage &image) {
  if (auto trace = TraceFinder(memory, image).find())
    return "the kernel has a dumper of page tables, for " + *trace +
           ", but no address_markers[] that is whole";
  return std::nullopt;
}

} // namespace vmpt
