//===- Command.h - what a command is, and what it is given ----------------===//
//
// A new command is a file of this folder with a CommandInfo at its end, a line
// in Commands.def and in meson.build, a section of the man page, and a golden.
//
#pragma once

#include "cli/Messages.h"
#include "cli/OptionGroups.h"
#include "session/Session.h"

namespace vmpt {

/// Where a command's result and messages go.
class CommandContext {
public:
  /// \p ownsProcess: the process is there for this command, which may drop
  /// rights of it.
  CommandContext(llvm::raw_ostream &out, Messages &messages,
                 bool ownsProcess = false,
                 const llvm::raw_fd_ostream *file = nullptr)
      : out_(out), messages_(messages), ownsProcess_(ownsProcess), file_(file) {
  }

  llvm::raw_ostream &out() const { return out_; }
  /// Writes out what was printed. Whoever prints for hours wants to know early
  /// that it does not arrive.
  llvm::Error flush() const;
  bool ownsProcess() const { return ownsProcess_; }
  /// The result is an answer that the exit status tells, too.
  void raiseStatus(int answer) const { messages_.raiseStatus(answer); }
  /// A finding about no dump.
  void report(const Finding &finding) const { messages_.report(finding); }
  void showProgress(llvm::StringRef what, uint64_t done, uint64_t total) const {
    messages_.showProgress(what, done, total);
  }

  /// Opens the dump that the option groups describe.
  template <class... Groups>
  llvm::Expected<std::unique_ptr<Session>> open(const Groups &...groups) const {
    llvm::Expected<Request> request = makeRequest(groups...);
    if (!request)
      return request.takeError();
    return openRequest(std::move(*request));
  }
  llvm::Expected<std::unique_ptr<Session>> openRequest(Request request) const;

  /// A dump, and where \p command writes: the output is judged before the dump
  /// is opened.
  struct DumpAndOutput {
    std::unique_ptr<Session> session;
    Output output;
  };
  template <class... Groups>
  llvm::Expected<DumpAndOutput> openForOutput(llvm::StringRef command,
                                              const FileOptions &file,
                                              const Groups &...groups) const {
    if (llvm::Error error = file.check(command))
      return error;
    llvm::Expected<Request> request = makeRequest(groups...);
    if (!request)
      return request.takeError();
    llvm::Expected<Output> output = file.create(*request);
    if (!output)
      return output.takeError();
    auto session = openRequest(std::move(*request));
    if (!session)
      return session.takeError();
    return DumpAndOutput{std::move(*session), std::move(*output)};
  }

private:
  llvm::raw_ostream &out_;
  Messages &messages_;
  bool ownsProcess_;
  const llvm::raw_fd_ostream *file_; ///< `out_`, if it is one.
};

/// One use of a command: its options, and what it does.
class Command {
public:
  virtual ~Command() = default;
  virtual void addOptions(OptionParser &parser) = 0;
  /// Before the command runs in a process that is there for it: gives up what
  /// \p parser's values do not need. One that starts processes leaves that to
  /// them.
  virtual void dropRights(const OptionParser &parser);
  /// Prints the result. An error means that nothing could be printed; what the
  /// result lacks is a gap, told to the session.
  virtual llvm::Error run(const CommandContext &context) = 0;
};

struct CommandInfo {
  const char *name;
  const char *summary;     ///< For the list of commands.
  const char *description; ///< For its own --help.
  std::unique_ptr<Command> (*create)();
};

template <class T> std::unique_ptr<Command> createCommand() {
  return std::make_unique<T>();
}

} // namespace vmpt
