#include "FuzzDump.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t start[] = {'K', 'D', 'U', 'M', 'P', ' ', ' ', ' '};
  vmpt::testing::fuzzDump(start, {data, size});
  return 0;
}
