//===- Info.cpp - vmpt info, vmpt vmcoreinfo ------------------------------===//
#include "cli/Session.h"
#include "dump/OpenDump.h"
#include "dump/writer/VerifiedRanges.h"
#include "kernel/find/KernelArch.h"
#include "kernel/image/Vmcoreinfo.h"
#include "support/Text.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

#include <bit>

namespace vmpt {

namespace {

constexpr unsigned nameColumn = 22;

void printHeading(llvm::StringRef name) { llvm::outs() << name << '\n'; }

void printLine(llvm::StringRef name, const llvm::Twine &value,
               llvm::StringRef source = "") {
  llvm::raw_ostream &os = llvm::outs();
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
std::string describeDumpLevel(unsigned level) {
  static constexpr const char *kinds[] = {"zero", "cache", "private cache",
                                          "user", "free"};
  constexpr unsigned allBits = (1u << std::size(kinds)) - 1;
  std::vector<std::string> names;
  for (unsigned bit = 0; bit < std::size(kinds); ++bit)
    if (level >> bit & 1)
      names.push_back(kinds[bit]);
  std::string text = std::to_string(level) + ": ";
  if (names.empty())
    text += "no kind of page";
  for (size_t i = 0; i < names.size(); ++i)
    text += (i == 0 ? "" : i + 1 == names.size() ? " and " : ", ") + names[i];
  text += names.empty() ? " left out" : " pages left out";
  return level & ~allBits ? text + ", and bits that vmpt does not know" : text;
}

void printContainer(const Dump &dump) {
  printHeading("Container");
  printLine("format", dump.format);
  if (!dump.producer.empty())
    printLine("producer", dump.producer);
  for (const ContainerFact &fact : dump.facts)
    printLine(fact.name, fact.value);
  if (dump.dumpLevel)
    printLine("dump level", describeDumpLevel(*dump.dumpLevel));
  for (const std::string &quirk : dump.quirks)
    printLine("note", quirk);
}

/// A page that is there in part counts.
std::string countPages(uint64_t bytes, uint64_t pageSize) {
  return std::to_string(bytes / pageSize + (bytes % pageSize != 0));
}

/// The kernel's page where the dump says how large that is.
uint64_t findPageSize(const Dump &dump) {
  std::optional<uint64_t> size;
  if (dump.vmcoreinfo)
    size = Vmcoreinfo::parse(*dump.vmcoreinfo).decimal("PAGESIZE");
  return size && std::has_single_bit(*size) && *size >= 4096 ? *size : 4096;
}

void printPages(uint64_t pageSize, llvm::StringRef name, uint64_t present,
                uint64_t zeros, llvm::StringRef zerosName,
                llvm::ArrayRef<uint64_t> absent) {
  std::string text = countPages(present, pageSize) + " present";
  if (zeros)
    text += " (" + countPages(zeros, pageSize) + " " + zerosName.str() + ")";
  for (size_t i = 0; i < absent.size(); ++i)
    if (absent[i])
      text += ", " + countPages(absent[i], pageSize) + " " +
              getAbsenceName(Absence(i)).str();
  printLine((name + formatSize(pageSize)).str(), text);
}

/// What reading gives, beside what the container says. True if the two agree on
/// what is there.
bool printVerified(const Dump &dump) {
  const uint64_t pageSize = findPageSize(dump);
  VerifiedBytes bytes =
      verifyBytes(*dump.memory, pageSize, standardDiagnostics());
  printPages(pageSize, "read, pages of ", bytes.present, bytes.zero, "of zeros",
             bytes.absent);
  return bytes.present == dump.memory->presentBytes();
}

void printMemory(const Dump &dump) {
  printHeading("Physical memory");
  std::array<uint64_t, 4> absent = {};
  uint64_t present = 0;
  for (const MemoryBlock &block : dump.memoryBlocks()) {
    std::string parts;
    auto add = [&](uint64_t bytes, llvm::StringRef what) {
      if (bytes)
        parts +=
            (parts.empty() ? "" : ", ") + formatSize(bytes) + " " + what.str();
    };
    add(block.presentBytes, "present");
    present += block.presentBytes;
    for (size_t i = 0; i < absent.size(); ++i) {
      add(block.absentBytes[i], getAbsenceName(Absence(i)));
      absent[i] += block.absentBytes[i];
    }
    llvm::outs() << "  "
                 << llvm::format(
                        "0x%016llx-0x%016llx",
                        (unsigned long long)block.start.value,
                        (unsigned long long)(block.start.value + block.size))
                 << "  " << parts << '\n';
  }
  std::string totals = formatSize(present) + " present";
  for (size_t i = 0; i < absent.size(); ++i)
    if (absent[i])
      totals +=
          ", " + formatSize(absent[i]) + " " + getAbsenceName(Absence(i)).str();
  printLine("in all", totals);
  printPages(findPageSize(dump), "pages of ", present, dump.knownZeroBytes(),
             "marked as zeros", absent);
}

void printCpus(const Machine &machine) {
  printHeading("CPUs");
  if (machine.cpus.empty())
    printLine("registers", "none in the dump");
  for (size_t i = 0; i < machine.cpus.size(); ++i) {
    const CpuRegisters &cpu = machine.cpus[i];
    std::string text;
    for (const char *name : {"rip", "eip", "pc", "rsp", "esp", "sp"})
      if (auto value = cpu.find(name))
        text += std::string(name) + " " + hex(*value) + "  ";
    for (const auto &[name, value] : cpu.system)
      text += name + " " + hex(value) + "  ";
    if (cpu.pid)
      text += "pr_pid " + std::to_string(*cpu.pid);
    printLine("CPU " + std::to_string(i), llvm::StringRef(text).rtrim());
  }
}

void printEvidence(llvm::StringRef heading, const Evidence &evidence) {
  printHeading(heading);
  for (const Fact &fact : evidence.facts())
    printLine(fact.name, fact.value, fact.source);
  for (const std::string &attempt : evidence.attempts())
    printLine("tried", attempt);
}

void printKernel(const KernelImage &kernel) {
  printEvidence("Kernel", kernel.evidence);
  printHeading("Address space");
  const unsigned digits = 2 * kernel.wordBytes();
  for (const AddressMarker &marker : kernel.markers)
    llvm::outs() << "  " << llvm::format_hex(marker.start, digits + 2) << "  "
                 << printable(marker.name) << '\n';
}

} // namespace

llvm::Expected<int> runInfo(const Options &options) {
  llvm::Expected<Dump> dump = openDump(options);
  if (!dump)
    return dump.takeError();
  printContainer(*dump);
  printMemory(*dump);
  const bool isSound = !options.verify || printVerified(*dump);
  printCpus(dump->machine);
  llvm::outs().flush();
  if (!isSound)
    warn(options, "pages that the file should have cannot be read");
  if (dump->isTrimmed)
    warn(options, "this file was cut by vmpt trim: it holds few pages, and "
                  "what is said of the container is said of the whole dump");
  llvm::Expected<KernelImage> kernel =
      findKernel(options, *dump, *dump->memory);
  if (!kernel) {
    // What the container says stays worth having.
    standardDiagnostics().warn(llvm::toString(kernel.takeError()));
    return 1;
  }
  printKernel(*kernel);
  const int status = isSound ? 0 : 1;
  if (!options.sources)
    return status;
  llvm::Expected<std::unique_ptr<KernelDebug>> debug =
      findDebug(options, *kernel, *dump->memory);
  if (!debug)
    return debug.takeError();
  printEvidence("Symbols and types", (*debug)->evidence());
  return status;
}

llvm::Expected<int> runVmcoreinfo(const Options &options) {
  llvm::Expected<Dump> dump = openDump(options);
  if (!dump)
    return dump.takeError();
  if (dump->vmcoreinfo) {
    llvm::outs() << *dump->vmcoreinfo;
    return 0;
  }
  llvm::Expected<KernelImage> kernel =
      findKernel(options, *dump, *dump->memory);
  if (!kernel)
    return kernel.takeError();
  if (kernel->vmcoreinfo.text().empty())
    return withFileName(options, llvm::make_error<LookupError>(
                                     "no VMCOREINFO in the notes, nor at the "
                                     "start of any page of memory"));
  llvm::outs() << kernel->vmcoreinfo.text();
  return 0;
}

} // namespace vmpt
