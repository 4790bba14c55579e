#include "memory/PhysicalMemory.h"

#include "llvm/Support/raw_ostream.h"

namespace vmpt {

char MemoryError::ID = 0;

llvm::StringRef getAbsenceName(Absence absence) {
  switch (absence) {
  case Absence::OutsideRam:
    return "outside RAM";
  case Absence::Excluded:
    return "excluded";
  case Absence::Truncated:
    return "truncated";
  case Absence::Corrupt:
    return "corrupt";
  }
  return "unknown";
}

void MemoryError::log(llvm::raw_ostream &os) const {
  os << "physical address " << hex(first_.address) << " is not in the dump ("
     << getAbsenceName(first_.absence) << ")";
}

void appendRange(std::vector<MemoryRange> &ranges, const MemoryRange &next) {
  MemoryRange *last = ranges.empty() ? nullptr : &ranges.back();
  if (last && last->absence == next.absence &&
      last->start + last->size == next.start && last->size + next.size != 0)
    last->size += next.size;
  else
    ranges.push_back(next);
}

PhysicalMemory::~PhysicalMemory() = default;

uint64_t PhysicalMemory::presentBytes() const {
  uint64_t bytes = 0;
  for (const MemoryRange &range : ranges())
    bytes += range.absence ? 0 : range.size;
  return bytes;
}

uint64_t PhysicalMemory::truncatedBytes() const {
  uint64_t bytes = 0;
  for (const MemoryRange &range : ranges())
    bytes += range.absence == Absence::Truncated ? range.size : 0;
  return bytes;
}

const uint8_t *PhysicalMemory::tryView(PhysAddr, uint64_t) const {
  return nullptr;
}

llvm::Error PhysicalMemory::read(PhysAddr at,
                                 llvm::MutableArrayRef<uint8_t> out) const {
  if (auto absent = tryRead(at, out))
    return llvm::make_error<MemoryError>(*absent);
  return llvm::Error::success();
}

} // namespace vmpt
