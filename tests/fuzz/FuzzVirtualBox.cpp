#include "FuzzDump.h"

/// EI_VERSION is 0 there.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t start[] = {0x7f, 'E', 'L', 'F', 2, 1, 0};
  vmpt::testing::fuzzDump(start, {data, size});
  return 0;
}
