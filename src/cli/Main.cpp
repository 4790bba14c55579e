#include "cli/Main.h"

#include "cli/Options.h"
#include "support/Text.h"

#include "llvm/Support/raw_ostream.h"

#include <csignal>
#include <unistd.h>

namespace vmpt {

/// Files are mapped: one that shrinks, or a disk that fails, is a signal at
/// whatever instruction reads it. Nothing but write(2) is safe here.
static void endOnUnreadableFile(int) {
  static constexpr char message[] =
      "vmpt: error: a file cannot be read any more: it became shorter while "
      "it was in use, or its disk has an error\n";
  [[maybe_unused]] ssize_t written =
      ::write(STDERR_FILENO, message, sizeof(message) - 1);
  ::_exit(2);
}

static void handleUnreadableFiles() {
  struct sigaction action = {};
  action.sa_handler = endOnUnreadableFile;
  ::sigaction(SIGBUS, &action, nullptr);
}

static int fail(llvm::Error error) {
  llvm::outs().flush();
  llvm::errs() << "vmpt: error: " << printable(llvm::toString(std::move(error)))
               << '\n';
  return 2;
}

/// \p status, unless what was printed did not arrive: a full disk must not
/// pass for a whole listing. A reader that went away (`| head`) has ended the
/// program before.
static int finishOutput(int status) {
  llvm::outs().flush();
  if (!llvm::outs().has_error())
    return status;
  std::string reason = llvm::outs().error().message();
  llvm::outs().clear_error();
  return fail(llvm::make_error<UsageError>("cannot write the output: " +
                                           llvm::Twine(reason)));
}

int runCommandLine(int argc, char **argv) {
  handleUnreadableFiles();
  llvm::Expected<std::optional<Invocation>> invocation =
      parseCommandLine(argc, argv);
  if (!invocation)
    return fail(invocation.takeError());
  if (!*invocation)
    return finishOutput(0);
  llvm::Expected<int> status =
      (*invocation)->command->run((*invocation)->options);
  if (!status)
    return fail(status.takeError());
  return finishOutput(*status);
}

} // namespace vmpt
