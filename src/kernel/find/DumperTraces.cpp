//===- DumperTraces.cpp - what a dumper leaves besides its array ----------===//
//
// The array is found by its first name. Where that is damaged, or the page that
// has it is lost, names of other sections are still there, or, where a page
// that nobody read was written as zeros, the name of its function. A kernel
// that was built without the array has none of them, though it may well have
// the other strings of the same file, for its check for what is writable and
// executable (arm64 with DEBUG_WX and no PTDUMP_DEBUGFS, as Debian's).
//
// linux v4.19 to v6.12 arch/*/mm/dump.c, dump_pagetables.c, ptdump.c.
//
#include "kernel/find/DumperTraces.h"

#include "kernel/find/KernelArch.h"
#include "kernel/image/DebugData.h"
#include "kernel/image/ImageScan.h"

namespace vmpt {

namespace {

/// One name may be that of something else.
std::optional<std::string> findNames(const AddressSpace &memory,
                                     const KernelImage &image) {
  constexpr size_t leastBytes = 11, mostNames = 6;
  size_t tried = 0;
  llvm::StringRef first;
  for (const RegionMarker &marker : image.arch->regionMarkers) {
    // s390x adds that word when it prints the name.
    llvm::StringRef name = marker.name;
    name.consume_back(" Start");
    if (name.size() < leastBytes || ++tried > mostNames)
      continue;
    if (!hasString(memory, image.imageRuns, name))
      continue;
    if (!first.empty())
      return "'" + first.str() + "' and '" + name.str() +
             "' are among its strings";
    first = name;
  }
  return std::nullopt;
}

/// What prints the file (all of them call it so, 4.6 and later).
std::optional<std::string> findFunction(const AddressSpace &memory,
                                        const KernelImage &image) {
  constexpr llvm::StringLiteral name = "ptdump_show";
  auto kallsyms = readKallsyms(memory, image.vmcoreinfo, image.imageRuns);
  const bool isThere = kallsyms && (*kallsyms)->find(name);
  llvm::consumeError(kallsyms.takeError());
  if (!isThere)
    return std::nullopt;
  return name.str() + "() is among its functions";
}

} // namespace

std::optional<std::string> findDumperTrace(const PhysicalMemory &memory,
                                           const KernelImage &image) {
  const AddressSpace space = image.addressSpace(memory);
  std::optional<std::string> trace = findNames(space, image);
  if (!trace)
    trace = findFunction(space, image);
  if (!trace)
    return std::nullopt;
  return "the kernel has a dumper of page tables, for " + *trace +
         ", but no address_markers[] that is whole";
}

} // namespace vmpt
