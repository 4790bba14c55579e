#include "cli/Options.h"

#include "cli/Version.h"
#include "support/Text.h"

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

#include <CLI/CLI.hpp>

#include <variant>

namespace vmpt {

const std::vector<Command> commands = {
    {"kernel", "print the kernel's page tables as the kernel itself does",
     "Prints what /sys/kernel/debug/page_tables/kernel (arm64, riscv: "
     "kernel_page_tables) would have printed at the moment of the dump.",
     runKernel},
    {"tasks", "list every process with its page-table root",
     "Lists processes (with --threads, threads too): pid, tgid, ppid, state, "
     "the mm, the physical root, the size of the page tables and of what they "
     "map.",
     runTasks},
    {"task", "print a task's page tables",
     "Prints page_tables/current_kernel as that task would have read it; with "
     "--user-pgd page_tables/current_user. Choose by --pid, --comm, --mm or "
     "--root, or --all.",
     runTask},
    {"maps", "print a process's memory areas as /proc/PID/maps does",
     "Prints what /proc/PID/maps would have printed at the moment of the "
     "dump; with --pages, under each area what its page tables hold.",
     runMaps},
    {"efi", "print the page tables of EFI runtime services",
     "Prints what page_tables/efi (arm64, riscv: efi_page_tables) would have "
     "printed.",
     runEfi},
    {"info", "say what the dump is, and how that is known",
     "Prints the container and what it lacks, physical memory, registers, and "
     "every fact about the kernel with where it came from.",
     runInfo},
    {"vmcoreinfo", "print the kernel's VMCOREINFO text",
     "Prints VMCOREINFO as it is in the dump: the note, or what a scan of "
     "memory finds.",
     runVmcoreinfo},
    {"read", "print bytes of physical memory",
     "Prints LENGTH bytes of physical memory from ADDR on, like xxd -g8. The "
     "first byte that is not in the dump ends the output.",
     runRead},
    {"trim", "cut a minimal vmcore for the listing",
     "Writes an ELF vmcore with the notes and only those pages that info and "
     "kernel read, so that both print the same from it.",
     runTrim},
    {"convert", "write all of the memory as an ELF vmcore",
     "Writes an ELF vmcore that other tools can read, whatever the dump is: "
     "all pages, every note, and the VMCOREINFO that was found.",
     runConvert},
};

namespace {

using Target = std::variant<bool Options::*, std::optional<uint64_t> Options::*,
                            std::optional<std::string> Options::*,
                            std::vector<std::string> Options::*>;

struct OptionRow {
  const char *names;
  const char *valueName; ///< "" for a flag.
  const char *help;
  Target target;
  /// Commands that have it, separated by blanks; "" means all.
  const char *commands;
  int valueCount = 1; ///< Values at each use.
};

const OptionRow optionRows[] = {
    {"--part", "FILE", "a further file of the same dump (repeatable)",
     &Options::parts, ""},
    {"--map", "FILE@PHYS[:LENGTH[:OFFSET]]",
     "raw memory: FILE is what lies at PHYS (repeatable)", &Options::maps, ""},
    {"--raw-base", "PHYS", "physical address of a raw image's first byte",
     &Options::rawBase, ""},
    {"--layout", "NAME",
     "how a raw image's bytes lie in memory (qemu-q35, ...)", &Options::layout,
     ""},
    {"--arch", "ARCH", "x86_64, i386, arm64 or riscv64", &Options::arch,
     "kernel tasks task maps efi info vmcoreinfo trim convert"},
    {"--root", "PHYS", "physical address of the kernel's top table",
     &Options::root, "kernel tasks maps efi info trim convert"},
    {"--levels", "N", "levels of page tables (x86-64: 4 or 5)",
     &Options::levels, "kernel tasks task maps efi info trim convert"},
    {"--va-bits", "N", "arm64: size of the kernel's half of the addresses",
     &Options::vaBits, "kernel tasks task maps efi info trim convert"},
    {"--granule", "SIZE", "arm64: bytes of a page (4K, 16K or 64K)",
     &Options::granule, "kernel tasks task maps efi info trim convert"},
    {"--phys-base", "N", "x86-64: phys_base of the kernel", &Options::physBase,
     "kernel tasks task maps efi info trim convert"},
    {"--vmcoreinfo", "FILE", "take VMCOREINFO from FILE", &Options::vmcoreinfo,
     "kernel tasks task maps efi info vmcoreinfo trim convert"},
    {"--vmlinux", "FILE",
     "symbols and struct layouts (DWARF, BTF) from the kernel's vmlinux",
     &Options::vmlinux, "tasks task maps efi info trim"},
    {"--force-vmlinux", "", "use files of another kernel, too",
     &Options::forceVmlinux, "tasks task maps efi info trim"},
    {"--system-map", "FILE", "symbols from a System.map or /proc/kallsyms",
     &Options::systemMap, "tasks task maps efi info trim"},
    {"--btf", "FILE", "struct layouts from a BTF file", &Options::btf,
     "tasks task maps efi info trim"},
    {"--symbol", "NAME=ADDR", "a symbol's virtual address (repeatable)",
     &Options::symbols, "tasks task maps efi info trim"},
    {"--offset", "STRUCT.MEMBER=N[:SIZE]",
     "a struct member's place in bytes (repeatable)", &Options::offsets,
     "tasks task maps efi info trim"},
    {"--root", "PHYS", "list the table at this physical address",
     &Options::taskRoot, "task"},
    {"--pid", "N", "the task with this pid", &Options::pid, "task maps"},
    {"--comm", "NAME", "the tasks with this name", &Options::comm, "task maps"},
    {"--mm", "ADDR", "the task with the mm_struct at this address",
     &Options::mm, "task maps"},
    {"--all", "", "every process that has page tables", &Options::all,
     "task maps"},
    {"--pages", "", "what the page tables hold of each area", &Options::pages,
     "maps"},
    {"--user-pgd", "", "the table that user code runs on (x86 PTI)",
     &Options::userPgd, "task"},
    {"--user-only", "", "only the user half", &Options::userOnly, "task"},
    {"--threads", "", "threads, too", &Options::threads, "tasks"},
    {"--format", "FORMAT", "text (default) or json", &Options::format,
     "tasks maps"},
    {"--max-lines", "N", "end the listing after N lines (20 million)",
     &Options::maxLines, "kernel task efi"},
    {"--sources", "", "also where symbols and struct layouts come from",
     &Options::sources, "info"},
    {"--verify", "", "also read every page: which are zeros, which are broken",
     &Options::verify, "info"},
    {"--tasks", "", "also keep what tasks, task and maps read", &Options::tasks,
     "trim"},
    {"-o,--output", "OUT", "file to write; - is standard output",
     &Options::output, "trim convert"},
    {"--force", "", "replace OUT if it exists", &Options::force,
     "trim convert"},
    {"--physical", "ADDR LENGTH", "which bytes: start and length",
     &Options::physical, "read", 2},
    {"--binary", "", "raw bytes instead of a hex dump", &Options::binary,
     "read"},
};

bool hasOption(const Command &command, const OptionRow &row) {
  llvm::StringRef list = row.commands;
  if (list.empty())
    return true;
  while (!list.empty()) {
    auto [name, rest] = list.split(' ');
    if (name == command.name)
      return true;
    list = rest;
  }
  return false;
}

void addOption(CLI::App &app, const OptionRow &row, Options &options) {
  CLI::Option *option = nullptr;
  if (auto *flag = std::get_if<bool Options::*>(&row.target))
    option = app.add_flag(row.names, options.*(*flag), row.help);
  else if (auto *list =
               std::get_if<std::vector<std::string> Options::*>(&row.target)) {
    option = app.add_option(row.names, options.*(*list), row.help);
    option->type_size(row.valueCount);
    option->allow_extra_args(false);
  } else if (auto *text = std::get_if<std::optional<std::string> Options::*>(
                 &row.target)) {
    auto member = *text;
    option = app.add_option_function<std::string>(
        row.names,
        [&options, member](const std::string &value) {
          options.*member = value;
        },
        row.help);
  } else {
    auto member = std::get<std::optional<uint64_t> Options::*>(row.target);
    std::string name = row.names;
    option = app.add_option_function<std::string>(
        row.names,
        [&options, member, name](const std::string &value) {
          llvm::Expected<uint64_t> number = parseNumber(value, name);
          if (!number)
            throw CLI::ValidationError(llvm::toString(number.takeError()),
                                       CLI::ExitCodes::ValidationError);
          options.*member = *number;
        },
        row.help);
  }
  if (*row.valueName)
    option->option_text(row.valueName);
}

/// The candidate nearest to a mistyped word, if any is near at all.
std::string suggest(llvm::StringRef word,
                    llvm::ArrayRef<std::string> candidates) {
  const std::string *best = nullptr;
  unsigned bestDistance = unsigned(word.size() / 2 + 1);
  for (const std::string &candidate : candidates) {
    unsigned distance = word.edit_distance(candidate, true, bestDistance);
    if (distance < bestDistance) {
      bestDistance = distance;
      best = &candidate;
    }
  }
  return best ? "; did you mean '" + *best + "'?" : "";
}

llvm::Error unknownCommand(llvm::StringRef word) {
  std::vector<std::string> names;
  for (const Command &command : commands)
    names.push_back(command.name);
  std::string suggestion = suggest(word, names);
  return llvm::make_error<UsageError>(
      "no command '" + word + "'" +
      (suggestion.empty() ? "; vmpt --help lists the commands" : suggestion));
}

llvm::Error unknownWord(const Command &command, llvm::StringRef word) {
  std::string hint =
      (llvm::Twine("; vmpt ") + command.name + " --help lists the options")
          .str();
  // CLI11 gives "--name" of "--name=value" as a whole.
  llvm::StringRef name = word.split('=').first;
  if (name.size() > 1 && name[0] == '-') {
    std::vector<std::string> names = {"--help"};
    for (const OptionRow &row : optionRows)
      if (hasOption(command, row))
        names.push_back(
            llvm::StringRef(row.names).rsplit(',').second.empty()
                ? row.names
                : llvm::StringRef(row.names).rsplit(',').second.str());
    std::string suggestion = suggest(name, names);
    return llvm::make_error<UsageError>(
        llvm::Twine(command.name) + " has no option '" + name + "'" +
        (suggestion.empty() ? hint : suggestion));
  }
  return llvm::make_error<UsageError>("one word too many: '" + word + "'" +
                                      hint);
}

void printCommands(llvm::raw_ostream &os) {
  os << "vmpt - page tables of a Linux memory dump, in the kernel's own "
        "words\n\n"
        "Usage: vmpt COMMAND DUMP... [options]\n\nCommands:\n";
  for (const Command &command : commands) {
    os << "  " << command.name;
    os.indent(unsigned(14 - llvm::StringRef(command.name).size()));
    os << command.summary << '\n';
  }
  os << "\nvmpt COMMAND --help tells more; vmpt --version lists libraries "
        "and formats.\n";
}

/// Nothing: the help was printed.
llvm::Expected<std::optional<Invocation>> parseCommand(const Command &command,
                                                       int argc, char **argv) {
  Invocation invocation;
  invocation.command = &command;
  CLI::App app(command.description, std::string("vmpt ") + command.name);
  std::vector<std::string> dumps;
  app.add_option("DUMP", dumps,
                 "the memory dump; of a split one, all parts in any order")
      ->option_text(" ");
  for (const OptionRow &row : optionRows)
    if (hasOption(command, row))
      addOption(app, row, invocation.options);
  app.set_help_flag("-h,--help", "print this help");
  app.allow_extras();
  try {
    app.parse(argc, argv);
  } catch (const CLI::CallForHelp &) {
    llvm::outs() << app.help();
    return std::nullopt;
  } catch (const CLI::ParseError &error) {
    return llvm::make_error<UsageError>(error.what());
  }
  std::vector<std::string> rest = app.remaining();
  if (!rest.empty())
    return unknownWord(command, rest.front());
  if (!dumps.empty()) {
    invocation.options.dump = dumps.front();
    auto &parts = invocation.options.parts;
    parts.insert(parts.begin(), dumps.begin() + 1, dumps.end());
  }
  return invocation;
}

} // namespace

llvm::Expected<std::optional<Invocation>> parseCommandLine(int argc,
                                                           char **argv) {
  llvm::StringRef word = argc > 1 ? argv[1] : "";
  if (word == "--help" || word == "-h" || word == "help") {
    printCommands(llvm::outs());
    return std::nullopt;
  }
  if (word == "--version") {
    printVersion(llvm::outs());
    return std::nullopt;
  }
  if (word.empty())
    return llvm::make_error<UsageError>(
        "no command is named; vmpt --help lists the commands");
  for (const Command &command : commands)
    if (word == command.name)
      return parseCommand(command, argc - 1, argv + 1);
  return unknownCommand(word);
}

} // namespace vmpt
