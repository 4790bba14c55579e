#include "memory/MemorySummary.h"

namespace vmpt {

std::vector<MemoryBlock> summarize(const PhysicalMemory &memory) {
  std::vector<MemoryBlock> blocks;
  for (const MemoryRange &range : memory.ranges()) {
    if (range.absence == Absence::OutsideRam)
      continue;
    if (blocks.empty() ||
        blocks.back().start + blocks.back().size != range.start ||
        blocks.back().size + range.size == 0) // all 2^64 bytes
      blocks.push_back({range.start, 0, 0, {}});
    MemoryBlock &block = blocks.back();
    block.size += range.size;
    if (range.absence)
      block.absentBytes[size_t(*range.absence)] += range.size;
    else
      block.presentBytes += range.size;
  }
  return blocks;
}

} // namespace vmpt
