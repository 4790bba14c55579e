#include "views/Info.h"

#include "kernel/find/KernelArch.h"
#include "kernel/image/Vmcoreinfo.h"
#include "support/Text.h"
#include "views/Words.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

#include <bit>

namespace vmpt {

namespace {

constexpr unsigned nameColumn = 22;

void printLine(llvm::raw_ostream &os, llvm::StringRef name,
               const llvm::Twine &value, llvm::StringRef source = "") {
  os << "  " << printable(name);
  os.indent(unsigned(nameColumn - std::min<size_t>(name.size(), nameColumn)));
  os << printable(value.str());
  if (!source.empty())
    os << "  (" << printable(source) << ')';
  os << '\n';
}

/// 200540160 -> "191.2M", exact numbers without a fraction.
std::string formatSize(uint64_t bytes) {
  const char *unit = "BKMGTPE";
  double size = double(bytes);
  for (; size >= 1024 && unit[1]; ++unit)
    size /= 1024;
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::format(size == double(uint64_t(size)) ? "%.0f" : "%.1f", size)
     << *unit;
  return os.str();
}

/// makedumpfile(8), -d: what each bit leaves out.
constexpr llvm::StringLiteral excludedKinds[] = {
    "zero", "cache", "private cache", "user", "free"};

std::vector<std::string> namesInDumpLevel(unsigned level) {
  std::vector<std::string> names;
  for (unsigned bit = 0; bit < std::size(excludedKinds); ++bit)
    if (level >> bit & 1)
      names.push_back(excludedKinds[bit].str());
  return names;
}

std::string describeDumpLevel(unsigned level) {
  constexpr unsigned allBits = (1u << std::size(excludedKinds)) - 1;
  const std::vector<std::string> names = namesInDumpLevel(level);
  std::string text = std::to_string(level) + ": ";
  if (names.empty())
    text += "no kind of page";
  for (size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  text += names.empty() ? " left out" : " pages left out";
  return level & ~allBits ? text + ", and bits that vmpt does not know" : text;
}

/// A page that is there in part counts.
std::string countPages(uint64_t bytes, uint64_t pageBytes) {
  return std::to_string(bytes / pageBytes + (bytes % pageBytes != 0));
}

void printPages(llvm::raw_ostream &os, uint64_t pageBytes, llvm::StringRef name,
                uint64_t present, uint64_t zeros, llvm::StringRef zerosName,
                llvm::ArrayRef<uint64_t> absent) {
  std::string text = countPages(present, pageBytes) + " present";
  if (zeros)
    text += " (" + countPages(zeros, pageBytes) + " " + zerosName.str() + ")";
  for (size_t i = 0; i < absent.size(); ++i)
    if (absent[i])
      text += ", " + countPages(absent[i], pageBytes) + " " +
              getAbsenceName(Absence(i)).str();
  printLine(os, (name + formatSize(pageBytes)).str(), text);
}

struct Totals {
  uint64_t present = 0;
  std::array<uint64_t, 4> absent = {};
};

Totals addUp(llvm::ArrayRef<MemoryBlock> blocks) {
  Totals totals;
  for (const MemoryBlock &block : blocks) {
    totals.present += block.presentBytes;
    for (size_t i = 0; i < totals.absent.size(); ++i)
      totals.absent[i] += block.absentBytes[i];
  }
  return totals;
}

/// "64M present, 4K excluded"
std::string describeBytes(uint64_t present, bool namesPresent,
                          llvm::ArrayRef<uint64_t> absent) {
  std::string text = namesPresent ? formatSize(present) + " present" : "";
  for (size_t i = 0; i < absent.size(); ++i)
    if (absent[i])
      text += (text.empty() ? "" : ", ") + formatSize(absent[i]) + " " +
              getAbsenceName(Absence(i)).str();
  return text;
}

void addTotals(Record &record, const Totals &totals, uint64_t knownZeroBytes) {
  record.add("present_bytes", totals.present);
  record.add("known_zero_bytes", knownZeroBytes);
  record.add("absent_bytes", makeAbsentBytes(totals.absent));
}

void printMemory(llvm::raw_ostream &os, const Dump &dump) {
  os << "Physical memory\n";
  const std::vector<MemoryBlock> blocks = summarize(*dump.memory);
  for (const MemoryBlock &block : blocks)
    os << "  " << llvm::format_hex(block.start.value, 18) << '-'
       << llvm::format_hex(block.start.value + block.size, 18) << "  "
       << describeBytes(block.presentBytes, block.presentBytes != 0,
                        block.absentBytes)
       << '\n';
  const Totals totals = addUp(blocks);
  printLine(os, "in all", describeBytes(totals.present, true, totals.absent));
  printPages(os, findPageBytes(dump), "pages of ", totals.present,
             dump.memory->knownZeroBytes(), "marked as zeros", totals.absent);
}

void printContainer(llvm::raw_ostream &os, const Dump &dump) {
  os << "Container\n";
  printLine(os, "format", dump.format);
  if (!dump.producer.empty())
    printLine(os, "producer", dump.producer);
  for (const ContainerFact &fact : dump.facts)
    printLine(os, fact.name, fact.value);
  if (dump.dumpLevel)
    printLine(os, "dump level", describeDumpLevel(*dump.dumpLevel));
  for (const std::string &quirk : dump.quirks)
    printLine(os, "note", quirk);
}

/// The registers that say where it ran.
std::string describePlace(const CpuRegisters &cpu,
                          const std::optional<Arch> &arch) {
  std::string text;
  for (const KernelArch *known : getKernelArchs())
    if (text.empty() && (!arch || *arch == known->arch))
      for (llvm::StringRef name :
           {known->crash->ipRegister, known->crash->spRegister})
        if (auto value = cpu.find(name))
          text += (name + " " + hex(*value) + "  ").str();
  return text;
}

void printCpus(llvm::raw_ostream &os, const Machine &machine) {
  os << "CPUs\n";
  if (machine.cpus.empty())
    printLine(os, "registers", "none in the dump");
  for (size_t i = 0; i < machine.cpus.size(); ++i) {
    const CpuRegisters &cpu = machine.cpus[i];
    std::string text = describePlace(cpu, machine.arch);
    for (const auto &[name, value] : cpu.system)
      text += name + " " + hex(value) + "  ";
    if (cpu.pid)
      text += "pr_pid " + std::to_string(*cpu.pid);
    printLine(os, machine.cpuName(i), llvm::StringRef(text).rtrim());
  }
}

/// "running: CR3 of CPU 0 leads to its root table"
std::string describeRunning(const FoundKernel &kernel) {
  if (!kernel.isRunning)
    return "running or not: " + kernel.reason;
  return (*kernel.isRunning ? "running: " : "not running: ") + kernel.reason;
}

void printKernels(llvm::raw_ostream &os, llvm::ArrayRef<FoundKernel> kernels) {
  os << "Kernels in this memory\n";
  for (const FoundKernel &kernel : kernels) {
    std::string text =
        kernel.release.empty() ? "of unknown release" : kernel.release;
    text += ", " + kernel.mode + ", root " + hex(kernel.root);
    if (!kernel.doubt.empty())
      text += " (unconfirmed)";
    if (kernel.crashTime)
      text += ", crashed " + std::to_string(*kernel.crashTime) +
              " s after 1970 began";
    printLine(os,
              std::to_string(kernel.number) +
                  (kernel.isChosen ? ", read here" : ""),
              text, describeRunning(kernel) + "; " + kernel.source);
  }
}

Record
makeRegisters(llvm::ArrayRef<std::pair<std::string, uint64_t>> registers) {
  Record record;
  for (const auto &[name, value] : registers)
    record.add(name, Value::Hex{value});
  return record;
}

void writeEvidence(RecordWriter &writer, llvm::StringRef heading,
                   const ListShape &shape, const Evidence &evidence) {
  if (llvm::raw_ostream *os = writer.text()) {
    *os << heading << '\n';
    for (const Fact &fact : evidence.facts())
      printLine(*os, fact.name, fact.value, fact.source);
    for (const std::string &attempt : evidence.attempts())
      printLine(*os, "tried", attempt);
    return;
  }
  writer.beginList(shape);
  for (const Fact &fact : evidence.facts()) {
    Record record;
    record.add("name", fact.name).add("value", fact.value);
    record.add("source", fact.source);
    writer.record(record);
  }
  for (const std::string &attempt : evidence.attempts()) {
    Record record;
    record.add("name", "tried").add("value", attempt).add("source", Value());
    writer.record(record);
  }
  writer.endList();
}

} // namespace

uint64_t findPageBytes(const Dump &dump) {
  std::optional<uint64_t> size;
  if (dump.vmcoreinfo)
    size = Vmcoreinfo::parse(*dump.vmcoreinfo).decimal("PAGESIZE");
  return size && std::has_single_bit(*size) && *size >= 4096 ? *size : 4096;
}

void writeTrimmed(RecordWriter &writer, const Dump &dump) {
  llvm::raw_ostream *os = writer.text();
  if (!os || !dump.isTrimmed)
    return;
  const Totals whole = addUp(dump.memoryBlocks());
  *os << "Trimmed\n";
  printLine(*os, "by vmpt trim",
            formatSize(dump.memory->presentBytes()) + " are left of " +
                formatSize(whole.present) +
                "; the container below is that of the whole dump");
  if (dump.isTrimmedWithTasks)
    printLine(*os, "with",
              *dump.isTrimmedWithTasks
                  ? "what info, kernel, tasks, task and maps read"
                  : "what info and kernel read");
}

Record makeContainerRecord(const Dump &dump) {
  Array facts;
  for (const ContainerFact &fact : dump.facts) {
    Record record;
    record.add("name", fact.name).add("value", fact.value);
    facts.push_back(std::move(record));
  }
  Record record;
  record.add("format", dump.format);
  record.add("producer", dump.producer.empty() ? Value() : dump.producer);
  record.add("trimmed", dump.isTrimmed).add("dump_level", dump.dumpLevel);
  record.add("left_out",
             makeArray(namesInDumpLevel(dump.dumpLevel.value_or(0))));
  record.add("facts", std::move(facts)).add("notes", makeArray(dump.quirks));
  return record;
}

void writeContainer(RecordWriter &writer, const Dump &dump) {
  if (llvm::raw_ostream *os = writer.text())
    return printContainer(*os, dump);
  writer.member("container", makeContainerRecord(dump));
}

Record makeMemoryRecord(const Dump &dump) {
  const PhysicalMemory &memory = *dump.memory;
  Record record, whole;
  record.add("page_bytes", findPageBytes(dump));
  addTotals(record, addUp(summarize(memory)), memory.knownZeroBytes());
  addTotals(whole, addUp(dump.memoryBlocks()), dump.knownZeroBytes());
  if (dump.isTrimmed)
    record.add("whole", std::move(whole));
  return record;
}

void writeMemory(RecordWriter &writer, const Dump &dump) {
  if (llvm::raw_ostream *os = writer.text())
    return printMemory(*os, dump);
  writer.member("memory", makeMemoryRecord(dump));
}

void writeVerified(RecordWriter &writer, const Dump &dump,
                   const VerifiedBytes &bytes) {
  if (llvm::raw_ostream *os = writer.text())
    return printPages(*os, findPageBytes(dump), "read, pages of ",
                      bytes.present, bytes.zero, "of zeros", bytes.absent);
  Record record;
  record.add("present_bytes", bytes.present).add("zero_bytes", bytes.zero);
  record.add("absent_bytes", makeAbsentBytes(bytes.absent));
  writer.member("verified", std::move(record));
}

void writeBlocks(RecordWriter &writer, const Dump &dump) {
  writer.beginList({"blocks", "block"});
  for (const MemoryBlock &block : summarize(*dump.memory)) {
    Record record;
    record.add("first", block.start);
    record.add("last", block.start + (block.size - 1));
    record.add("bytes", block.size).add("present_bytes", block.presentBytes);
    record.add("absent_bytes", makeAbsentBytes(block.absentBytes));
    writer.record(record);
  }
  writer.endList();
}

void writeCpus(RecordWriter &writer, const Machine &machine) {
  if (llvm::raw_ostream *os = writer.text())
    return printCpus(*os, machine);
  writer.beginList({"cpus", "cpu"});
  for (size_t i = 0; i < machine.cpus.size(); ++i) {
    const CpuRegisters &cpu = machine.cpus[i];
    Record record;
    record.add("cpu", machine.cpuNumber(i)).add("pr_pid", cpu.pid);
    record.add("general", makeRegisters(cpu.general));
    record.add("system", makeRegisters(cpu.system));
    writer.record(record);
  }
  writer.endList();
}

void writeKernelFacts(RecordWriter &writer, const Evidence &evidence) {
  writeEvidence(writer, "Kernel", {"kernel", "kernel_fact"}, evidence);
}

void writeKernels(RecordWriter &writer, llvm::ArrayRef<FoundKernel> kernels) {
  if (llvm::raw_ostream *os = writer.text())
    return printKernels(*os, kernels);
  writer.beginList({"kernels", "found_kernel"});
  for (const FoundKernel &kernel : kernels) {
    Record record;
    record.add("number", uint64_t(kernel.number))
        .add("chosen", kernel.isChosen);
    record.add("running", kernel.isRunning).add("reason", kernel.reason);
    record.add("release", kernel.release.empty() ? Value() : kernel.release);
    record.add("arch",
               kernel.arch ? Value(getArchName(kernel.arch->arch)) : Value());
    record.add("mode", kernel.mode).add("root", kernel.root);
    record.add("source", kernel.source);
    record.add("doubt", kernel.doubt.empty() ? Value() : kernel.doubt);
    record.add("crash_time", kernel.crashTime);
    writer.record(record);
  }
  writer.endList();
}

void writeSections(RecordWriter &writer, llvm::ArrayRef<AddressMarker> markers,
                   unsigned wordBytes) {
  if (llvm::raw_ostream *os = writer.text()) {
    *os << "Address space\n";
    for (const AddressMarker &marker : markers)
      *os << "  " << llvm::format_hex(marker.start, wordBytes * 2 + 2) << "  "
          << printable(marker.name) << '\n';
    return;
  }
  writer.beginList({"sections", "section"});
  for (const AddressMarker &marker : markers) {
    Record record;
    record.add("start", VirtAddr(marker.start)).add("name", marker.name);
    writer.record(record);
  }
  writer.endList();
}

void writeMessages(RecordWriter &writer, llvm::ArrayRef<Finding> findings) {
  llvm::raw_ostream *os = writer.text();
  if (!os)
    return;
  *os << "Messages\n";
  for (const Finding &finding : findings)
    printLine(*os, getSeverityWord(finding.severity), finding.sentence);
}

void writeSymbolFacts(RecordWriter &writer, const Evidence &evidence) {
  writeEvidence(writer, "Symbols and types", {"symbols", "symbol_fact"},
                evidence);
}

} // namespace vmpt
