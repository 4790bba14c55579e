//===- Limits.h - how much one mutant may cost ----------------------------===//
//
// Never seconds: a busy machine must not fail a test. Operations are
// comparisons that were executed, counted where the libraries are built with
// -fsanitize-coverage=trace-cmp (-fsanitize=fuzzer-no-link has it); memory is
// what is allocated at one time, counted under AddressSanitizer; output is
// bytes (CountingStream.h). A loop that compares nothing is ended by a clock,
// as the last line.
//
#pragma once

#include <cstdint>

namespace vmpt::robust {

struct Cost {
  uint64_t operations = 0, bytes = 0;
};

/// Exit statuses of a worker that went over a limit.
enum Verdict : int { TooManyOperations = 70, TooMuchMemory };

/// Are operations counted in this build? Memory?
bool countsOperations();
bool countsMemory();

/// From here on costs count, and going over \p limit ends the process with a
/// Verdict. A zero is no limit.
void startCounting(const Cost &limit);
/// What was used since.
Cost stopCounting();

} // namespace vmpt::robust
