//===- SurveyDatabase.h - the records of a survey as tables of SQLite -----===//
//
// docs/fleet.md has the tables and questions to them. A dump and all that
// belongs to it is one transaction: a survey that is interrupted leaves whole
// dumps alone.
//
#pragma once

#include "fleet/SurveyRecord.h"

#include <functional>
#include <memory>

namespace vmpt {

class SurveyDatabase {
public:
  /// A file that is no survey's is an error, and stays as it is. So is any
  /// where the program was built without SQLite.
  static llvm::Expected<std::unique_ptr<SurveyDatabase>>
  open(const std::string &path, unsigned mode);
  virtual ~SurveyDatabase() = default;

  /// Removes what \p isStale says, and tells the others.
  virtual llvm::Error
  review(const std::function<bool(const SurveySummary &)> &isStale,
         const std::function<void(const SurveySummary &)> &onDump) = 0;
  virtual bool has(llvm::StringRef contentId) = 0;
  /// In the place of one of the same content.
  virtual llvm::Error add(const Record &record, llvm::StringRef line) = 0;
};

/// "SQLite 3.40.1"; empty where there is none.
std::string getDatabaseLibrary();

} // namespace vmpt
