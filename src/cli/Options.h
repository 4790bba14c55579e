//===- Options.h - the command line, parsed -------------------------------===//
//
// One table (Options.cpp) has every command and every option with its help;
// the parser, --help and the check of the man page all come from it.
//
#pragma once

#include "support/Error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vmpt {

/// All options of all commands. A command reads those that it has.
struct Options {
  std::string dump;
  /// Further files of the same dump: named behind it, then by --part.
  std::vector<std::string> parts;
  std::vector<std::string> maps;
  std::optional<uint64_t> rawBase;
  std::optional<std::string> layout;

  std::optional<std::string> arch;
  std::optional<uint64_t> root;
  std::optional<uint64_t> levels;
  std::optional<uint64_t> vaBits;
  std::optional<uint64_t> granule;
  std::optional<uint64_t> physBase;
  std::optional<std::string> vmcoreinfo;

  std::optional<std::string> vmlinux;
  std::optional<std::string> systemMap;
  std::optional<std::string> btf;
  bool forceVmlinux = false;
  bool force = false;
  std::vector<std::string> symbols; ///< "NAME=ADDRESS"
  std::vector<std::string> offsets; ///< "STRUCT.MEMBER=OFFSET[:SIZE]"

  std::optional<uint64_t> pid;
  std::optional<std::string> comm;
  std::optional<uint64_t> mm;
  std::optional<uint64_t> taskRoot;
  bool all = false;
  bool pages = false;
  bool threads = false;
  bool tasks = false;
  bool sources = false; ///< info: of symbols and types.
  bool verify = false;  ///< info: reads every page.
  bool userPgd = false;
  bool userOnly = false;
  std::optional<std::string> format; ///< "text" or "json".

  std::optional<uint64_t> maxLines;
  std::optional<std::string> output;
  std::vector<std::string> physical; ///< ADDR and LENGTH.
  bool binary = false;
};

/// A command: what it is called, and what does it. The function prints the
/// result on standard output and returns the exit status (0 or 1).
struct Command {
  const char *name;
  const char *summary;
  const char *description;
  llvm::Expected<int> (*run)(const Options &);
};

// Each in the file of its name.
llvm::Expected<int> runInfo(const Options &);
llvm::Expected<int> runKernel(const Options &);
llvm::Expected<int> runEfi(const Options &);
llvm::Expected<int> runMaps(const Options &);
llvm::Expected<int> runRead(const Options &);
llvm::Expected<int> runTask(const Options &);
llvm::Expected<int> runTasks(const Options &);
llvm::Expected<int> runTrim(const Options &);
llvm::Expected<int> runConvert(const Options &);
llvm::Expected<int> runVmcoreinfo(const Options &);

extern const std::vector<Command> commands;

/// What the command line asks for.
struct Invocation {
  const Command *command = nullptr;
  Options options;
};

/// Nothing: all was said already (--help, --version), exit with 0.
/// A UsageError names the nearest right command or option.
llvm::Expected<std::optional<Invocation>> parseCommandLine(int argc,
                                                           char **argv);

} // namespace vmpt
