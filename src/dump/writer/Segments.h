//===- Segments.h - what of a memory a new vmcore has ---------------------===//
#pragma once

#include "dump/writer/ElfCoreWriter.h"

namespace vmpt {

struct ChosenMemory {
  std::vector<CoreSegment> segments;
  /// RAM that is in none of them, and why.
  std::vector<MemoryRange> absent;
};

/// All of it that is there, by \p ranges: those of \p memory, or of
/// verifyRanges(). A page that a filter left out because it may
/// have been zeros stays RAM without bytes; every other absent page is in no
/// segment, so that nobody takes it for zeros.
ChosenMemory chooseSegments(const PhysicalMemory &memory,
                            std::vector<MemoryRange> ranges);

/// The RAM of the dump, of which only \p pages are stored: each run of pages
/// is a segment, and what follows it up to the next belongs to it as memory
/// that is not in the file. \p pages are those of a RecordingMemory: ascending
/// starts of RecordingMemory::pageBytes.
std::vector<CoreSegment> cutSegments(const PhysicalMemory &memory,
                                     llvm::ArrayRef<PhysAddr> pages);

/// Makes \p at the start of a segment, if it lies within one.
void splitSegments(std::vector<CoreSegment> &segments, PhysAddr at);

/// Bytes that the memory should have and \p segments do not.
uint64_t countLostBytes(const PhysicalMemory &memory,
                        llvm::ArrayRef<CoreSegment> segments);

} // namespace vmpt
