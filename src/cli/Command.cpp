#include "cli/Command.h"

#include "cli/SandboxPlan.h"

namespace vmpt {

void Command::dropRights(const OptionParser &parser) {
  enterSandbox(planSandbox(parser));
}

llvm::Error CommandContext::flush() const {
  out_.flush();
  if (!file_ || !file_->has_error())
    return llvm::Error::success();
  return llvm::make_error<UsageError>("cannot write the output: " +
                                      file_->error().message());
}

llvm::Expected<std::unique_ptr<Session>>
CommandContext::openRequest(Request request) const {
  if (file_)
    if (llvm::Error error = judgeStandardOutput(request))
      return error;
  auto session = Session::open(
      std::move(request), out_,
      [&messages = messages_](const Finding &finding) {
        messages.report(finding);
      },
      [&messages = messages_](llvm::StringRef what, uint64_t done,
                              uint64_t total) {
        messages.showProgress(what, done, total);
      });
  if (!session)
    return session.takeError();
  if (llvm::Error error = (*session)->judgeDebugInputs())
    return (*session)->withFileName(std::move(error));
  return session;
}

} // namespace vmpt
