#include "cli/OptionParser.h"

#include "support/Suggest.h"
#include "support/Text.h"

#include "llvm/ADT/STLExtras.h"

#include <CLI/CLI.hpp>

#include <algorithm>
#include <functional>

namespace vmpt {

namespace {

using Values = std::vector<std::string>;

struct Option {
  CLI::Option *parsed;
  std::string names;     ///< "-o,--output"
  std::string name;      ///< "--output"
  std::string valueName; ///< Empty for a flag.
  size_t valuesPerUse = 1;
  bool isRepeatable = false;
  std::function<llvm::Error(Values)> set;
  Values offered;
};

/// What stands for a space in "DUMP ADDR": CLI11 2.4 takes none in the
/// name of words.
constexpr char wordSpace = '\x7f';

/// The value is missing, or there should be none.
llvm::Error explainValue(const Option &option) {
  return llvm::make_error<UsageError>(
      option.name +
      (option.valueName.empty() ? " takes no value" : " needs a value: ") +
      option.valueName);
}

/// "-o,--output" -> "--output"
std::string getLongName(llvm::StringRef names) {
  return names.rsplit(',').second.empty() ? names.str()
                                          : names.rsplit(',').second.str();
}

} // namespace

struct OptionParser::Parser {
  Parser(llvm::StringRef name, llvm::StringRef description)
      : command(name), app(description.str(), "vmpt " + name.str()) {}

  Option &add(const char *names, const char *valueName, const char *help,
              std::function<llvm::Error(Values)> set, size_t valuesPerUse = 1);
  /// What CLI11 means by \p error.
  llvm::Error explain(const CLI::ParseError &error) const;
  llvm::Error explainUnknown(llvm::StringRef word) const;
  llvm::Error refuseEmptyValues(llvm::ArrayRef<std::string> arguments) const;
  llvm::Error takeValues();
  /// The last line of the help.
  void addHelpFlag() { app.set_help_flag("-h,--help", "print this help"); }
  std::string helpHint() const {
    return "; vmpt " + command + " --help lists the options";
  }

  std::string command;
  CLI::App app;
  std::vector<Option> options;
};

/// Without a target of CLI11's: its conversions drop a value "{}", and repeat
/// in their own words what is wrong with others.
Option &OptionParser::Parser::add(const char *names, const char *valueName,
                                  const char *help,
                                  std::function<llvm::Error(Values)> set,
                                  size_t valuesPerUse) {
  std::string parsedNames = names;
  if (*names != '-')
    std::replace(parsedNames.begin(), parsedNames.end(), ' ', wordSpace);
  CLI::Option *parsed =
      *valueName ? app.add_option(parsedNames, CLI::callback_t(), help)
                 : app.add_flag(names);
  parsed->description(help);
  if (*valueName)
    parsed->type_size(int(valuesPerUse))
        ->allow_extra_args(false)
        ->option_text(valueName);
  parsed->multi_option_policy(CLI::MultiOptionPolicy::TakeAll);
  options.push_back({parsed, names, getLongName(names), valueName, valuesPerUse,
                     false, std::move(set)});
  return options.back();
}

OptionParser::OptionParser(llvm::StringRef command, llvm::StringRef description)
    : parser_(std::make_unique<Parser>(command, description)) {
  parser_->app.set_help_flag();
  parser_->app.allow_extras();
}

OptionParser::~OptionParser() = default;

void OptionParser::addFlag(const char *names, const char *help, bool &target) {
  for (Option &option : parser_->options)
    if (option.name == getLongName(names)) {
      option.parsed->description(option.parsed->get_description() + "; " +
                                 help);
      option.set = [&target, first = std::move(option.set)](Values values) {
        target = true;
        return first(std::move(values));
      };
      return;
    }
  // Twice the same is not a contradiction.
  parser_
      ->add(names, "", help,
            [&target](Values) {
              target = true;
              return llvm::Error::success();
            })
      .isRepeatable = true;
}

void OptionParser::addNumber(const char *names, const char *valueName,
                             const char *help,
                             std::optional<uint64_t> &target) {
  parser_->add(names, valueName, help,
               [&target, name = getLongName(names)](Values values) {
                 llvm::Expected<uint64_t> number =
                     parseNumber(values.front(), name);
                 if (number)
                   target = *number;
                 return number.takeError();
               });
}

void OptionParser::addText(const char *names, const char *valueName,
                           const char *help,
                           std::optional<std::string> &target) {
  parser_->add(names, valueName, help, [&target](Values values) {
    target = std::move(values.front());
    return llvm::Error::success();
  });
}

void OptionParser::addTexts(const char *names, const char *valueName,
                            const char *help,
                            std::vector<std::string> &target) {
  parser_
      ->add(names, valueName, help,
            [&target](Values values) {
              target = std::move(values);
              return llvm::Error::success();
            })
      .isRepeatable = true;
}

void OptionParser::addPair(
    const char *names, const char *valueNames, const char *help,
    std::optional<std::pair<std::string, std::string>> &target) {
  parser_->add(
      names, valueNames, help,
      [&target](Values values) {
        target = {std::move(values[0]), std::move(values[1])};
        return llvm::Error::success();
      },
      2);
}

void OptionParser::addWords(const char *name, const char *help,
                            std::vector<std::string> &target) {
  Option &words = parser_->add(name, " ", help, [&target](Values values) {
    target = std::move(values);
    return llvm::Error::success();
  });
  words.isRepeatable = true;
  // A least number that nobody reaches: the other way of taking any number of
  // words (allow_extra_args) splits those in brackets at their commas.
  words.parsed->expected(1 << 20, -1);
}

llvm::Error OptionParser::Parser::explain(const CLI::ParseError &error) const {
  const llvm::StringRef text = error.what();
  for (const Option &option : options) {
    llvm::StringRef rest = text;
    if (!rest.consume_front(option.parsed->get_name()) ||
        !(rest.empty() || rest[0] == ':' || rest[0] == ' '))
      continue;
    return explainValue(option);
  }
  return llvm::make_error<UsageError>("the command line makes no sense" +
                                      helpHint());
}

llvm::Error OptionParser::Parser::explainUnknown(llvm::StringRef word) const {
  std::vector<std::string> names = {"--help"};
  for (const Option &option : options)
    if (option.name.front() == '-')
      names.push_back(option.name);
  // CLI11 gives "--name" of "--name=value" as a whole.
  llvm::StringRef name = word.split('=').first;
  std::string suggestion = suggest(name, names);
  return llvm::make_error<UsageError>(
      command + " has no option '" + name + "'" +
      (suggestion.empty() ? helpHint() : suggestion));
}

llvm::Error OptionParser::Parser::takeValues() {
  for (const Option &option : options) {
    const Values &values = option.parsed->results();
    if (values.empty())
      continue;
    if (option.valueName.empty() && values.back() != "true")
      return explainValue(option);
    if (!option.isRepeatable && values.size() > option.valuesPerUse)
      return llvm::make_error<UsageError>(option.name +
                                          " is given more than once");
    if (llvm::Error error = option.set(values))
      return error;
  }
  return llvm::Error::success();
}

/// CLI11 takes the next word for the value of "--name=".
llvm::Error OptionParser::Parser::refuseEmptyValues(
    llvm::ArrayRef<std::string> arguments) const {
  for (llvm::StringRef argument : arguments) {
    if (argument == "--")
      break;
    if (!argument.consume_back("="))
      continue;
    for (const Option &option : options)
      if (argument == option.name)
        return explainValue(option);
  }
  return llvm::Error::success();
}

llvm::Expected<bool>
OptionParser::parse(llvm::ArrayRef<std::string> arguments) {
  if (llvm::Error error = parser_->refuseEmptyValues(arguments))
    return error;
  parser_->addHelpFlag();
  try {
    // CLI11 wants the last one first.
    parser_->app.parse(Values(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp &) {
    return false;
  } catch (const CLI::ParseError &error) {
    return parser_->explain(error);
  }
  Values unknown = parser_->app.remaining();
  std::erase(unknown, "--"); // what follows it are words
  if (!unknown.empty())
    return parser_->explainUnknown(unknown.front());
  if (llvm::Error error = parser_->takeValues())
    return error;
  return true;
}

void OptionParser::forEachValue(
    llvm::function_ref<void(llvm::StringRef, const std::string &)> visit)
    const {
  for (const Option &option : parser_->options)
    if (!option.valueName.empty())
      for (const std::string &value : option.parsed->results())
        visit(option.name, value);
}

void OptionParser::offer(llvm::StringRef name,
                         std::vector<std::string> values) {
  for (Option &option : parser_->options)
    if (option.name == name)
      option.offered = std::move(values);
}

void OptionParser::forEachOption(
    llvm::function_ref<void(const Description &)> visit) const {
  for (const Option &option : parser_->options) {
    llvm::StringRef names = option.names;
    visit({names.contains(',') ? names.split(',').first : "", option.name,
           option.valueName, option.parsed->get_description(),
           option.isRepeatable, option.offered});
  }
}

std::string OptionParser::getHelp() const {
  parser_->addHelpFlag();
  std::string help = llvm::StringRef(parser_->app.help()).rtrim().str() + "\n";
  std::replace(help.begin(), help.end(), wordSpace, ' ');
  return help;
}

} // namespace vmpt
