#include "cli/OptionGroups.h"

#include "cli/AddressWords.h"
#include "dump/formats/RawLayout.h"
#include "support/Suggest.h"

#include "llvm/ADT/StringExtras.h"

namespace vmpt {

void WorkOptions::add(OptionParser &parser, const char *names) {
  parser.addNumber(names, "N", "threads that may work (all cores)", threads);
}

llvm::Error DumpOptions::apply(Request &request) const {
  if (llvm::Error error = DumpParts::apply(request))
    return error;
  return work.apply(request);
}

void DumpOptions::add(OptionParser &parser, const char *threadNames) {
  parser.addWords(
      "DUMP", "the memory dump; of a split one, all parts in any order", files);
  addPlaces(parser, threadNames);
}

void DumpOptions::addWithWords(OptionParser &parser, const char *name,
                               const char *help) {
  parser.addWords(name, help, words);
  addPlaces(parser, WorkOptions::usualNames);
}

void DumpOptions::splitWords() {
  if (!maps.empty() || words.empty())
    return;
  files.push_back(std::move(words.front()));
  words.erase(words.begin());
}

void DumpOptions::addPlaces(OptionParser &parser, const char *threadNames) {
  parser.addTexts("--part", "FILE",
                  "a further file of the same dump (repeatable)", parts);
  parser.addTexts("--map", "FILE@PHYS[:LENGTH[:OFFSET]]",
                  "raw memory: FILE is what lies at PHYS (repeatable)", maps);
  parser.addNumber("--raw-base", "PHYS",
                   "physical address of a raw image's first byte", rawBase);
  parser.addText("--layout", "NAME",
                 "how a raw image's bytes lie in memory (qemu-q35, ...)",
                 layout);
  std::vector<std::string> layouts;
  for (const RawLayout &known : rawLayouts())
    layouts.push_back(known.name.str());
  parser.offer("--layout", std::move(layouts));
  work.add(parser, threadNames);
}

void KernelOptions::add(OptionParser &parser) {
  parser.addNumber("--root", "PHYS",
                   "physical address of the kernel's top table", root);
  addWithoutRoot(parser);
}

void KernelOptions::addWithoutRoot(OptionParser &parser) {
  addVmcoreinfo(parser);
  parser.addNumber("--levels", "N", "levels of page tables (x86-64: 4 or 5)",
                   levels);
  addSizes(parser);
}

void KernelOptions::addWithoutRootAndLevels(OptionParser &parser) {
  addVmcoreinfo(parser);
  addSizes(parser);
}

void KernelOptions::addSizes(OptionParser &parser) {
  parser.addNumber("--va-bits", "N",
                   "arm64: size of the kernel's half of the addresses", vaBits);
  parser.addNumber("--granule", "SIZE",
                   "arm64, ppc64le: bytes of a page (4K, 16K or 64K)", granule);
  parser.offer("--granule", {"4K", "16K", "64K"});
  parser.addNumber("--phys-base", "N", "x86-64: phys_base of the kernel",
                   physBase);
}

void KernelOptions::addArch(OptionParser &parser) {
  std::vector<std::string> names;
  for (Arch known : allArchs)
    names.push_back(getArchName(known).str());
  parser.addText("--arch", "ARCH", listArchNames().c_str(), arch);
  parser.offer("--arch", std::move(names));
}

void KernelOptions::addVmcoreinfo(OptionParser &parser) {
  addArch(parser);
  parser.addText("--vmcoreinfo", "FILE", "take VMCOREINFO from FILE",
                 vmcoreinfo);
  parser.addNumber("--kernel", "N",
                   "of several kernels in the dump, number N of vmpt info",
                   kernel);
  addForce(parser);
}

void KernelOptions::addForce(OptionParser &parser) {
  parser.addFlag("--force", "take options that contradict the dump", force);
}

void SymbolOptions::add(OptionParser &parser) {
  parser.addText(
      "--vmlinux", "FILE",
      "symbols and struct layouts (DWARF, BTF) from the kernel's vmlinux",
      vmlinux);
  parser.addFlag("--force-vmlinux", "use files of another kernel, too",
                 forceVmlinux);
  parser.addText("--system-map", "FILE",
                 "symbols from a System.map or /proc/kallsyms", systemMap);
  parser.addText("--btf", "FILE", "struct layouts from a BTF file", btf);
  parser.addTexts("--symbol", "NAME=ADDR",
                  "a symbol's virtual address (repeatable)", symbols);
  parser.addTexts("--offset", "STRUCT.MEMBER=N[:SIZE]",
                  "a struct member's place in bytes (repeatable)", offsets);
}

void TaskOptions::add(OptionParser &parser) {
  parser.addNumber("--pid", "N", "the task with this pid", pid);
  parser.addText("--comm", "NAME", "the tasks with this name", comm);
  parser.addNumber("--mm", "ADDR",
                   "the task with the mm_struct at this address", mm);
  parser.addFlag("--all", "every process that has page tables", all);
}

llvm::Error TaskOptions::check(llvm::StringRef command,
                               std::optional<bool> root) const {
  std::vector<std::string> choices = {"--pid", "--comm", "--mm"}, given;
  if (root)
    choices.push_back("--root");
  choices.push_back("--all");
  for (auto [isGiven, name] : {std::pair(pid.has_value(), "--pid"),
                               {comm.has_value(), "--comm"},
                               {mm.has_value(), "--mm"},
                               {root.value_or(false), "--root"},
                               {all, "--all"}})
    if (isGiven)
      given.push_back(name);
  if (given.size() == 1)
    return llvm::Error::success();
  auto join = [](llvm::ArrayRef<std::string> names) {
    std::string text = names.front();
    for (size_t i = 1; i < names.size(); ++i)
      text += (i + 1 == names.size() ? " and " : ", ") + names[i];
    return text;
  };
  std::string message = command.str() + " needs one of " + join(choices);
  if (!given.empty())
    message += ", not " + join(given) + " together";
  return llvm::make_error<UsageError>(message);
}

void SpaceOptions::add(OptionParser &parser) {
  parser.addNumber("--pid", "N", "through the tables of the task with this pid",
                   pid);
  parser.addNumber("--root", "PHYS",
                   "through the table at this physical address", root);
}

llvm::Error SpaceOptions::check() const {
  if (pid && root)
    return llvm::make_error<UsageError>(
        "--pid and --root each choose a table; leave out one");
  return llvm::Error::success();
}

void OutputOptions::add(OptionParser &parser) {
  parser.addText("--format", "FORMAT", "text (default), json or jsonl", format);
  parser.offer("--format", {"text", "json", "jsonl"});
}

llvm::Expected<std::unique_ptr<RecordWriter>>
OutputOptions::createWriter(llvm::StringRef command,
                            llvm::raw_ostream &os) const {
  llvm::Expected<OutputFormat> known =
      parseOutputFormat(format.value_or("text"));
  if (!known)
    return known.takeError();
  return RecordWriter::create(*known, command, os);
}

void ListingOptions::add(OptionParser &parser) {
  parser.addTexts("--range", "A-B",
                  "only lines for addresses from A up to B (repeatable)",
                  rangeWords);
  parser.addTexts("--section", "NAME",
                  "only lines under this header of the kernel's (repeatable)",
                  sections);
  parser.addTexts("--only", "WORDS", "only lines that are wx, user, huge, ...",
                  only);
  std::vector<std::string> words;
  for (const LineProperty &property : getLineProperties())
    words.push_back(property.name.str());
  parser.offer("--only", std::move(words));
  parser.addFlag("--phys", "add physical addresses, a line for each piece",
                 hasPhysical);
  parser.addFlag("--names", "add symbol, module, vmalloc caller, memory area",
                 hasNames);
  parser.addNumber("--max-lines", "N",
                   "end the listing after N lines (20 million)", maxLines);
}

static llvm::Expected<const LineProperty *> findProperty(llvm::StringRef word) {
  std::vector<std::string> known;
  for (const LineProperty &property : getLineProperties()) {
    if (property.name == word)
      return &property;
    known.push_back(property.name.str());
  }
  return llvm::make_error<UsageError>("--only '" + word + "' is not one of " +
                                      llvm::join(known, ", ") +
                                      suggest(word, known));
}

llvm::Error ListingOptions::check() {
  for (const std::string &word : rangeWords) {
    llvm::Expected<AddressRange> range = parseRange(word, "--range");
    if (!range)
      return range.takeError();
    ranges.push_back({VirtAddr(range->first), VirtAddr(range->last)});
  }
  for (llvm::StringRef words : only)
    for (llvm::StringRef word : llvm::split(words, ',')) {
      llvm::Expected<const LineProperty *> property = findProperty(word);
      if (!property)
        return property.takeError();
      properties.push_back(*property);
    }
  return llvm::Error::success();
}

void FileOptions::add(OptionParser &parser) {
  parser.addText("-o,--output", "OUT", "file to write; - is standard output",
                 output);
  parser.addFlag("--force", "replace OUT if it exists", force);
}

llvm::Error FileOptions::check(llvm::StringRef command) const {
  if (output)
    return llvm::Error::success();
  return llvm::make_error<UsageError>(command + " needs -o OUT");
}

} // namespace vmpt
