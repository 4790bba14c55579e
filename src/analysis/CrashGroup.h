//===- CrashGroup.h - by which crashes of many machines meet --------------===//
//
// The same fault on two machines has other addresses (KASLR), another task and
// another CPU. What stays is the kind, the function that did it, and what sort
// of address it was. Offsets in the function are another build's other number,
// so they are no part of the key; CrashSite has them for those who want them.
//
#pragma once

#include "analysis/Crash.h"

namespace vmpt {

struct CrashSite {
  /// "wr [lab_crash]": without offset, and without what a compiler adds to the
  /// name of a piece of a function (".cold", ".isra.0"). Empty: not known.
  std::string function;
  /// "wr+0x5/0x17 [lab_crash]"
  std::string place;
};

/// Who did it: the function that faulted; where that jumped to nowhere, or
/// where nothing faulted, the function that called.
CrashSite findCrashSite(const Crash &crash);

/// "write-read-only|wr [lab_crash]|kernel_rodata": kind, function, region; "-"
/// where there is none. A panic whose caller nothing names has its text there,
/// with N for each number. Empty where no kernel died.
std::string makeGroupKey(const Crash &crash);

} // namespace vmpt
