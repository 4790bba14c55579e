//===- SurveyRecord.h - one dump of a survey ------------------------------===//
//
// The record of a dump is put together here, out of what its process said: any
// bytes, if the dump took that over. Only members that are known, each once.
// docs/json.md has the keys, docs/fleet.md what is done with them.
//
#pragma once

#include "analysis/Audit.h"
#include "fleet/Workers.h"
#include "output/Record.h"

namespace vmpt {

struct SurveyedFile {
  std::string path;
  std::string contentId; ///< Empty where the file cannot be read.
  uint64_t bytes = 0;
};

/// "complete", "gaps", "failed", "timeout", "out_of_memory", "crashed"
enum class SurveyStatus : uint8_t {
  Complete,    ///< All that was asked for.
  Gaps,        ///< With gaps that its findings name.
  Failed,      ///< Cannot be read, or has no kernel; `error` says why.
  Timeout,     ///< What was found within the limit.
  OutOfMemory, ///< The same.
  Crashed,     ///< A fault of this program's, or of the machine.
};
llvm::StringRef getSurveyStatusWord(SurveyStatus status);

/// Of a file whose process ended with \p result.
Record makeSurveyRecord(const SurveyedFile &file, const WorkResult &result,
                        const WorkLimits &limits);
/// Of a file that cannot be read.
Record makeUnreadableRecord(const std::string &path, const std::string &why);

/// What a survey has to know of a record, its own or one of a file.
struct SurveySummary {
  std::string path, contentId, error;
  SurveyStatus status = SurveyStatus::Failed;
  std::optional<AuditSeverity> worst; ///< Of the audit's findings.
};
/// Nothing if it is no record of a dump.
std::optional<SurveySummary> summarizeRecord(const Record &record);

/// With its line feed.
std::string toJsonLine(const Record &record);

/// A path as a record gives it back: what is no UTF-8 is U+FFFD.
std::string pathInRecord(llvm::StringRef path);

/// The text at \p key, or "".
llvm::StringRef getText(const Record &record, llvm::StringRef key);
/// The object at \p key, or null.
const Record *findObject(const Record &record, llvm::StringRef key);

} // namespace vmpt
