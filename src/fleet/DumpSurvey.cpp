#include "fleet/DumpSurvey.h"

#include "analysis/Auditor.h"
#include "analysis/CrashGroup.h"
#include "analysis/Explainer.h"
#include "dump/storage/FileFaults.h"
#include "fleet/SurveyRecord.h"
#include "kernel/find/KernelArch.h"
#include "session/AnswerGaps.h"
#include "views/Audit.h"
#include "views/Explain.h"
#include "views/Info.h"
#include "views/Words.h"

#include <cerrno>
#include <map>
#include <unistd.h>

namespace vmpt {

namespace {

/// Of a hostile dump there is no end; how many more there are is said.
constexpr size_t maxListed = 1000;

class DumpSurvey {
public:
  DumpSurvey(std::string path, int fd) : path_(std::move(path)), fd_(fd) {}

  void run();

private:
  void write(const Record &record);
  llvm::Error ask();
  void writeContainer(const Dump &dump);
  void writeKernel(const KernelImage &image);
  void writeCrash(const Kernel &kernel);
  void writeAudit(const Kernel &kernel);
  void finish(llvm::Error error);

  std::string path_;
  int fd_;
  std::unique_ptr<Session> session_;
};

void DumpSurvey::write(const Record &record) {
  const std::string line = toJsonLine(record);
  for (llvm::StringRef left = line; !left.empty();) {
    const ssize_t written = ::write(fd_, left.data(), left.size());
    if (written < 0 && errno == EINTR)
      continue;
    if (written <= 0)
      ::_exit(1);
    left = left.drop_front(size_t(written));
  }
}

void DumpSurvey::writeContainer(const Dump &dump) {
  Record record;
  record.add("container", makeContainerRecord(dump))
      .add("memory", makeMemoryRecord(dump));
  write(record);
}

void DumpSurvey::writeKernel(const KernelImage &image) {
  Record record;
  record.add("arch", getArchName(image.arch->arch))
      .add("release",
           textOrNull(image.vmcoreinfo.release().value_or(image.bannerRelease)))
      .add("build_id",
           textOrNull(image.vmcoreinfo.find("BUILD-ID").value_or("")))
      .add("paging_mode", image.mode.name);
  write(record);
}

void DumpSurvey::writeCrash(const Kernel &kernel) {
  const Crash crash = explainCrash(kernel, session_->machineOf(kernel.image()));
  reportGaps(*session_, crash);
  const CrashSite site = findCrashSite(crash);
  Record record;
  record.add("verdict", getCrashWord(crash.kind))
      .add("group_key", textOrNull(makeGroupKey(crash)))
      .add("site", textOrNull(site.place))
      .add("explain", makeCrashRecord(crash));
  write(record);
}

void DumpSurvey::writeAudit(const Kernel &kernel) {
  AuditReport report;
  const std::vector<AuditFinding> findings =
      auditKernel(kernel, report, /*threads=*/1);
  reportGaps(*session_, report);
  std::map<AuditRule, uint64_t> counts;
  for (const AuditFinding &finding : findings)
    ++counts[finding.rule];
  Record byRule;
  uint64_t more = findings.size() - std::min(findings.size(), maxListed);
  for (auto &[rule, count] : counts) {
    more += report.dropped(rule);
    byRule.add(getInfo(rule).word, count + report.dropped(rule));
  }
  Array listed;
  for (const AuditFinding &finding :
       llvm::ArrayRef<AuditFinding>(findings).take_front(maxListed))
    listed.push_back(makeRecord(finding));
  Record audit, record;
  audit
      .add("severity", findings.empty()
                           ? Value()
                           : Value(getSeverityWord(findings.front().severity)))
      .add("counts", std::move(byRule))
      .add("wx_pages", report.wxPages)
      .add("not_uxn_pages", report.notUxnPages)
      .add("audit", std::move(listed))
      .add("more_findings", more)
      .add("rules_not_judged", makeGapRecords(report.gaps()));
  record.add("audit", std::move(audit));
  write(record);
}

llvm::Error DumpSurvey::ask() {
  Request request;
  request.path = path_;
  request.threads = 1; // others survey other dumps
  auto session = Session::open(std::move(request), llvm::nulls());
  if (!session)
    return session.takeError();
  session_ = std::move(*session);
  // First: it may tell that the file was cut off.
  llvm::Expected<const KernelImage &> image = session_->image();
  writeContainer(session_->wholeDump());
  if (!image)
    return image.takeError();
  writeKernel(*image);
  reportSectionGaps(*session_, *image);
  llvm::Expected<const Kernel &> kernel = session_->kernel();
  if (!kernel)
    return kernel.takeError();
  writeCrash(*kernel);
  writeAudit(*kernel);
  return llvm::Error::success();
}

/// The message of \p error without the file's name, which the record has.
std::string describeError(llvm::Error error) {
  std::string text;
  llvm::handleAllErrors(
      std::move(error),
      [&](llvm::FileError &named) { text = named.messageWithoutFileInfo(); },
      [&](const llvm::ErrorInfoBase &other) { text = other.message(); });
  return text;
}

void DumpSurvey::finish(llvm::Error error) {
  std::string why;
  if (error)
    why = describeError(std::move(error));
  if (std::optional<std::string> fault = describeLastFault())
    why = "a file " + *fault + "; what is said of it is not to be trusted";
  std::vector<Finding> findings;
  if (session_)
    findings = session_->finalFindings();
  llvm::stable_sort(findings, [](const Finding &a, const Finding &b) {
    return a.severity > b.severity;
  });
  Array listed;
  for (const Finding &finding :
       llvm::ArrayRef<Finding>(findings).take_front(maxListed))
    listed.push_back(makeRecord(finding));
  Record record;
  record.add("error", textOrNull(why))
      .add("has_gap", session_ && session_->diagnostics().hasGap())
      .add("findings", std::move(listed))
      .add("more_findings",
           uint64_t(findings.size() - std::min(findings.size(), maxListed)))
      .add("is_whole", true);
  write(record);
}

void DumpSurvey::run() { finish(ask()); }

} // namespace

void surveyDump(const std::string &path, int fd) { DumpSurvey(path, fd).run(); }

} // namespace vmpt
