//===- SessionGaps.cpp - what is missing, and why -------------------------===//
#include "session/Session.h"

namespace vmpt {

/// 7.1 changed how a tail page names its head. A makedumpfile that does not
/// know that takes pages of the kernel for pages of users, and leaves them out.
void Session::explainFilter(llvm::StringRef sentence) {
  const KernelVersion changed{7, 1};
  const unsigned zeroPages = 1;
  if (explainedFilter_ || !image_ || image_->version() < changed ||
      image_->vmcoreinfo.text().empty() ||
      !(dump_.dumpLevel.value_or(0) & ~zeroPages) ||
      !sentence.contains(getAbsenceName(Absence::Excluded)))
    return;
  explainedFilter_ = true;
  warn(
      "filter-too-old",
      "pages that the kernel needs were filtered out: a makedumpfile that does "
      "not know Linux 7.1 takes them for pages of users; take the dump with a "
      "newer one, or with 'makedumpfile -d 1'");
}

/// What a trimmed dump lacks was left out by us, and no file of symbols has it.
void Session::explainTrim(llvm::StringRef sentence) {
  const bool isLack = sentence.contains(getAbsenceName(Absence::Excluded)) ||
                      sentence.contains("(tried ");
  if (explainedTrim_ || !dump_.isTrimmed || !isLack)
    return;
  explainedTrim_ = true;
  warn("trimmed", "cut by vmpt trim, which leaves out what info and kernel do "
                  "not read (with --tasks: tasks, task and maps); ask the "
                  "whole dump");
}

llvm::Error Session::endWith(llvm::Error error) {
  std::string sentence;
  error = llvm::handleErrors(
      std::move(error),
      [&](std::unique_ptr<llvm::ErrorInfoBase> info) -> llvm::Error {
        sentence = info->message();
        return llvm::Error(std::move(info));
      });
  explainFilter(sentence);
  explainTrim(sentence);
  return withFileName(std::move(error));
}

void Session::gap(llvm::StringRef kind, const llvm::Twine &sentence,
                  Subject subject) {
  // Bytes that somebody reads may well be a user's.
  if (kind != "memory-absent")
    explainFilter(sentence.str());
  explainTrim(sentence.str());
  subject.file = fileName();
  diagnostics_->gap(kind, sentence, std::move(subject));
}

void Session::gap(llvm::StringRef kind, llvm::Error error, Subject subject) {
  gap(kind, takeMessage(std::move(error)), std::move(subject));
}

} // namespace vmpt
