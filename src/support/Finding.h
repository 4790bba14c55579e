//===- Finding.h - what was noticed: what kind, about what, in words ------===//
//
// Warnings, gaps and results of checks are all findings. Programs read the
// kind and the subject, people the sentence; the exit status derives from them.
//
#pragma once

#include "support/Address.h"

#include <cstdint>
#include <optional>
#include <string>

namespace vmpt {

/// What a finding is about. What does not apply is left out.
struct Subject {
  std::string file; ///< The dump, or another file that was read.
  std::optional<FileOffset> offset;
  std::optional<PhysAddr> physical;
  std::optional<VirtAddr> virtualStart;
  /// Of the range that starts at one of the three above.
  std::optional<uint64_t> sizeBytes;
  std::optional<uint32_t> pid;

  bool operator==(const Subject &) const = default;
};

enum class Severity : uint8_t {
  Warning, ///< To be known; what was asked for is all there.
  Gap,     ///< Something of what was asked for is missing or in doubt.
  Alarm,   ///< What the user asked to be told of by the exit status is there.
};

/// "warning", "gap", "alarm"
constexpr const char *getSeverityWord(Severity severity) {
  return severity == Severity::Gap     ? "gap"
         : severity == Severity::Alarm ? "alarm"
                                       : "warning";
}

struct Finding {
  /// A stable word: "table-absent", "other-kernel".
  std::string kind;
  /// As errors are worded; does not name the file.
  std::string sentence;
  Subject subject;
  Severity severity = Severity::Warning;

  bool operator==(const Finding &) const = default;
};

} // namespace vmpt
