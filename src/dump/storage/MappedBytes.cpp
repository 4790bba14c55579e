#include "dump/storage/MappedBytes.h"

#include "support/Bits.h"

#include <algorithm>
#include <cerrno>
#include <sys/mman.h>
#include <unistd.h>

namespace vmpt {

void forgetMapped(const uint8_t *data, uint64_t size) {
  constexpr uint64_t faultBytes = 64 << 10;
  const std::optional<MappedPlace> place = findMappedPlace(data);
  if (!place || !size)
    return;
  const uint64_t first = alignDown(place->offset, faultBytes);
  const uint64_t end =
      std::min(alignUp(place->offset + size, faultBytes), place->size);
  // Of a mapping of a file this only drops what can be read again.
  if (first < end)
    ::madvise(const_cast<uint8_t *>(data - (place->offset - first)),
              end - first, MADV_DONTNEED);
}

std::pair<uint64_t, uint64_t> findStored(int fd, uint64_t offset,
                                         uint64_t end) {
  const off_t first = ::lseek(fd, off_t(offset), SEEK_DATA);
  if (first < 0)
    return {errno == ENXIO ? end : offset, end};
  const off_t last = ::lseek(fd, first, SEEK_HOLE);
  const uint64_t stop = last < 0 ? end : std::min(uint64_t(last), end);
  return {std::min(uint64_t(first), stop), stop};
}

} // namespace vmpt
