//===- CrashRules.h - from what is known of a crash to its kind -----------===//
#pragma once

#include "analysis/Crash.h"

namespace vmpt {

/// What the rules look at.
struct CrashFacts {
  Trap trap = Trap::None;
  FaultAccess access = FaultAccess::Unknown;
  FaultCause cause = FaultCause::Unknown;
  AddressClass what = AddressClass::Unknown;
  bool hasAddress = false;
  bool hasBugLine = false;
  std::optional<std::string> panic;
  /// sysrq's handler was at work: the log's line or the stack says so.
  bool isSysrq = false;
  /// A watchdog was: the log or the stack says so.
  bool isHang = false;
  /// That the kernel died at all is known, though not how.
  bool hasDied = false;
  /// It is known that it did not.
  bool isAlive = false;
};

/// The verdict, and the words of the rule that fits first.
struct Verdict {
  CrashKind kind;
  llvm::StringRef reason;
};
Verdict judge(const CrashFacts &facts);

} // namespace vmpt
