//===- FuzzDump.h - any bytes as a dump file ------------------------------===//
//
// Under clang with -fsanitize=fuzzer a target is a libFuzzer program; else
// Replay.cpp gives it a main that runs its saved inputs as an ordinary test.
//
#pragma once

#include "FuzzTarget.h"
#include "dump/OpenDump.h"

#include <algorithm>
#include <cstdlib>

namespace vmpt::testing {

/// Opens \p start followed by \p data as a dump, and reads from every range
/// that it claims to have, within a bound. Saved inputs lack the start.
inline void fuzzDump(llvm::ArrayRef<uint8_t> start,
                     llvm::ArrayRef<uint8_t> data) {
  std::vector<uint8_t> file;
  file.reserve(start.size() + data.size()); // reads past the end are seen
  file.insert(file.end(), start.begin(), start.end());
  file.insert(file.end(), data.begin(), data.end());
  auto dump = openDump(Bytes(file), {});
  if (!dump) {
    llvm::consumeError(dump.takeError());
    return;
  }
  unsigned rangesLeft = 200;
  uint64_t next = 0;
  std::vector<uint8_t> buffer(70000);
  for (const MemoryRange &range : dump->memory->ranges()) {
    if (rangesLeft-- == 0)
      break;
    // Ascending, disjoint, not empty.
    PhysAddr last = range.start + (range.size - 1);
    if (range.size == 0 || range.start.value < next || last < range.start)
      std::abort();
    next = last.value + 1;
    llvm::MutableArrayRef<uint8_t> out(
        buffer.data(), std::min<uint64_t>(range.size, buffer.size()));
    for (PhysAddr at : {range.start, last - (out.size() - 1)}) {
      auto absent = dump->memory->tryRead(at, out);
      if (range.absence && (!absent || absent->absence != *range.absence))
        std::abort();
      const uint8_t *view = dump->memory->tryView(at, out.size());
      if (view && (absent || !std::equal(out.begin(), out.end(), view)))
        std::abort();
    }
  }
}

} // namespace vmpt::testing
