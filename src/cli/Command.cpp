#include "cli/Command.h"

namespace vmpt {

llvm::Expected<std::unique_ptr<Session>>
CommandContext::openRequest(Request request) const {
  return Session::open(
      std::move(request), out_,
      [&messages = messages_](const Finding &finding) {
        messages.report(finding);
      },
      [&messages = messages_](llvm::StringRef what, uint64_t done,
                              uint64_t total) {
        messages.showProgress(what, done, total);
      });
}

} // namespace vmpt
