#include "fleet/Survey.h"

#include "dump/OpenDump.h"
#include "fleet/DumpSurvey.h"

#include "llvm/ADT/STLExtras.h"

#include <unistd.h>

namespace vmpt {

namespace {

/// "3 dumps", "1 dump"
std::string countDumps(uint64_t count) {
  return std::to_string(count) + (count == 1 ? " dump" : " dumps");
}

bool hasFailed(const SurveySummary &summary) {
  return summary.status > SurveyStatus::Gaps;
}

} // namespace

std::vector<std::string> listPresentFiles(const std::string &path) {
  std::vector<std::string> files = listDumpFiles(path, {});
  llvm::erase_if(files, [&](const std::string &file) {
    return file != path && ::access(file.c_str(), F_OK) != 0;
  });
  return files;
}

void Survey::report(llvm::StringRef kind, const llvm::Twine &sentence,
                    Severity severity, const std::string &file) {
  Finding finding;
  finding.kind = kind.str();
  finding.sentence = sentence.str();
  finding.subject.file = file;
  finding.severity = severity;
  diagnostics_.report(std::move(finding));
}

void Survey::count(const SurveySummary &summary) {
  withGaps_ += summary.status == SurveyStatus::Gaps;
  alarming_ += options_.failOn && summary.worst >= options_.failOn;
}

void Survey::addDone(const SurveySummary &summary) {
  done_[summary.contentId].summary = summary;
}

/// The exit status is that of a survey without an interruption.
void Survey::skip(const std::string &path, Done &done) {
  ++skipped_;
  if (!done.isCounted) {
    done.isCounted = true;
    count(done.summary);
    failedBefore_ += hasFailed(done.summary);
  }
  if (done.summary.path != pathInRecord(path) && !copies_++)
    copy_ = "'" + path + "' is '" + done.summary.path + "'";
}

llvm::Error Survey::write(const Record &record) {
  const std::optional<SurveySummary> summary = summarizeRecord(record);
  if (llvm::Error error = options_.write(record, toJsonLine(record)))
    return error;
  ++written_;
  count(*summary);
  if (hasFailed(*summary))
    report("dump-" + getSurveyStatusWord(summary->status).str(), summary->error,
           Severity::Gap, summary->path);
  return llvm::Error::success();
}

llvm::Error Survey::start(SurveyedFile file, Workers &workers) {
  files_.push_back(std::move(file));
  const std::string &path = files_.back().path;
  for (;;) {
    llvm::Error error = workers.start(files_.size() - 1, [&](int fd) {
      if (options_.dropRights)
        options_.dropRights(path);
      surveyDump(path, fd);
    });
    // There may be one when another has ended.
    if (!error || workers.isIdle())
      return error;
    llvm::consumeError(std::move(error));
    if (llvm::Error problem = collect(workers))
      return problem;
  }
}

llvm::Error Survey::take(const std::string &path, Workers &workers,
                         InterruptWatch &watch) {
  llvm::Expected<ContentId> id =
      computeContentId(listPresentFiles(path), options_.cover,
                       [&watch] { return watch.isInterrupted(); });
  if (!id) {
    const std::string why = llvm::toString(id.takeError());
    if (watch.isInterrupted())
      return llvm::Error::success();
    return write(makeUnreadableRecord(path, why));
  }
  const auto [known, isNew] = done_.try_emplace(id->text);
  Done &done = known->second;
  if (!isNew) {
    skip(path, done);
    return llvm::Error::success();
  }
  done.summary.path = pathInRecord(path);
  done.isCounted = true; // When its record is written.
  return start({path, id->text, id->bytes}, workers);
}

llvm::Error Survey::collect(Workers &workers) {
  for (const WorkResult &result : workers.wait())
    if (llvm::Error error = write(
            makeSurveyRecord(files_[result.job], result, options_.limits)))
      return error;
  return llvm::Error::success();
}

void Survey::conclude(size_t left) {
  if (copies_)
    report("copies",
           countDumps(copies_) +
               " have the content of another and no record of their own: " +
               copy_ + (copies_ > 1 ? ", ..." : ""),
           Severity::Warning);
  if (failedBefore_)
    report("failed-before",
           countDumps(failedBefore_) +
               " failed before and have a record; --retry tries again",
           Severity::Gap);
  if (withGaps_)
    report("dumps-with-gaps",
           countDumps(withGaps_) + " with gaps, which the records name",
           Severity::Gap);
  if (alarming_)
    report("fail-on",
           countDumps(alarming_) + " with findings that are " +
               getSeverityWord(*options_.failOn) + " or more",
           Severity::Alarm);
  if (left)
    report("interrupted",
           "interrupted: " + countDumps(left) +
               " are left; with -o or --sqlite the same command goes on "
               "where it ended",
           Severity::Gap);
}

llvm::Error Survey::run(llvm::ArrayRef<std::string> paths) {
  files_.reserve(paths.size()); // Processes are started with their paths.
  InterruptWatch watch;
  Workers workers(options_.jobs, options_.limits, watch);
  for (size_t next = 0; !watch.isInterrupted();) {
    if (next < paths.size() && workers.hasRoom()) {
      if (llvm::Error error = take(paths[next++], workers, watch))
        return error;
    } else if (workers.isIdle()) {
      break;
    } else if (llvm::Error error = collect(workers)) {
      return error;
    }
    diagnostics_.progress("survey", written_ + skipped_, paths.size());
  }
  conclude(paths.size() - (written_ + skipped_));
  return llvm::Error::success();
}

} // namespace vmpt
