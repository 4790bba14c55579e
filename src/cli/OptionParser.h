//===- OptionParser.h - the options of one command ------------------------===//
//
// The only door to CLI11, whose header and whose wording stay behind it.
//
#pragma once

#include "support/Error.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace vmpt {

/// An option is added with its names ("-o,--output"), what its value is called
/// in --help, a line of help, and where the value goes. Targets outlive the
/// parser; what is not given stays as it was.
class OptionParser {
public:
  /// \p command as it is typed: "kernel".
  OptionParser(llvm::StringRef command, llvm::StringRef description);
  ~OptionParser();

  /// One that is there already sets both targets.
  void addFlag(const char *names, const char *help, bool &target);
  void addNumber(const char *names, const char *valueName, const char *help,
                 std::optional<uint64_t> &target);
  void addText(const char *names, const char *valueName, const char *help,
               std::optional<std::string> &target);
  /// May be given several times.
  void addTexts(const char *names, const char *valueName, const char *help,
                std::vector<std::string> &target);
  /// Two values at one use.
  void addPair(const char *names, const char *valueNames, const char *help,
               std::optional<std::pair<std::string, std::string>> &target);
  /// The words that belong to no option.
  void addWords(const char *name, const char *help,
                std::vector<std::string> &target);

  /// The values that the option \p name takes, for completion alone: what takes
  /// them says what is wrong with others.
  void offer(llvm::StringRef name, std::vector<std::string> values);

  /// Sets the targets. False: --help is asked for. A UsageError names the
  /// nearest option, if one is near.
  llvm::Expected<bool> parse(llvm::ArrayRef<std::string> arguments);
  std::string getHelp() const;
  /// What can be given, in the order of --help, but for --help itself.
  struct Description {
    llvm::StringRef shortName, longName; ///< "-o" or empty; "--output"
    llvm::StringRef valueName;           ///< "OUT"; empty: a flag
    std::string help;
    bool isRepeatable = false;
    llvm::ArrayRef<std::string> offered;
    bool isWords() const { return longName.front() != '-'; }
  };
  void forEachOption(llvm::function_ref<void(const Description &)> visit) const;
  /// What was given, once parsed: the option's long name (of words, what they
  /// are called) and a value.
  void forEachValue(
      llvm::function_ref<void(llvm::StringRef option, const std::string &value)>
          visit) const;

private:
  struct Parser;
  std::unique_ptr<Parser> parser_;
};

} // namespace vmpt
