#include "cli/Main.h"

#include "cli/CommandLine.h"
#include "dump/storage/FileFaults.h"

#include <fcntl.h>
#include <unistd.h>

#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
#define VMPT_IS_SANITIZED true
#elif defined(__has_feature)
#define VMPT_IS_SANITIZED                                                      \
  (__has_feature(address_sanitizer) || __has_feature(thread_sanitizer))
#else
#define VMPT_IS_SANITIZED false
#endif

namespace vmpt {

namespace {

/// LeakSanitizer looks at the process from another one, and at /proc.
constexpr bool mayDropRights = !VMPT_IS_SANITIZED;

/// A stream that is closed leaves its number to the next file that is opened:
/// warnings would go into the output file. What is opened here in its place
/// can be written as little as a closed one.
void occupyStandardStreams() {
  for (int stream : {STDIN_FILENO, STDOUT_FILENO, STDERR_FILENO})
    if (::fcntl(stream, F_GETFD) < 0)
      (void)::open("/dev/null", O_RDONLY);
}

/// What was printed and did not arrive: a full disk must not pass for a whole
/// listing. A reader that went away (`| head`) has ended the program before.
llvm::Error finishOutput(llvm::raw_fd_ostream &out) {
  out.flush();
  if (!out.has_error())
    return llvm::Error::success();
  std::string reason = out.error().message();
  out.clear_error();
  return llvm::make_error<UsageError>("cannot write the output: " + reason);
}

} // namespace

int runProgram(int argc, char **argv) {
  occupyStandardStreams();
  llvm::raw_fd_ostream &out = llvm::outs();
  Messages messages(out);
  const std::vector<std::string> words(argv + std::min(argc, 1), argv + argc);
  llvm::Error error =
      runCommandLine(words, CommandContext(out, messages, mayDropRights, &out));
  if (error)
    llvm::consumeError(finishOutput(out));
  else
    error = finishOutput(out);
  // Whatever else went wrong, this is why.
  if (std::optional<std::string> fault = describeLastFault()) {
    llvm::consumeError(std::move(error));
    error = llvm::make_error<UsageError>(
        "a file " + *fault + "; what was printed is not to be trusted");
  }
  if (!error)
    return messages.exitStatus();
  messages.fail(std::move(error));
  return 2;
}

} // namespace vmpt
