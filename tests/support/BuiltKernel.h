//===- BuiltKernel.h - a dump of a kernel that a test builds --------------===//
#pragma once

#include "Expected.h"
#include "PageTableBuilder.h"
#include "kernel/find/KernelArch.h"

namespace vmpt::testing {

/// An image of three megabytes, mapped page by page: text at its start, the
/// top table at +1 MiB, data at +2 MiB. Its tables lie beyond it.
class BuiltKernel {
public:
  static constexpr uint64_t rootOffset = 0x10'0000, dataOffset = 0x20'0000,
                            imageBytes = 0x30'0000;

  BuiltKernel(const PagingMode &mode, VirtAddr imageAt, PhysAddr physicalAt)
      : image(imageAt), physical(physicalAt),
        memory(new SparseMemory()), // owned by the dump
        tables(*memory, mode, physicalAt + rootOffset) {
    dump.memory.reset(memory);
    dump.machine.arch = mode.arch;
    dump.machine.archSource = "test";
    memory->addZeros(physical, imageBytes);
    tables.skipTo(physical + imageBytes);
    const unsigned last = mode.lastLevel();
    for (uint64_t at = 0; at < imageBytes; at += bit(mode.pageShift))
      tables.map(image + at, physical + at, tables.leafBits(last), last);
  }

  /// VMCOREINFO with the symbols that each kernel has, and \p keys.
  std::string info(llvm::StringRef release, llvm::StringRef keys = "") const {
    return ("OSRELEASE=" + release +
            "\nPAGESIZE=4096\nSYMBOL(swapper_pg_dir)=" +
            hex(image + rootOffset).substr(2) +
            "\nSYMBOL(_stext)=" + hex(image + 0x1000).substr(2) + "\n" + keys)
        .str();
  }
  llvm::Expected<KernelImage> find() {
    Diagnostics diagnostics;
    return findKernel(dump, *dump.memory, overrides, diagnostics, &tried);
  }
  /// The error of a search that fails, and all that was tried.
  std::string failure() {
    tried = {};
    std::string text = textOf(find());
    for (const std::string &attempt : tried.attempts())
      text += "; " + attempt;
    return text;
  }
  /// A string in the image's text part, at a place of the test's choice.
  VirtAddr addString(uint64_t offset, llvm::StringRef text) {
    memory->writeString(physical + offset, (text + llvm::Twine('\0')).str());
    return image + offset;
  }
  /// In the kernel's byte order.
  template <class Word> void addWord(uint64_t offset, uint64_t value) {
    const bool swaps = getTraits(tables.mode().arch).order != ByteOrder::little;
    memory->writeNumber<Word>(physical + offset,
                              swaps ? byteSwap(Word(value)) : Word(value));
  }

  const VirtAddr image;
  const PhysAddr physical;
  Dump dump;
  SparseMemory *memory;
  PageTableBuilder tables;
  KernelOverrides overrides;
  Evidence tried;
};

/// The source of the fact \p name, "" if there is no such fact.
inline std::string sourceOf(const KernelImage &kernel, llvm::StringRef name) {
  for (const Fact &fact : kernel.evidence.facts())
    if (fact.name == name)
      return fact.source;
  return "";
}

inline std::string markerText(const KernelImage &kernel) {
  std::string lines;
  for (const AddressMarker &marker : kernel.markers)
    lines += hex(marker.start) + " " + marker.name + "\n";
  return lines;
}

} // namespace vmpt::testing
