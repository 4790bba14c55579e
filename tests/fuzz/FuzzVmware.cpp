#include "FuzzDump.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t start[] = {0xd2, 0xbe, 0xd2, 0xbe};
  vmpt::testing::fuzzDump(start, {data, size});
  return 0;
}
