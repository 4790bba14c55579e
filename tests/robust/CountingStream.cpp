#include "CountingStream.h"

#include <algorithm>
#include <unistd.h>

namespace vmpt::robust {

static uint64_t mostBytes = 0;

uint64_t CountingStream::most() { return mostBytes; }

void CountingStream::write_impl(const char *data, size_t size) {
  position_ += size;
  mostBytes = std::max(mostBytes, position_);
  for (size_t i = 0; i < size; ++i) // FNV-1a
    hash_ = (hash_ ^ uint8_t(data[i])) * 0x100000001b3;
  if (position_ > maxBytes)
    ::_exit(tooMuchOutput);
}

uint64_t CountingStream::hash() {
  flush();
  return hash_;
}

} // namespace vmpt::robust
