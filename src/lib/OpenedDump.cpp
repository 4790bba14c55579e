#include "lib/OpenedDump.h"

#include "llvm/ADT/ScopeExit.h"

namespace vmpt {

void FindingList::add(const Finding &finding) {
  hasGap_ |= finding.severity == Severity::Gap;
  if (findings_.size() < Diagnostics::maxKept &&
      !llvm::is_contained(llvm::ArrayRef<Finding>(findings_).take_back(64),
                          finding))
    findings_.push_back(finding);
}

llvm::Expected<std::shared_ptr<OpenedDump>> OpenedDump::open(Request request) {
  auto dump = std::make_shared<OpenedDump>();
  llvm::Expected<std::unique_ptr<Session>> session =
      Session::open(std::move(request), llvm::nulls(),
                    [dump = dump.get()](const Finding &finding) {
                      dump->target_->add(finding);
                    });
  if (!session)
    return session.takeError();
  dump->session_ = std::move(*session);
  if (llvm::Error error = dump->session_->judgeDebugInputs())
    return dump->session_->withFileName(std::move(error));
  return dump;
}

llvm::Error OpenedDump::note(llvm::function_ref<llvm::Error()> find) {
  FindingList noticed;
  FindingList *const outer = std::exchange(target_, &noticed);
  llvm::Error error = [&] {
    const auto restore = llvm::make_scope_exit([&] { target_ = outer; });
    return find();
  }();
  FindingList &to = error ? *outer : standing_;
  for (const Finding &finding : noticed.all())
    to.add(finding);
  if (error)
    return session_->withFileName(std::move(error));
  return error;
}

llvm::Expected<const Kernel &> OpenedDump::kernel() {
  const Kernel *found = nullptr;
  llvm::Error error = note([&]() -> llvm::Error {
    llvm::Expected<const Kernel &> kernel = session_->kernel();
    if (!kernel)
      return kernel.takeError();
    found = &*kernel;
    return llvm::Error::success();
  });
  if (error)
    return error;
  return *found;
}

llvm::Expected<const Kernel &> OpenedDump::kernelBy(PhysAddr root) {
  if (llvm::Error error = note([&] { return session_->findKernelBy(root); }))
    return error;
  return kernel();
}

void OpenedDump::lookForImage() {
  llvm::consumeError(
      note([&]() -> llvm::Error { return session_->image().takeError(); }));
}

Question::Question(OpenedDump &dump)
    : dump_(dump), lock_(dump.mutex_), outer_(dump.target_) {
  dump.target_ = &own_;
  // A finding of an earlier answer is one of this, too.
  dump.session_->forgetFindings();
}

int Question::status() {
  session().compareLiveMemory();
  return own_.hasGap() || dump_.standing_.hasGap() ? VMPT_GAPS : VMPT_OK;
}

int Question::finish(Document &document, vmpt_result **result) {
  const int last = status();
  FindingList all = dump_.standing_;
  for (const Finding &finding : own_.all())
    all.add(finding);
  document.finish(all.all());
  const int answer = document.isStopped() ? int(VMPT_STOPPED) : last;
  if (result)
    *result = new vmpt_result{document.take()};
  return answer;
}

} // namespace vmpt
