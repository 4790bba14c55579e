//===- ElfCoreWriter.h - physical memory as a sound ELF64 vmcore ----------===//
#pragma once

#include "dump/formats/Dump.h"
#include "output/OutputFile.h"
#include "support/Diagnostics.h"

namespace vmpt {

/// [start, start + storedBytes) goes into the file; up to memoryBytes the
/// machine has RAM that does not.
struct CoreSegment {
  PhysAddr start;
  uint64_t memoryBytes = 0;
  uint64_t storedBytes = 0;
  /// p_vaddr. QEMU repeats the physical address.
  uint64_t virtualStart = 0;
};

/// p_vaddr of RAM that has no address in the kernel (i386: high memory), as
/// kexec-tools writes it.
inline constexpr uint64_t noVirtualAddress = ~uint64_t(0);

/// A further virtual address of memory that is stored anyway, as /proc/vmcore
/// has one for the kernel image: readers that start from symbols need it.
struct CoreAlias {
  uint64_t virtualStart = 0;
  PhysAddr start;
  uint64_t size = 0;
};

struct CoreContents {
  Arch arch;
  ByteOrder order = ByteOrder::little;
  std::vector<Note> notes;
  std::vector<CoreSegment> segments; ///< Ascending, disjoint.
  /// Become program headers of their own over the same bytes of the file.
  std::vector<CoreAlias> aliases;
};

/// A note whose contents are \p text, which outlives it.
Note makeNote(llvm::StringRef name, uint32_t type, llvm::StringRef text);

/// Turns memory ranges into segments: present bytes are stored, excluded ones
/// that follow them are memory without file bytes. Virtual addresses are the
/// physical ones.
std::vector<CoreSegment> makeSegments(llvm::ArrayRef<MemoryRange> ranges);

/// Writes program headers right after the ELF header (makedumpfile reads no
/// other place), memory without bytes last, then notes, then the memory;
/// PN_XNUM where there are too many segments. Pages of zeros become holes in
/// the file. What cannot be read after all is an error. Commits \p file.
llvm::Error writeElfCore(OutputFile &file, const CoreContents &contents,
                         const PhysicalMemory &memory,
                         Diagnostics &diagnostics);

} // namespace vmpt
