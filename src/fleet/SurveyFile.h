//===- SurveyFile.h - records that are there as soon as they are known ----===//
//
// A survey takes hours and is interrupted. So its file is not one that appears
// whole: it grows by a line for each dump, is valid after each, and a survey
// that finds it goes on where it ended. A line that was cut off (power, kill
// -9) is taken off then. One survey at a time writes to it.
//
#pragma once

#include "fleet/SurveyRecord.h"

#include <functional>
#include <memory>

namespace vmpt {

class SurveyFile {
public:
  /// A record that is there already, and its line.
  using Handler = std::function<void(const Record &, llvm::StringRef line)>;

  /// Shall a record be made anew?
  using Filter = std::function<bool(const SurveySummary &)>;

  /// A file with other content is an error, and stays as it is. Records that
  /// \p isStale says are dropped, the others told. \p mode of a new file. What
  /// is no regular file is written to, and has nothing.
  static llvm::Expected<std::unique_ptr<SurveyFile>>
  open(const std::string &path, unsigned mode, const Filter &isStale,
       const Handler &onRecord);
  ~SurveyFile();
  SurveyFile(const SurveyFile &) = delete;
  SurveyFile &operator=(const SurveyFile &) = delete;

  /// All of \p line, or nothing of it and an error.
  llvm::Error add(llvm::StringRef line);

private:
  struct Content;

  SurveyFile(int fd, bool isStream) : fd_(fd), isStream_(isStream) {}
  llvm::Expected<Content> read(const Filter &isStale,
                               const Handler &onRecord) const;

  int fd_;
  bool isStream_;
  uint64_t size_ = 0;
};

} // namespace vmpt
