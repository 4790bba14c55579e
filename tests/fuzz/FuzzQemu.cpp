#include "FuzzDump.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t start[] = {'Q', 'E', 'V', 'M', 0, 0, 0, 3};
  vmpt::testing::fuzzDump(start, {data, size});
  return 0;
}
