#include "FuzzDump.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const uint8_t start[] = {0xa8, 0x19, 0x01, 0x73,
                                  0x61, 0x8f, 0x23, 0xfd};
  vmpt::testing::fuzzDump(start, {data, size});
  return 0;
}
