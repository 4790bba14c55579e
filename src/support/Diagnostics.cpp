#include "support/Diagnostics.h"

namespace vmpt {

void Diagnostics::report(Finding finding) {
  std::lock_guard lock(mutex_);
  if (finding.subject.file.empty())
    finding.subject.file = file_;
  hasGap_ |= finding.severity == Severity::Gap;
  const char severity = char('0' + unsigned(finding.severity));
  const std::string key =
      severity + finding.subject.file + '\0' + finding.sentence;
  if (seen_.count(key))
    return;
  if (seen_.size() < maxKept)
    seen_.insert(key);
  if (onFinding_)
    onFinding_(finding);
  if (findings_.size() < maxKept)
    findings_.push_back(std::move(finding));
}

void Diagnostics::warn(llvm::StringRef kind, const llvm::Twine &sentence,
                       Subject subject) {
  report({kind.str(), sentence.str(), std::move(subject), Severity::Warning});
}

void Diagnostics::gap(llvm::StringRef kind, const llvm::Twine &sentence,
                      Subject subject) {
  report({kind.str(), sentence.str(), std::move(subject), Severity::Gap});
}

void Diagnostics::progress(llvm::StringRef what, uint64_t done,
                           uint64_t total) {
  if (!onProgress_)
    return;
  std::lock_guard lock(mutex_);
  onProgress_(what, done, total);
}

std::vector<Finding> Diagnostics::findings() const {
  std::lock_guard lock(mutex_);
  return findings_;
}

bool Diagnostics::hasGap() const {
  std::lock_guard lock(mutex_);
  return hasGap_;
}

} // namespace vmpt
