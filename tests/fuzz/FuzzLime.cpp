#include "FuzzDump.h"

/// Inputs have their own magic, because there are two kinds of record.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  vmpt::testing::fuzzDump({}, {data, size});
  return 0;
}
