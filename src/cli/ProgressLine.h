//===- ProgressLine.h - how far long work has come, on one line -----------===//
#pragma once

#include "llvm/ADT/StringRef.h"

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

namespace vmpt {

/// "vmpt: checking pages: 45%, 310 MiB/s, 12 s left", which replaces itself.
class ProgressLine {
public:
  using Time = std::chrono::steady_clock::time_point;

  /// What to write, if anything changes for who looks at it. Work that takes
  /// less than a second shows nothing; several times a second is enough.
  /// \p total of a MiB and more are bytes, and have a rate.
  std::optional<std::string> update(llvm::StringRef what, uint64_t done,
                                    uint64_t total, Time now);

private:
  std::string work_;
  Time began_, shown_;
  bool isShown_ = false;
};

} // namespace vmpt
