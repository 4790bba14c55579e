#include "cli/Completions.h"

#include "cli/CommandUse.h"
#include "cli/Commands.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <map>
#include <vector>

namespace vmpt {

namespace {

using Description = OptionParser::Description;

/// A description that outlives its parser.
struct Option {
  explicit Option(const Description &from)
      : shortName(from.shortName), longName(from.longName),
        valueName(llvm::StringRef(from.valueName).trim().str()),
        help(from.help), isRepeatable(from.isRepeatable),
        isWords(from.isWords()), offered(from.offered) {}

  bool takesValue() const { return !valueName.empty() && !isWords; }
  /// By what --help calls the value.
  bool isFile() const {
    llvm::StringRef name = isWords ? longName : valueName;
    return name.find("FILE") == 0 || name == "OUT" || name.find("DUMP") == 0 ||
           name == "A B";
  }
  /// "--output", and "-o" if there is one.
  std::vector<std::string> names() const {
    std::vector<std::string> all = {longName};
    if (!shortName.empty())
      all.push_back(shortName);
    return all;
  }

  std::string shortName, longName, valueName, help;
  bool isRepeatable, isWords;
  std::vector<std::string> offered;
};

struct CommandWords {
  std::string name, summary;
  std::vector<Option> options;
};

std::vector<CommandWords> readCommands() {
  std::vector<CommandWords> commands;
  for (const CommandInfo *info : getCommands()) {
    CommandUse use(*info);
    CommandWords &command = commands.emplace_back();
    command.name = info->name;
    command.summary = info->summary;
    use.parser.forEachOption([&](const Description &option) {
      command.options.emplace_back(option);
    });
  }
  return commands;
}

/// In single quotes, for all three shells.
std::string quote(llvm::StringRef text) {
  std::string quoted = "'";
  for (char c : text)
    quoted += c == '\'' ? std::string("'\\''") : std::string(1, c);
  return quoted + "'";
}

std::string joinNames(llvm::ArrayRef<CommandWords> commands) {
  return llvm::join(
      llvm::map_range(commands,
                      [](const CommandWords &command) { return command.name; }),
      " ");
}

/// The cases of bash that offer the same, in one: "kernel:--arch|task:--arch".
using BashCases = std::map<std::string, std::vector<std::string>>;

BashCases readBashValues(llvm::ArrayRef<CommandWords> commands) {
  BashCases cases;
  for (const CommandWords &command : commands)
    for (const Option &option : command.options) {
      if (!option.takesValue())
        continue;
      std::string offer = option.isFile() ? "_vmpt_files; return"
                          : option.offered.empty()
                              ? "return"
                              : "_vmpt_words " +
                                    quote(llvm::join(option.offered, " ")) +
                                    "; return";
      for (const std::string &name : option.names())
        cases[offer].push_back(command.name + ":" + name);
    }
  return cases;
}

void printBash(llvm::ArrayRef<CommandWords> commands, llvm::raw_ostream &os) {
  os << R"(# bash completion of vmpt
_vmpt_words() { mapfile -t COMPREPLY < <(compgen -W "$1" -- "$cur"); }
_vmpt_files() {
    mapfile -t COMPREPLY < <(compgen -f -- "$cur")
    compopt -o filenames 2>/dev/null
}
_vmpt() {
    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} options
    COMPREPLY=()
    # bash makes three words of --option=value
    if [ "$cur" = = ]; then
        cur=
    elif [ "$prev" = = ] && [ "$COMP_CWORD" -gt 2 ]; then
        prev=${COMP_WORDS[COMP_CWORD-2]}
    fi
    if [ "$COMP_CWORD" -eq 1 ]; then
        _vmpt_words ')"
     << joinNames(commands) << R"( help --help --version --completions'
        return
    fi
    case ${COMP_WORDS[1]} in
    help) _vmpt_words ')"
     << joinNames(commands) << R"('; return ;;
    --completions) _vmpt_words 'bash zsh fish'; return ;;
)";
  for (const CommandWords &command : commands) {
    os << "    " << command.name << ") options='";
    for (const Option &option : command.options)
      if (!option.isWords)
        os << llvm::join(option.names(), " ") << ' ';
    os << "--help' ;;\n";
  }
  os << "    *) return ;;\n    esac\n    case ${COMP_WORDS[1]}:$prev in\n";
  for (const auto &[offer, uses] : readBashValues(commands))
    os << "    " << llvm::join(uses, "|") << ") " << offer << " ;;\n";
  os << R"(    esac
    case $cur in
    -*) _vmpt_words "$options" ;;
    *) _vmpt_files ;;
    esac
}
complete -F _vmpt vmpt
)";
}

/// For the brackets and colons of a specification of _arguments.
std::string escapeZsh(llvm::StringRef text) {
  std::string escaped;
  for (char c : text) {
    if (llvm::StringRef("[]:\\").contains(c))
      escaped += '\\';
    escaped += c;
  }
  return escaped;
}

std::string zshAction(const Option &option) {
  if (option.isFile())
    return "_files";
  return option.offered.empty() ? " "
                                : "(" + llvm::join(option.offered, " ") + ")";
}

void printZsh(llvm::ArrayRef<CommandWords> commands, llvm::raw_ostream &os) {
  os << "#compdef vmpt\n_vmpt() {\n"
        "    local -a commands=(\n";
  for (const CommandWords &command : commands)
    os << "        " << quote(command.name + ":" + escapeZsh(command.summary))
       << '\n';
  os << R"(        'help:print the options of a command'
    )
    if (( CURRENT == 2 )); then
        _describe command commands
        _arguments '--help[print the commands]' '--version[print the version]' '--completions[print a completion script]'
        return
    fi
    local command=$words[2]
    shift words; (( CURRENT-- ))
    case $command in
    help) _describe command commands ;;
    --completions) _values shell bash zsh fish ;;
)";
  for (const CommandWords &command : commands) {
    os << "    " << command.name << ")\n        _arguments -s -S";
    for (const Option &option : command.options) {
      if (option.isWords) {
        os << " \\\n            "
           << quote("*:" + escapeZsh(option.longName) + ":" +
                    (option.isFile() ? "_files" : " "));
        continue;
      }
      for (const std::string &name : option.names())
        os << " \\\n            "
           << quote((option.isRepeatable ? "*" : "") + name +
                    (option.takesValue() && name[1] == '-' ? "=" : "") + "[" +
                    escapeZsh(option.help) + "]" +
                    (option.takesValue() ? ":" + escapeZsh(option.valueName) +
                                               ":" + zshAction(option)
                                         : ""));
    }
    os << " \\\n            '--help[print the options]' ;;\n";
  }
  os << "    esac\n}\n_vmpt \"$@\"\n";
}

void printFish(llvm::ArrayRef<CommandWords> commands, llvm::raw_ostream &os) {
  os << "# fish completion of vmpt\n"
        "set -l is_first 'test (count (commandline -opc)) -eq 1'\n"
        "complete -c vmpt -n $is_first -f\n"
        "complete -c vmpt -n $is_first -l help -s h -d 'print the commands'\n"
        "complete -c vmpt -n $is_first -l version -s V -d 'print the "
        "version'\n"
        "complete -c vmpt -n $is_first -l completions -x -a 'bash zsh fish' -d "
        "'print a completion script'\n"
        "complete -c vmpt -n $is_first -a help -d 'print the options of a "
        "command'\n"
        "complete -c vmpt -n '__fish_seen_subcommand_from help' -x -a "
     << quote(joinNames(commands)) << '\n';
  for (const CommandWords &command : commands) {
    os << "complete -c vmpt -n $is_first -a " << command.name << " -d "
       << quote(command.summary) << '\n';
    const std::string isIt =
        "-n 'contains -- " + command.name + " (commandline -opc)[2]' ";
    os << "complete -c vmpt " << isIt
       << "-l help -s h -d 'print the options'\n";
    for (const Option &option : command.options) {
      if (option.isWords)
        continue;
      os << "complete -c vmpt " << llvm::StringRef(isIt).drop_back();
      for (const std::string &name : option.names())
        os << (name[1] == '-' ? " -l " + name.substr(2)
                              : " -s " + name.substr(1));
      if (option.takesValue())
        os << (option.isFile() ? " -r -F" : " -x");
      if (!option.offered.empty())
        os << " -a " << quote(llvm::join(option.offered, " "));
      os << " -d " << quote(option.help) << '\n';
    }
  }
}

struct Shell {
  llvm::StringLiteral name;
  void (*print)(llvm::ArrayRef<CommandWords>, llvm::raw_ostream &);
};
constexpr Shell shells[] = {
    {"bash", printBash}, {"zsh", printZsh}, {"fish", printFish}};

} // namespace

llvm::Error printCompletions(llvm::ArrayRef<std::string> words,
                             llvm::raw_ostream &os) {
  if (words.size() == 1)
    for (const Shell &shell : shells)
      if (words.front() == shell.name) {
        shell.print(readCommands(), os);
        return llvm::Error::success();
      }
  return llvm::make_error<UsageError>(
      "--completions needs a shell: bash, zsh or fish");
}

} // namespace vmpt
