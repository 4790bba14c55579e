#include "FuzzDump.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t start[] = {0x7f, 'E', 'L', 'F', 2, 1, 1};
  vmpt::testing::fuzzDump(start, {data, size});
  return 0;
}
