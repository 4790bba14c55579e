#include "WholeRun.h"

#include "CountingStream.h"
#include "cli/CommandLine.h"
#include "cli/Commands.h"

namespace vmpt::robust {

namespace {

/// Lines are bounded by what the user allows; 20 million take too long here.
constexpr const char *lines = "20000";

/// More words than the name and the dump. A command that is not here runs with
/// those two.
struct Use {
  const char *command;
  std::vector<std::string> words;
};

std::string anyAddress(const Specimen &specimen, Random &random) {
  llvm::ArrayRef<KnownTable> tables = specimen.tables();
  if (tables.empty() || !random.below(8))
    return hex(random.next());
  const KnownTable &table = random.pick(tables);
  return hex((table.bases.front() + random.below(1 << 21)).value);
}

std::vector<Use> listUses(const Specimen &specimen, Random &random) {
  const std::string address = anyAddress(specimen, random);
  const std::string physical =
      hex(specimen.image().root.value + 4096 * random.below(64));
  return {{"info", {"--verify"}},
          {"info", {"--sources"}},
          {"tasks", {"--threads"}},
          {"kernel", {"--max-lines", lines}},
          {"kernel", {"--max-lines", lines, "--format", "json"}},
          {"task", {"--pid", "1", "--max-lines", lines}},
          {"task", {"--all", "--max-lines", lines, "--format", "jsonl"}},
          {"maps", {"--all", "--pages"}},
          {"maps", {"--pid", "1", "--format", "json"}},
          {"pages", {"--list"}},
          {"pages", {"--pid", "1", "--pagemap"}},
          {"page", {physical}},
          {"translate", {address}},
          {"translate", {"--pid", "1", address, "--format", "json"}},
          {"rmap", {physical, "--max-lines", lines}},
          {"rmap", {"--duplicates", "--max-lines", lines}},
          {"audit", {"--format", "json"}},
          {"tree", {"--max-lines", lines}},
          {"tree", {"--pid", "1", "--max-lines", lines}},
          {"symbols", {"init_task", address}},
          {"efi", {"--max-lines", lines}},
          {"read", {"--virtual", address, "4096"}},
          {"read", {"--physical", physical, "8192", "--zero-fill"}},
          {"trim", {"-o", "/dev/null"}},
          {"trim", {"--tasks", "-o", "/dev/null"}},
          {"convert", {"-o", "/dev/null"}}};
}

CommandResult run(Specimen &specimen, std::vector<std::string> words) {
  CommandResult result;
  for (const std::string &word : words)
    result.command += (result.command.empty() ? "" : " ") + word;
  words.insert(words.begin() + 1, specimen.file().path());
  CountingStream out;
  Messages messages(out);
  llvm::Error error = runCommandLine(words, CommandContext(out, messages));
  result.status = error ? 2 : messages.exitStatus();
  if (error)
    messages.fail(std::move(error));
  result.text = out.hash();
  return result;
}

} // namespace

CommandResult runKernelCommand(Specimen &specimen) {
  return run(specimen, {"kernel", "--max-lines", lines});
}

CommandResult runAnyCommand(Specimen &specimen, Random &random) {
  llvm::ArrayRef<const CommandInfo *> commands = getCommands();
  const std::string name = random.pick(commands)->name;
  std::vector<std::vector<std::string>> uses = {{name}};
  for (const Use &use : listUses(specimen, random))
    if (use.command == name) {
      uses.push_back(use.words);
      uses.back().insert(uses.back().begin(), name);
    }
  // The bare use of the commands above is an error, or very long.
  const size_t bare = uses.size() > 1 ? 1 : 0;
  return run(specimen, uses[bare + random.below(uses.size() - bare)]);
}

WholeResult runDamaged(Specimen &specimen, Random &random) {
  WholeResult result;
  result.part = Part(random.below(partCount));
  DumpFile &file = specimen.file();
  llvm::ArrayRef<Target> targets = specimen.targets(result.part);
  if (targets.empty()) {
    result.part = Part::Anything;
    if (!random.below(4)) {
      const Target anywhere = {random.below(file.size() - 8), 8};
      result.damage = mutate(file, anywhere, {}, random) + ", ";
      result.mayChangeListing = specimen.mayChangeListing(anywhere);
    }
    // Last: the file may end earlier then.
    const FileDamage damage = mutateFile(file, specimen.pages(), random);
    result.damage += damage.what;
    result.mayChangeListing |= damage.movesData;
  } else {
    const uint64_t count = random.below(4) ? 1 : 2 + random.below(3);
    for (uint64_t i = 0; i < count; ++i) {
      const Target &target = random.pick(targets);
      result.damage += (i ? ", " : "") + mutate(file, target, targets, random);
      result.mayChangeListing |= specimen.mayChangeListing(target);
    }
  }
  result.commands.push_back(runKernelCommand(specimen));
  result.commands.push_back(runAnyCommand(specimen, random));
  file.restore();
  return result;
}

} // namespace vmpt::robust
