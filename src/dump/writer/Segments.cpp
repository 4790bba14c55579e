#include "dump/writer/Segments.h"

#include "memory/RecordingMemory.h"

namespace vmpt {

ChosenMemory chooseSegments(const PhysicalMemory &memory,
                            std::vector<MemoryRange> ranges) {
  ChosenMemory chosen;
  llvm::erase_if(ranges, [&](const MemoryRange &range) {
    const bool isLost = range.absence && !memory.mayBeZeros(*range.absence);
    if (isLost && *range.absence != Absence::OutsideRam)
      chosen.absent.push_back(range);
    return isLost;
  });
  chosen.segments = makeSegments(ranges);
  return chosen;
}

std::vector<CoreSegment> cutSegments(const PhysicalMemory &memory,
                                     llvm::ArrayRef<PhysAddr> pages) {
  constexpr uint64_t pageBytes = RecordingMemory::pageBytes;
  std::vector<MemoryRange> ranges;
  auto add = [&](PhysAddr start, PhysAddr end, std::optional<Absence> absence) {
    if (start < end)
      appendRange(ranges, {start, end - start, absence});
  };
  size_t next = 0;
  for (const MemoryRange &range : memory.ranges()) {
    if (range.absence && *range.absence != Absence::Excluded)
      continue; // the trim note tells of these
    const PhysAddr end = range.start + range.size;
    PhysAddr at = range.start;
    while (!range.absence && next < pages.size() && pages[next] < end) {
      PhysAddr first = std::max(pages[next], range.start);
      PhysAddr last = std::min(pages[next] + pageBytes, end);
      if (pages[next] + pageBytes > end && last == end) {
        // The page goes on in the next range: keep it for that one, too.
        add(at, first, Absence::Excluded);
        add(first, last, std::nullopt);
        at = last;
        break;
      }
      ++next;
      if (last <= first)
        continue;
      add(at, first, Absence::Excluded);
      add(first, last, std::nullopt);
      at = last;
    }
    add(at, end, Absence::Excluded);
  }
  return makeSegments(ranges);
}

void splitSegments(std::vector<CoreSegment> &segments, PhysAddr at) {
  for (size_t i = 0; i < segments.size(); ++i) {
    CoreSegment &first = segments[i];
    const uint64_t size = at - first.start;
    if (at <= first.start || size >= first.memoryBytes)
      continue;
    CoreSegment second = {at, first.memoryBytes - size,
                          first.storedBytes - std::min(first.storedBytes, size),
                          0};
    first.memoryBytes = size;
    first.storedBytes = std::min(first.storedBytes, size);
    segments.insert(segments.begin() + long(i) + 1, second);
    return;
  }
}

uint64_t countLostBytes(const PhysicalMemory &memory,
                        llvm::ArrayRef<CoreSegment> segments) {
  uint64_t known = 0, kept = 0;
  for (const MemoryRange &range : memory.ranges())
    if (range.absence != Absence::OutsideRam &&
        range.absence != Absence::Excluded)
      known += range.size;
  for (const CoreSegment &segment : segments)
    kept += segment.storedBytes;
  return known - kept;
}

} // namespace vmpt
