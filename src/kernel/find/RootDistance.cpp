#include "kernel/find/RootDistance.h"

#include "paging/Translate.h"

namespace vmpt {

/// Pages that are there, at equal distances of what is there.
RootDistance::RootDistance(const PhysicalMemory &memory) : memory_(memory) {
  constexpr uint64_t most = 64;
  const uint64_t step = memory.presentBytes() / most + 1;
  uint64_t next = 0; // behind the start of the range
  for (const MemoryRange &range : memory.ranges()) {
    if (range.absence)
      continue;
    for (; next < range.size; next += step)
      samples_.push_back(range.start + next);
    next -= range.size;
  }
}

bool RootDistance::isAt(const PagingMode &mode, PhysAddr root, PhysAddr at,
                        VirtAddr place) const {
  const Translation path = translate(memory_, mode, root, place);
  return path.isMapped() && path.address == at;
}

/// The first tables that it leads to. In a mode that is not the right one, they
/// are not at that distance.
bool RootDistance::mapsTables(const PagingMode &mode, PhysAddr root,
                              const SoundTables::Entries &entries,
                              unsigned firstIndex, uint64_t distance) const {
  constexpr unsigned most = 16;
  unsigned asked = 0, right = 0;
  for (size_t index = firstIndex; index < entries.size() && asked < most;
       ++index) {
    const DecodedEntry decoded = mode.decode(entries[index], 0);
    if (!decoded.isTable())
      continue;
    ++asked;
    right += isAt(mode, root, decoded.address,
                  VirtAddr(decoded.address.value + distance));
  }
  return right && right * 4 >= asked * 3;
}

/// Of 32-bit kernels, what there is room for.
bool RootDistance::mapsMemory(const PagingMode &mode, PhysAddr root,
                              uint64_t distance) const {
  size_t asked = 0, right = 0;
  for (PhysAddr at : samples_) {
    const VirtAddr place(at.value + distance);
    if (place > mode.coverage.last())
      continue;
    ++asked;
    right += isAt(mode, root, at, place);
  }
  return right && right * 2 >= asked;
}

} // namespace vmpt
