//===- OptionGroups.h - options that several commands have ----------------===//
//
// A command has those groups as members that it needs, adds each to its parser,
// and hands them to CommandContext::open(), which lets each say its part of
// the request.
//
#pragma once

#include "cli/OptionParser.h"
#include "output/RecordWriter.h"
#include "reports/ListingOutput.h"
#include "reports/SpaceChoice.h"
#include "reports/TaskChoice.h"
#include "session/Output.h"
#include "session/RequestParts.h"

namespace vmpt {

/// How long work is done. Every command with a dump has it.
struct WorkOptions : WorkParts {
  static constexpr char usualNames[] = "-j,--threads";

  /// \p names are others where --threads is something else.
  void add(OptionParser &parser, const char *names = usualNames);
};

/// What the dump is. Every command has it.
struct DumpOptions : DumpParts {
  /// Of a command that asks about something: what follows DUMP.
  std::vector<std::string> words;
  WorkOptions work;

  /// \p threadNames as for WorkOptions.
  void add(OptionParser &parser,
           const char *threadNames = WorkOptions::usualNames);
  /// DUMP is one word, \p name and \p help those behind it; of a dump that
  /// --map describes all words are these. splitWords() after parsing.
  void addWithWords(OptionParser &parser, const char *name, const char *help);
  void splitWords();
  llvm::Error apply(Request &request) const;

private:
  /// What else says where the memory is.
  void addPlaces(OptionParser &parser, const char *threadNames);
};

/// What the dump does not tell of its kernel, or tells wrongly.
struct KernelOptions : KernelParts {
  void add(OptionParser &parser);
  /// For a command whose --root is another table.
  void addWithoutRoot(OptionParser &parser);
  /// For a command whose --levels is something else, too.
  void addWithoutRootAndLevels(OptionParser &parser);
  /// For a command that wants no kernel.
  void addArch(OptionParser &parser);
  void addForce(OptionParser &parser);
  /// For a command that wants VMCOREINFO alone.
  void addVmcoreinfo(OptionParser &parser);

private:
  void addSizes(OptionParser &parser);
};

/// Symbols and struct layouts.
struct SymbolOptions : SymbolParts {
  void add(OptionParser &parser);
};

/// Which task: one of these.
struct TaskOptions : TaskChoice {
  void add(OptionParser &parser);
  /// A UsageError unless exactly one is given. \p command and \p root, whether
  /// the command's own --root is: nothing if it has none.
  llvm::Error check(llvm::StringRef command,
                    std::optional<bool> root = std::nullopt) const;
};

/// Whose tables: without an option the kernel's.
struct SpaceOptions : SpaceChoice {
  void add(OptionParser &parser);
  /// A UsageError if both are given.
  llvm::Error check() const;
};

/// How the result is written.
struct OutputOptions {
  std::optional<std::string> format;

  void add(OptionParser &parser);
  /// For the result of \p command; \p os must outlive it. A UsageError for an
  /// unknown format.
  llvm::Expected<std::unique_ptr<RecordWriter>>
  createWriter(llvm::StringRef command, llvm::raw_ostream &os) const;
};

/// Which lines of a page-table listing, what they show, and how many there may
/// be.
struct ListingOptions : ListingChoice {
  std::vector<std::string> rangeWords; ///< "A-B"
  std::vector<std::string> only;       ///< "wx", "user,huge"

  void add(OptionParser &parser);
  /// Reads the words; a UsageError for what is wrong whatever the dump is.
  llvm::Error check();
  /// Of a listing of one table: that text alone needs no symbols and types.
  Needs needs() const { return {.names = hasNames, .with = "--names"}; }
};

/// The file that a command writes.
struct FileOptions {
  std::optional<std::string> output;
  bool force = false;

  void add(OptionParser &parser);
  /// A UsageError if there is no -o.
  llvm::Error check(llvm::StringRef command) const;
  /// Before the dump is opened.
  llvm::Expected<Output> create(const Request &request) const {
    return createOutput(request, *output, force);
  }
};

} // namespace vmpt
