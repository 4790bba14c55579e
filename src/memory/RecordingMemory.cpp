#include "memory/RecordingMemory.h"

#include <array>
#include <atomic>

namespace vmpt {

namespace {

/// Pages that this thread has recorded: most reads are of a page that was read
/// a moment ago, and threads need not meet for those.
struct Recorded {
  uint64_t owner = 0; ///< RecordingMemory::id_; none has 0.
  uint64_t page = 0;
};
thread_local std::array<Recorded, 256> lately;

uint64_t makeId() {
  static std::atomic<uint64_t> last = 0;
  return ++last;
}

} // namespace

RecordingMemory::RecordingMemory(const PhysicalMemory &memory)
    : memory_(memory), id_(makeId()) {}

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
  for (uint64_t page = at.value / pageBytes;
       page <= (at.value + (size - 1)) / pageBytes; ++page) {
    Recorded &known = lately[page % lately.size()];
    if (known.owner == id_ && known.page == page)
      continue;
    known = {id_, page};
    std::lock_guard lock(mutex_);
    pages_.insert(page);
  }
}

std::vector<PhysAddr> RecordingMemory::getPages() const {
  std::lock_guard lock(mutex_);
  std::vector<PhysAddr> pages;
  for (uint64_t page : pages_)
    pages.push_back(PhysAddr(page * pageBytes));
  return pages;
}

} // namespace vmpt
