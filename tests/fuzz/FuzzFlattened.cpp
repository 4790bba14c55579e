#include "FuzzDump.h"

/// The whole header of the format, so that an input is nothing but records.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  static const std::vector<uint8_t> start = [] {
    const char signature[] = "makedumpfile";
    std::vector<uint8_t> header(4096);
    std::copy(std::begin(signature), std::end(signature), header.begin());
    header[23] = header[31] = 1; // type, version
    return header;
  }();
  vmpt::testing::fuzzDump(start, {data, size});
  return 0;
}
