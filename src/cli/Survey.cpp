//===- Survey.cpp - vmpt survey: many dumps, one record each --------------===//
#include "fleet/Survey.h"
#include "cli/Commands.h"
#include "cli/PathList.h"
#include "cli/SandboxPlan.h"
#include "fleet/DumpFinder.h"
#include "fleet/SurveyDatabase.h"
#include "fleet/SurveyFile.h"
#include "support/Parallel.h"

#include "llvm/ADT/StringSet.h"

#include <sys/stat.h>

namespace vmpt {

namespace {

class SurveyCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override;
  void dropRights(const OptionParser &) override { dropsRights_ = true; }
  llvm::Error run(const CommandContext &context) override;

private:
  llvm::Expected<SurveyOptions> readOptions() const;
  llvm::Expected<FoundDumps> findFiles() const;
  llvm::Error judgeOutputs() const;
  llvm::Error openOutputs(Survey &survey, unsigned mode);
  llvm::Error openDatabase(Survey &survey, unsigned mode);
  bool isOutput(const std::string &path) const;
  /// Is it to be done again, now?
  bool isStale(const SurveySummary &summary) const {
    return paths_.contains(summary.path) &&
           (summary.contentId.empty() ||
            (retries_ && summary.status > SurveyStatus::Gaps));
  }
  bool hasFile() const { return output_ && *output_ != "-"; }
  llvm::Error write(const CommandContext &context, const Record &record,
                    llvm::StringRef line);

  std::vector<std::string> words_;
  std::optional<std::string> output_, database_, timeLimit_, failOn_;
  std::optional<uint64_t> jobs_, memoryLimit_;
  bool retries_ = false, hashesAll_ = false;
  bool dropsRights_ = false;
  llvm::StringSet<> paths_; ///< What is surveyed.
  std::unique_ptr<SurveyFile> file_;
  std::unique_ptr<SurveyDatabase> tables_;
};

void SurveyCommand::addOptions(OptionParser &parser) {
  parser.addWords("DUMP|DIR|-",
                  "dumps; folders, with every file below them; -: a list of "
                  "either on standard input, a line each or between NULs",
                  words_);
  parser.addNumber("--jobs", "N",
                   "so many dumps at a time; without it, one for each core",
                   jobs_);
  parser.addText("-o,--output", "FILE",
                 "write to FILE, and go on where it ends if it is there",
                 output_);
  parser.addText("--sqlite", "FILE", "write tables of SQLite to FILE, too",
                 database_);
  parser.addText("--time-limit", "TIME",
                 "end a dump that takes longer: 90 or 90s, 500ms, 5m, 1h "
                 "(10m)",
                 timeLimit_);
  parser.addNumber("--memory-limit", "SIZE",
                   "end a dump that needs more memory, the mapped file left "
                   "out (4G); 0: no limit",
                   memoryLimit_);
  parser.addFlag("--retry", "survey again what failed before", retries_);
  parser.addFlag("--full-id",
                 "tell dumps apart by all of their bytes, not by samples",
                 hashesAll_);
  parser.addText("--fail-on", "SEVERITY",
                 "exit status 3 if a dump has a finding of audit that is info, "
                 "low, medium, high or more",
                 failOn_);
  parser.offer("--fail-on", {"info", "low", "medium", "high"});
}

llvm::Expected<SurveyOptions> SurveyCommand::readOptions() const {
  SurveyOptions options;
  constexpr uint64_t maxJobs = 1024;
  if (jobs_ && (*jobs_ == 0 || *jobs_ > maxJobs))
    return llvm::make_error<UsageError>("--jobs " + llvm::Twine(*jobs_) +
                                        " is not from 1 to " +
                                        llvm::Twine(maxJobs));
  options.jobs = unsigned(jobs_.value_or(countCores()));
  if (timeLimit_) {
    auto time = parseDuration(*timeLimit_, "--time-limit");
    if (!time)
      return time.takeError();
    options.limits.time = *time;
  }
  if (memoryLimit_)
    options.limits.memoryBytes = *memoryLimit_;
  if (hashesAll_)
    options.cover = ContentCover::Everything;
  if (failOn_) {
    llvm::Expected<AuditSeverity> severity = parseAuditSeverity(*failOn_);
    if (!severity)
      return severity.takeError();
    options.failOn = *severity;
  }
  if (dropsRights_)
    options.dropRights = [](const std::string &path) {
      enterSandbox(planReading(listPresentFiles(path)));
    };
  return options;
}

bool isSameFile(const struct stat &a, const struct stat &b) {
  return a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

/// A file that grows while it is looked for is no dump.
bool SurveyCommand::isOutput(const std::string &path) const {
  struct stat a, b;
  for (const std::optional<std::string> &output : {output_, database_})
    if (output && ::stat(output->c_str(), &a) == 0 &&
        ::stat(path.c_str(), &b) == 0 && isSameFile(a, b))
      return true;
  return database_ && path == *database_ + "-journal";
}

llvm::Expected<FoundDumps> SurveyCommand::findFiles() const {
  if (words_.empty())
    return llvm::make_error<UsageError>(
        "no dump is named; give dumps, folders, or - for a list on standard "
        "input");
  std::vector<std::string> words;
  for (const std::string &word : words_) {
    if (word != "-") {
      words.push_back(word);
      continue;
    }
    llvm::Expected<std::string> list = readStandardInput();
    if (!list)
      return list.takeError();
    for (std::string &path : splitPathList(*list))
      words.push_back(std::move(path));
  }
  return findDumps(words,
                   [this](const std::string &path) { return isOutput(path); });
}

/// Before anything is made.
llvm::Error SurveyCommand::judgeOutputs() const {
  if (output_ && output_->empty())
    return llvm::make_error<UsageError>("--output names no file");
  if (retries_ && !hasFile() && !database_)
    return llvm::make_error<UsageError>(
        "--retry goes with -o FILE or --sqlite FILE, which say what failed "
        "before");
  if (!database_)
    return llvm::Error::success();
  const auto refuse = [](const llvm::Twine &what) {
    return llvm::make_error<UsageError>(what + "; name another file");
  };
  if (database_->empty() || *database_ == "-")
    return refuse("--sqlite '" + llvm::Twine(*database_) +
                  "' is no file that a database can be in");
  struct stat database, output;
  const bool exists = ::stat(database_->c_str(), &database) == 0;
  if (exists && !S_ISREG(database.st_mode))
    return refuse("'" + *database_ + "': is no regular file, as a database is");
  // SQLite takes one byte for none.
  if (exists && database.st_size == 1)
    return refuse("'" + *database_ + "': is no database");
  const bool isOutput =
      hasFile() && (*output_ == *database_ ||
                    (exists && ::stat(output_->c_str(), &output) == 0 &&
                     isSameFile(database, output)));
  if (isOutput)
    return refuse("'" + *database_ + "': is named by --output and by --sqlite");
  return llvm::Error::success();
}

/// What is there already counts as done, in the order of the file.
llvm::Error SurveyCommand::openOutputs(Survey &survey, unsigned mode) {
  if (database_)
    if (llvm::Error error = openDatabase(survey, mode))
      return llvm::createFileError(*database_, std::move(error));
  if (!hasFile())
    return llvm::Error::success();
  llvm::Error missing = llvm::Error::success();
  auto file = SurveyFile::open(
      *output_, mode,
      [this](const SurveySummary &summary) { return isStale(summary); },
      [&](const Record &record, llvm::StringRef line) {
        const std::optional<SurveySummary> summary = summarizeRecord(record);
        if (!summary)
          return;
        if (!summary->contentId.empty())
          survey.addDone(*summary);
        if (tables_ && !missing && !tables_->has(summary->contentId))
          missing = tables_->add(record, line);
      });
  if (!file) {
    llvm::consumeError(std::move(missing));
    return llvm::createFileError(*output_, file.takeError());
  }
  file_ = std::move(*file);
  if (missing)
    return llvm::createFileError(*database_, std::move(missing));
  return llvm::Error::success();
}

llvm::Error SurveyCommand::openDatabase(Survey &survey, unsigned mode) {
  auto tables = SurveyDatabase::open(*database_, mode);
  if (!tables)
    return tables.takeError();
  tables_ = std::move(*tables);
  // With -o, that file says what is done.
  return tables_->review(
      [this](const SurveySummary &summary) { return isStale(summary); },
      [&](const SurveySummary &summary) {
        if (!hasFile() && !summary.contentId.empty())
          survey.addDone(summary);
      });
}

llvm::Error SurveyCommand::write(const CommandContext &context,
                                 const Record &record, llvm::StringRef line) {
  if (tables_)
    if (llvm::Error error = tables_->add(record, line))
      return llvm::createFileError(*database_, std::move(error));
  if (!file_) {
    context.out() << line;
    return context.flush();
  }
  if (llvm::Error error = file_->add(line))
    return llvm::createFileError(*output_, std::move(error));
  return llvm::Error::success();
}

/// As many may read the result as may read all of the dumps.
unsigned commonMode(llvm::ArrayRef<std::string> paths) {
  unsigned mode = 0666;
  struct stat status;
  for (const std::string &path : paths)
    if (::stat(path.c_str(), &status) == 0)
      mode &= status.st_mode | 0600;
  return mode;
}

llvm::Error SurveyCommand::run(const CommandContext &context) {
  llvm::Expected<SurveyOptions> options = readOptions();
  if (!options)
    return options.takeError();
  if (llvm::Error error = judgeOutputs())
    return error;
  llvm::Expected<FoundDumps> found = findFiles();
  if (!found)
    return found.takeError();
  options->write = [&](const Record &record, llvm::StringRef line) {
    return write(context, record, line);
  };
  Diagnostics diagnostics(
      [&](const Finding &finding) { context.report(finding); },
      [&](llvm::StringRef what, uint64_t done, uint64_t total) {
        context.showProgress(what, done, total);
      });
  Survey survey(std::move(*options), diagnostics);
  for (const std::string &path : found->paths)
    paths_.insert(pathInRecord(path));
  if (llvm::Error error = openOutputs(survey, commonMode(found->paths)))
    return error;
  for (const Finding &finding : found->findings)
    diagnostics.report(finding);
  if (found->paths.empty())
    diagnostics.warn("no-dumps", "there is no file to survey");
  return survey.run(found->paths);
}

} // namespace

const CommandInfo surveyCommand = {
    "survey", "tell of many dumps what they are, why they died, what is wrong",
    "Writes a record for each dump (JSONL): what it is, what explain and audit "
    "say of it, what is missing, what it cost. Each dump has a process of its "
    "own with limits; one that is broken is a record, and what is done is not "
    "done again.",
    createCommand<SurveyCommand>};

} // namespace vmpt
