//===- Messages.h - findings, errors and progress on standard error -------===//
#pragma once

#include "cli/ProgressLine.h"
#include "support/Finding.h"

#include "llvm/Support/Error.h"
#include "llvm/Support/raw_ostream.h"

#include <algorithm>
#include <string>

namespace vmpt {

/// Standard error may be closed, full, or a pipe that nobody reads: what cannot
/// be said is lost, and nothing else. Findings of several dumps may come from
/// several threads only if they do not overlap.
class Messages {
public:
  /// \p result is flushed before each message: on a terminal both are one text.
  explicit Messages(llvm::raw_ostream &result);

  void report(const Finding &finding);
  void fail(llvm::Error error);
  /// A line that replaces itself, only where a terminal shows it.
  void showProgress(llvm::StringRef what, uint64_t done, uint64_t total);

  /// Of a command that printed its result: 1 if a gap was reported, 3 for an
  /// alarm, or more where the result itself is an answer (diff: different).
  int exitStatus() const { return status_; }
  void raiseStatus(int status) { status_ = std::max(status_, status); }

private:
  void say(const std::string &line);
  /// A line of its own, also where progress was shown.
  void sayLine(const std::string &line);

  llvm::raw_ostream &result_;
  const bool isTerminal_;
  ProgressLine progress_;
  bool hasProgressLine_ = false;
  int status_ = 0;
};

} // namespace vmpt
