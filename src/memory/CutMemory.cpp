#include "memory/CutMemory.h"

namespace vmpt {

PhysAddr CutMemory::endOf(const PhysicalMemory &memory) {
  if (memory.ranges().empty())
    return PhysAddr(0);
  const MemoryRange &last = memory.ranges().back();
  return last.start + last.size;
}

CutMemory::CutMemory(std::unique_ptr<PhysicalMemory> memory, PhysAddr end)
    : memory_(std::move(memory)), start_(endOf(*memory_)), end_(end),
      ranges_(memory_->ranges().begin(), memory_->ranges().end()) {
  if (start_ < end_)
    appendRange(ranges_, {start_, end_ - start_, Absence::Truncated});
}

std::optional<AbsentByte>
CutMemory::tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const {
  std::optional<AbsentByte> absent = memory_->tryRead(at, out);
  if (absent && absent->absence == Absence::OutsideRam &&
      absent->address >= start_ && absent->address < end_)
    absent->absence = Absence::Truncated;
  return absent;
}

} // namespace vmpt
