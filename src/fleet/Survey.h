//===- Survey.h - many dumps, one record each -----------------------------===//
//
// Takes dumps in their order, leaves out what is done, keeps as many processes
// busy as it may, and writes each record as soon as it is known. What is wrong
// with a dump is its record's; what is wrong with the output ends the survey.
//
#pragma once

#include "fleet/ContentId.h"
#include "fleet/SurveyRecord.h"
#include "support/Diagnostics.h"

#include "llvm/ADT/StringMap.h"

namespace vmpt {

struct SurveyOptions {
  unsigned jobs = 1;
  WorkLimits limits;
  ContentCover cover = ContentCover::Samples;
  /// Findings of the audit that are to be told by the exit status.
  std::optional<AuditSeverity> failOn;
  /// In the process of a dump, before it is opened.
  std::function<void(const std::string &path)> dropRights;
  /// Where a record goes.
  std::function<llvm::Error(const Record &, llvm::StringRef line)> write;
};

class Survey {
public:
  Survey(SurveyOptions options, Diagnostics &diagnostics)
      : options_(std::move(options)), diagnostics_(diagnostics) {}

  /// A dump that has its record already.
  void addDone(const SurveySummary &summary);
  llvm::Error run(llvm::ArrayRef<std::string> paths);

private:
  struct Done {
    SurveySummary summary;
    bool isCounted = false; ///< Is it of this survey's dumps?
  };

  llvm::Error take(const std::string &path, Workers &workers,
                   InterruptWatch &watch);
  llvm::Error start(SurveyedFile file, Workers &workers);
  llvm::Error collect(Workers &workers);
  llvm::Error write(const Record &record);
  void count(const SurveySummary &summary);
  void skip(const std::string &path, Done &done);
  void report(llvm::StringRef kind, const llvm::Twine &sentence,
              Severity severity, const std::string &file = "");
  void conclude(size_t left);

  SurveyOptions options_;
  Diagnostics &diagnostics_;
  llvm::StringMap<Done> done_;      ///< By content id.
  std::vector<SurveyedFile> files_; ///< By job.
  uint64_t written_ = 0, skipped_ = 0, copies_ = 0;
  uint64_t withGaps_ = 0, failedBefore_ = 0, alarming_ = 0;
  std::string copy_; ///< The first, and what it is a copy of.
};

/// What a dump's process may read: the dump with the files beside it that
/// belong to it and are there.
std::vector<std::string> listPresentFiles(const std::string &path);

} // namespace vmpt
