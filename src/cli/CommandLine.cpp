#include "cli/CommandLine.h"

#include "cli/CommandUse.h"
#include "cli/Commands.h"
#include "cli/Completions.h"
#include "cli/Version.h"
#include "support/Suggest.h"

#include <cstdlib>

namespace vmpt {

namespace {

void printCommands(llvm::raw_ostream &os) {
  os << "vmpt - page tables of a Linux memory dump, in the kernel's own "
        "words\n\n"
        "Usage: vmpt COMMAND DUMP... [options]\n\nCommands:\n";
  for (const CommandInfo *command : getCommands()) {
    os << "  " << command->name;
    os.indent(unsigned(14 - llvm::StringRef(command->name).size()));
    os << command->summary << '\n';
  }
  os << "\nvmpt COMMAND --help, or vmpt help COMMAND, tells more; vmpt "
        "--version lists libraries and formats.\n";
}

llvm::Expected<const CommandInfo *> findCommand(llvm::StringRef word) {
  std::vector<std::string> names;
  for (const CommandInfo *command : getCommands()) {
    if (word == command->name)
      return command;
    names.push_back(command->name);
  }
  if (word.take_front() == "-")
    return llvm::make_error<UsageError>(
        "no option '" + word +
        "' without a command; vmpt --help lists the "
        "commands");
  std::string suggestion = suggest(word, names);
  return llvm::make_error<UsageError>(
      "no command '" + word + "'" +
      (suggestion.empty() ? "; vmpt --help lists the commands" : suggestion));
}

llvm::Error printHelp(llvm::ArrayRef<std::string> words,
                      llvm::raw_ostream &os) {
  if (words.empty()) {
    printCommands(os);
    return llvm::Error::success();
  }
  if (words.size() > 1)
    return llvm::make_error<UsageError>("help tells of one command at a time");
  llvm::Expected<const CommandInfo *> info = findCommand(words.front());
  if (!info)
    return info.takeError();
  CommandUse use(**info);
  os << use.parser.getHelp();
  return llvm::Error::success();
}

/// https://no-color.org: set and not empty.
bool isSet(const char *variable) {
  const char *value = std::getenv(variable);
  return value && *value;
}

/// Whether the result is in colour.
llvm::Error decideColor(const std::optional<std::string> &when,
                        llvm::raw_ostream &os) {
  const llvm::StringRef word = when ? llvm::StringRef(*when) : "auto";
  if (word != "auto" && word != "always" && word != "never")
    return llvm::make_error<UsageError>("--color '" + word +
                                        "' is none of auto, always and never");
  const char *terminal = std::getenv("TERM");
  const bool isAble = os.is_displayed() && !isSet("NO_COLOR") && terminal &&
                      llvm::StringRef(terminal) != "dumb";
  os.enable_colors(word == "always" || (word == "auto" && isAble));
  return llvm::Error::success();
}

llvm::Error runCommand(const CommandInfo &info,
                       llvm::ArrayRef<std::string> words,
                       const CommandContext &context) {
  CommandUse use(info);
  llvm::Expected<bool> isToRun = use.parser.parse(words);
  if (!isToRun)
    return isToRun.takeError();
  if (!*isToRun) {
    context.out() << use.parser.getHelp();
    return llvm::Error::success();
  }
  if (llvm::Error error = decideColor(use.colorWhen, context.out()))
    return error;
  if (context.ownsProcess() && !use.keepsRights)
    use.command->dropRights(use.parser);
  return use.command->run(context);
}

} // namespace

llvm::Error runCommandLine(llvm::ArrayRef<std::string> words,
                           const CommandContext &context) {
  if (!words.empty() && words.front() == "--")
    words = words.drop_front();
  if (words.empty())
    return llvm::make_error<UsageError>(
        "no command is named; vmpt --help lists the commands");
  const llvm::StringRef word = words.front();
  words = words.drop_front();
  if (word == "help")
    return printHelp(words, context.out());
  if (word == "--help" || word == "-h")
    return printHelp({}, context.out());
  if (word == "--version" || word == "-V") {
    printVersion(context.out());
    return llvm::Error::success();
  }
  if (word == "--completions")
    return printCompletions(words, context.out());
  llvm::Expected<const CommandInfo *> info = findCommand(word);
  if (!info)
    return info.takeError();
  return runCommand(**info, words, context);
}

} // namespace vmpt
