//===- Info.cpp - vmpt info: the dump, and how that is known --------------===//
#include "cli/Commands.h"
#include "dump/writer/VerifiedRanges.h"
#include "kernel/find/KernelArch.h"
#include "kernel/image/Vmcoreinfo.h"
#include "support/Text.h"

#include "llvm/Support/Format.h"

#include <bit>

namespace vmpt {

namespace {

constexpr unsigned nameColumn = 22;

void printHeading(llvm::raw_ostream &os, llvm::StringRef name) {
  os << name << '\n';
}

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

void printContainer(llvm::raw_ostream &os, const Dump &dump) {
  printHeading(os, "Container");
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

void printPages(llvm::raw_ostream &os, uint64_t pageSize, llvm::StringRef name,
                uint64_t present, uint64_t zeros, llvm::StringRef zerosName,
                llvm::ArrayRef<uint64_t> absent) {
  std::string text = countPages(present, pageSize) + " present";
  if (zeros)
    text += " (" + countPages(zeros, pageSize) + " " + zerosName.str() + ")";
  for (size_t i = 0; i < absent.size(); ++i)
    if (absent[i])
      text += ", " + countPages(absent[i], pageSize) + " " +
              getAbsenceName(Absence(i)).str();
  printLine(os, (name + formatSize(pageSize)).str(), text);
}

/// What reading gives, beside what the container says. True if the two agree on
/// what is there.
bool printVerified(Session &session) {
  llvm::raw_ostream &os = session.out();
  const Dump &dump = session.dump();
  const uint64_t pageSize = findPageSize(dump);
  VerifiedBytes bytes =
      verifyBytes(*dump.memory, pageSize, session.diagnostics());
  printPages(os, pageSize, "read, pages of ", bytes.present, bytes.zero,
             "of zeros", bytes.absent);
  return bytes.present == dump.memory->presentBytes();
}

void printMemory(llvm::raw_ostream &os, const Dump &dump) {
  printHeading(os, "Physical memory");
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
    os << "  "
       << llvm::format("0x%016llx-0x%016llx",
                       (unsigned long long)block.start.value,
                       (unsigned long long)(block.start.value + block.size))
       << "  " << parts << '\n';
  }
  std::string totals = formatSize(present) + " present";
  for (size_t i = 0; i < absent.size(); ++i)
    if (absent[i])
      totals +=
          ", " + formatSize(absent[i]) + " " + getAbsenceName(Absence(i)).str();
  printLine(os, "in all", totals);
  printPages(os, findPageSize(dump), "pages of ", present,
             dump.knownZeroBytes(), "marked as zeros", absent);
}

void printCpus(llvm::raw_ostream &os, const Machine &machine) {
  printHeading(os, "CPUs");
  if (machine.cpus.empty())
    printLine(os, "registers", "none in the dump");
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
    printLine(os, "CPU " + std::to_string(i), llvm::StringRef(text).rtrim());
  }
}

void printEvidence(llvm::raw_ostream &os, llvm::StringRef heading,
                   const Evidence &evidence) {
  printHeading(os, heading);
  for (const Fact &fact : evidence.facts())
    printLine(os, fact.name, fact.value, fact.source);
  for (const std::string &attempt : evidence.attempts())
    printLine(os, "tried", attempt);
}

void printKernel(llvm::raw_ostream &os, const KernelImage &kernel) {
  printEvidence(os, "Kernel", kernel.evidence);
  printHeading(os, "Address space");
  const unsigned digits = 2 * kernel.wordBytes();
  for (const AddressMarker &marker : kernel.markers)
    os << "  " << llvm::format_hex(marker.start, digits + 2) << "  "
       << printable(marker.name) << '\n';
}

class InfoCommand final : public Command {
public:
  void addOptions(OptionParser &parser) override {
    dump_.add(parser);
    kernel_.add(parser);
    symbols_.add(parser);
    parser.addFlag("--sources",
                   "also where symbols and struct layouts come from", sources_);
    parser.addFlag("--verify",
                   "also read every page: which are zeros, which are broken",
                   verify_);
  }

  llvm::Error run(const CommandContext &context) override {
    auto session = context.open(dump_, kernel_, symbols_);
    if (!session)
      return session.takeError();
    printDump(**session);
    llvm::Expected<const KernelImage &> kernel = (*session)->kernel();
    if (!kernel) {
      // What the container says stays worth having.
      (*session)->gap("no-kernel", kernel.takeError());
      return llvm::Error::success();
    }
    printKernel(context.out(), *kernel);
    if (!sources_)
      return llvm::Error::success();
    llvm::Expected<const KernelDebug &> debug = (*session)->debug();
    if (!debug)
      return debug.takeError();
    printEvidence(context.out(), "Symbols and types", debug->evidence());
    return llvm::Error::success();
  }

private:
  void printDump(Session &session) const {
    const Dump &dump = session.dump();
    printContainer(session.out(), dump);
    printMemory(session.out(), dump);
    const bool isSound = !verify_ || printVerified(session);
    printCpus(session.out(), dump.machine);
    if (!isSound)
      session.gap("pages-unreadable",
                  "pages that the file should have cannot be read");
    if (dump.isTrimmed)
      session.warn("trimmed",
                   "this file was cut by vmpt trim: it holds few pages, and "
                   "what is said of the container is said of the whole dump");
  }

  DumpOptions dump_;
  KernelOptions kernel_;
  SymbolOptions symbols_;
  bool sources_ = false;
  bool verify_ = false;
};

} // namespace

const CommandInfo infoCommand = {
    "info", "say what the dump is, and how that is known",
    "Prints the container and what it lacks, physical memory, registers, and "
    "every fact about the kernel with where it came from.",
    createCommand<InfoCommand>};

} // namespace vmpt
