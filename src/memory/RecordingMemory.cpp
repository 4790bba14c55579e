#include "memory/RecordingMemory.h"

namespace vmpt {

std::optional<AbsentByte>
RecordingMemory::tryRead(PhysAddr at,
                         llvm::MutableArrayRef<uint8_t> out) const {
  record(at, out.size());
  return memory_.tryRead(at, out);
}

const uint8_t *RecordingMemory::tryView(PhysAddr at, uint64_t size) const {
  const uint8_t *view = memory_.tryView(at, size);
  if (view)
    record(at, size);
  return view;
}

void RecordingMemory::record(PhysAddr at, uint64_t size) const {
  if (size == 0)
    return;
  std::lock_guard lock(mutex_);
  for (uint64_t page = at.value / pageBytes;
       page <= (at.value + (size - 1)) / pageBytes; ++page)
    pages_.insert(page);
}

std::vector<PhysAddr> RecordingMemory::getPages() const {
  std::lock_guard lock(mutex_);
  std::vector<PhysAddr> pages;
  for (uint64_t page : pages_)
    pages.push_back(PhysAddr(page * pageBytes));
  return pages;
}

} // namespace vmpt
