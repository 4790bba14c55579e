#include "kernel/find/RegisterRoots.h"

#include "kernel/find/ConcealedMemory.h"
#include "kernel/find/KernelArch.h"
#include "kernel/image/DebugData.h"
#include "paging/AddressSpace.h"
#include "paging/Translate.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

/// Registers of a hostile dump can point to as many tables as it has CPUs.
constexpr size_t maxTables = 64;

struct RegisterTable {
  PhysAddr root;
  std::string source; ///< "CR3 of CPU 0"
};

std::vector<RegisterTable> listTables(const RootQuery &query,
                                      const KernelArch &arch,
                                      const PagingMode &mode) {
  std::vector<RegisterTable> tables;
  auto add = [&](uint64_t value, std::string source) {
    const PhysAddr root = mode.rootIn(value);
    if (tables.size() < maxTables &&
        llvm::none_of(tables, [&](auto &known) { return known.root == root; }))
      tables.push_back({root, std::move(source)});
  };
  if (query.overrides.taskRoot)
    add(query.overrides.taskRoot->value, "option --root");
  const std::string name = arch.rootRegister.upper();
  for (size_t i = 0; i < query.dump.machine.cpus.size(); ++i)
    if (auto value = query.dump.machine.cpus[i].find(arch.rootRegister)) {
      const std::string source = name + " of " + query.dump.machine.cpuName(i);
      add(*value, source);
      if (*value & arch.userHalfBit)
        add(*value & ~arch.userHalfBit,
            source + ", without the bit of PTI's user half");
    }
  return tables;
}

/// "Linux version 6.1.0-56-amd64 (..." -> "6.1.0-56-amd64"; "" if there is no
/// such text.
std::string readBannerRelease(const AddressSpace &memory, VirtAddr banner) {
  llvm::Expected<std::string> text = memory.readString(banner, 512);
  if (!text) {
    llvm::consumeError(text.takeError());
    return "";
  }
  llvm::StringRef rest = *text;
  return rest.consume_front("Linux version ") ? rest.split(' ').first.str()
                                              : "";
}

class RegisterFinder {
public:
  RegisterFinder(const RootQuery &query, const KernelCandidate &start,
                 Attempts &attempts)
      : query_(query), start_(start), arch_(*start.arch), attempts_(attempts) {}

  std::optional<KernelCandidate> choose(llvm::ArrayRef<ModeChoice> modes);
  /// The kernel's root as kallsyms has it, read through \p table.
  std::optional<KernelCandidate> follow(const RegisterTable &table,
                                        const ModeChoice &mode);

private:
  bool isUsable(const RegisterTable &table, const ModeChoice &mode);
  KernelCandidate standIn() const;
  bool isLikeliest(const ModeChoice &mode) const {
    return mode.mode.name == start_.mode.mode.name;
  }
  /// What a table is in another mode is no news.
  void say(const ModeChoice &mode, const llvm::Twine &what) {
    if (isLikeliest(mode))
      attempts_.add(what);
  }

  const RootQuery &query_;
  const KernelCandidate &start_;
  const KernelArch &arch_;
  Attempts &attempts_;
  /// The table that maps most of the kernel's image, should none lead on.
  struct Largest {
    RegisterTable table;
    ModeChoice mode;
    uint64_t bytes;
  };
  std::optional<Largest> largest_;
};

/// Is it worth to look through? If not, it is said why.
bool RegisterFinder::isUsable(const RegisterTable &table,
                              const ModeChoice &choice) {
  const PagingMode &mode = choice.mode;
  const std::string name = "the table that " + table.source +
                           " points to, physical " + hex(table.root) + ",";
  if (table.root == PhysAddr(0)) {
    say(choice, table.source + " points to page 0: the CPU does not run");
    return false;
  }
  bool isEmpty = true, isEncrypted = choice.encryptionMask == 0;
  for (unsigned index = 0; index < mode.entryCount(0); ++index) {
    uint64_t entry = 0;
    if (auto absent =
            readEntry(query_.memory, mode,
                      table.root + uint64_t(index) * mode.entryBytes, entry)) {
      say(choice, name + " is not in the dump (" +
                      getAbsenceName(absent->absence) + ")");
      return false;
    }
    isEmpty &= mode.isHole(entry, 0);
    isEncrypted |= (entry & choice.encryptionMask) != 0;
  }
  if (isEmpty)
    say(choice, name + " is empty");
  return !isEmpty && isEncrypted;
}

std::optional<KernelCandidate>
RegisterFinder::follow(const RegisterTable &table, const ModeChoice &mode) {
  AddressSpace memory(query_.memory, mode.mode, table.root,
                      getTraits(arch_.arch).order);
  if (arch_.mapsKernel && !arch_.mapsKernel(memory)) {
    say(mode, "the table that " + table.source + " points to, physical " +
                  hex(table.root) + ", maps no kernel but its entry code");
    return std::nullopt;
  }
  const std::vector<MappedRun> image = arch_.mapImage(query_, memory);
  uint64_t bytes = 0;
  for (const MappedRun &run : image)
    bytes += run.size;
  // A mode that is not the likeliest one stands for nothing, and so does what
  // maps no kernel. Where its image lies is not known on i386 without symbols.
  const bool mapsAny =
      bytes ||
      (!arch_.kernelStarts.empty() &&
       !memory.mappedRuns(firstSurelyKernel(arch_), mode.mode.coverage.last())
            .empty());
  if (isLikeliest(mode) && mapsAny && (!largest_ || bytes > largest_->bytes))
    largest_ = {table, mode, bytes};
  auto kallsyms = readKallsyms(memory, query_.vmcoreinfo, image);
  if (!kallsyms) {
    say(mode, llvm::toString(kallsyms.takeError()));
    return std::nullopt;
  }
  auto symbols = findImageSymbols(arch_, **kallsyms);
  if (!symbols) {
    say(mode, "kallsyms does not name " + arch_.rootSymbols.front());
    return std::nullopt;
  }
  const Translation path =
      translate(query_.memory, mode.mode, table.root, symbols->self);
  RootJudgement judgement = {RootVerdict::Refuted, "it is not mapped"};
  if (path.isMapped())
    judgement = judgeRoot(query_.memory, mode.mode, path.address, *symbols);
  if (judgement.verdict == RootVerdict::Refuted) {
    say(mode, symbols->selfName + "=" + hex(symbols->self) +
                  " of kallsyms, read through " + table.source + ": " +
                  judgement.reason);
    return std::nullopt;
  }
  KernelCandidate candidate = start_;
  candidate.mode = mode;
  candidate.root = path.address;
  candidate.rootSource =
      symbols->selfName + " in kallsyms, read through " + table.source +
      (judgement.verdict == RootVerdict::Confirmed
           ? "; confirmed: " + getRootProof(arch_, mode.mode).str()
           : "; unconfirmed: " + judgement.reason);
  if (judgement.verdict == RootVerdict::Unconfirmed)
    candidate.doubt = "the root table at " + hex(candidate.root) +
                      " is unconfirmed: " + judgement.reason;
  for (const Symbol &symbol : symbols->others)
    if (symbol.name == "linux_banner" && !candidate.text)
      candidate.bannerRelease = readBannerRelease(memory, symbol.address);
  return candidate;
}

KernelCandidate RegisterFinder::standIn() const {
  KernelCandidate candidate = start_;
  const std::string &source = largest_->table.source;
  candidate.mode = largest_->mode;
  candidate.root = largest_->table.root;
  candidate.rootSource = source;
  candidate.isOfTask = true;
  candidate.doubt = "the kernel's own root table was not found: the kernel's "
                    "half of a task's table, that of " +
                    source + ", stands for it";
  return candidate;
}

std::optional<KernelCandidate>
RegisterFinder::choose(llvm::ArrayRef<ModeChoice> modes) {
  std::optional<KernelCandidate> doubtful;
  bool hasRegister = false;
  for (const ModeChoice &mode : modes) {
    const std::vector<RegisterTable> tables =
        listTables(query_, arch_, mode.mode);
    hasRegister |= !tables.empty();
    for (const RegisterTable &table : tables) {
      if (!isUsable(table, mode))
        continue;
      std::optional<KernelCandidate> candidate = follow(table, mode);
      if (candidate && candidate->doubt.empty())
        return candidate;
      if (candidate && !doubtful)
        doubtful = std::move(candidate);
    }
  }
  if (doubtful)
    return doubtful;
  if (!hasRegister)
    attempts_.add("no register in the notes holds a root");
  if (!largest_)
    return std::nullopt;
  // A register is in the clear, what it points to need not be.
  auto concealed = describeConcealedMemory(query_.memory);
  if (concealed && concealed->isCiphertext)
    return std::nullopt;
  return standIn();
}

} // namespace

void Attempts::add(const llvm::Twine &what) {
  std::string text = what.str();
  if (!llvm::is_contained(list_, text))
    list_.push_back(std::move(text));
}

void Attempts::addTelling(const llvm::Twine &what) {
  add(what);
  if (telling_.empty())
    telling_ = what.str();
}

std::optional<KernelCandidate> takeOption(const RootQuery &query,
                                          const KernelCandidate &start,
                                          PhysAddr root, Attempts &attempts) {
  Attempts unsaid;
  const RegisterTable table{root, "option --root"};
  std::optional<KernelCandidate> named =
      RegisterFinder(query, start, unsaid).follow(table, start.mode);
  KernelCandidate candidate = start;
  candidate.root = root;
  candidate.rootSource = table.source;
  std::string fault;
  if (named && named->root == root) {
    candidate.rootSource +=
        "; confirmed: " + getRootProof(*start.arch, start.mode.mode).str();
    candidate.doubt = named->doubt;
    return candidate;
  }
  if (named)
    fault = "the kernel's own is at " + hex(named->root) +
            " by the kallsyms that it maps";
  else
    fault = findTableFault(query.memory, start.mode.mode, root).value_or("");
  candidate.doubt = "the table at " + hex(root) + " (option --root) is ";
  if (fault.empty()) {
    candidate.doubt += "unconfirmed: nothing names the kernel's root";
    return candidate;
  }
  candidate.doubt += "not believed: " + fault;
  attempts.addTelling("--root " + hex(root) + ": " + fault);
  if (query.overrides.force)
    return candidate;
  return std::nullopt;
}

std::optional<KernelCandidate>
chooseRegisterRoot(const RootQuery &query, const KernelCandidate &start,
                   llvm::ArrayRef<ModeChoice> modes, Attempts &attempts) {
  return RegisterFinder(query, start, attempts).choose(modes);
}

} // namespace vmpt
