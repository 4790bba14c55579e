//===- KernelImage.cpp - from a dump to the kernel's root -----------------===//
//
// In this order: what the user says; the VMCOREINFO note; VMCOREINFO found by
// scanning RAM; control registers. A root from VMCOREINFO is believed when it
// is its own fixed point (FixedPoint.h), whatever named it; where no formula
// gives one that is, all of memory is searched for it.
//
#include "kernel/find/KernelImage.h"
#include "paging/modes/Modes.h"

#include "kernel/find/ConcealedMemory.h"
#include "kernel/find/KernelArch.h"
#include "kernel/find/VmcoreinfoScan.h"
#include "kernel/image/DebugData.h"
#include "paging/FixedPoint.h"
#include "paging/Translate.h"
#include "support/Text.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <algorithm>

namespace vmpt {

namespace {

/// One VMCOREINFO text and where it is from.
struct InfoCandidate {
  Vmcoreinfo info;
  std::string source;
};

class KernelFinder {
public:
  KernelFinder(const Dump &dump, const PhysicalMemory &memory,
               const KernelOverrides &overrides, Diagnostics &diagnostics)
      : dump_(dump), memory_(memory), overrides_(overrides),
        diagnostics_(diagnostics) {}

  llvm::Expected<KernelImage> find();

private:
  std::vector<InfoCandidate> scannedCandidates();
  bool tryCandidates(llvm::ArrayRef<InfoCandidate> candidates);
  bool tryVmcoreinfo(const InfoCandidate &candidate);
  bool tryArch(const KernelArch &arch, const InfoCandidate &candidate);
  bool acceptOption(const KernelArch &arch,
                    llvm::ArrayRef<const PagingMode *> modes,
                    const std::string &modeReason, const RootGuess &guess,
                    std::optional<uint64_t> self,
                    const InfoCandidate &candidate);
  bool tryRegisters(const InfoCandidate *candidate);
  bool acceptRegister(const KernelArch &arch, const PagingMode &mode,
                      const std::string &modeReason, const RootGuess &guess,
                      const InfoCandidate *candidate);
  std::vector<const KernelArch *> archsFor(const Vmcoreinfo &info);
  bool accept(const KernelArch &arch, const PagingMode &mode,
              const std::string &modeSource, PhysAddr root,
              const std::string &rootSource, const InfoCandidate *candidate);
  llvm::Error notFound() const;

  const Dump &dump_;
  const PhysicalMemory &memory_;
  const KernelOverrides &overrides_;
  Diagnostics &diagnostics_;
  KernelImage image_;
};

llvm::Expected<KernelImage> KernelFinder::find() {
  std::vector<InfoCandidate> named;
  if (overrides_.vmcoreinfoText)
    named.push_back(
        {Vmcoreinfo::parse(*overrides_.vmcoreinfoText), "option --vmcoreinfo"});
  else if (dump_.vmcoreinfo)
    named.push_back({Vmcoreinfo::parse(*dump_.vmcoreinfo), "VMCOREINFO note"});
  else
    image_.evidence.tried("the container has no VMCOREINFO note");

  bool found = tryCandidates(named);
  // A scan only where it can help: the user's own text settles the matter.
  if (!found && !overrides_.vmcoreinfoText)
    found = tryCandidates(scannedCandidates());
  if (!found)
    found = tryRegisters(named.empty() ? nullptr : &named.front());
  if (!found)
    return notFound();
  return std::move(image_);
}

/// "Linux version 6.1.0-56-amd64 (..." -> "6.1.0-56-amd64", else "".
std::string readBannerRelease(const AddressSpace &memory,
                              const SymbolSource &symbols) {
  std::optional<Symbol> banner = symbols.find("linux_banner");
  if (!banner)
    return "";
  llvm::Expected<std::string> text = memory.readString(banner->address, 512);
  if (!text) {
    llvm::consumeError(text.takeError());
    return "";
  }
  llvm::StringRef rest = *text;
  return rest.consume_front("Linux version ") ? rest.split(' ').first.str()
                                              : "";
}

std::vector<InfoCandidate> KernelFinder::scannedCandidates() {
  std::vector<InfoCandidate> candidates;
  for (FoundVmcoreinfo &hit : scanForVmcoreinfo(memory_, diagnostics_))
    candidates.push_back(
        {std::move(hit.info),
         (hit.isNote ? "VMCOREINFO note found in RAM at physical "
                     : "VMCOREINFO text found in RAM at physical ") +
             hex(hit.address)});
  if (candidates.empty())
    image_.evidence.tried("no VMCOREINFO stands at the start of any page");
  return candidates;
}

/// The CPUs' own tables tell which of several kernels is the running one.
bool leadsToRunningKernel(const Dump &dump, const PhysicalMemory &memory,
                          const KernelImage &image, VirtAddr self) {
  for (const CpuRegisters &cpu : dump.machine.cpus)
    if (std::optional<uint64_t> cr3 = cpu.find("cr3")) {
      PhysAddr table = image.mode->rootIn(*cr3);
      Translation path =
          translate(memory.forScanning(), *image.mode, table, self);
      if (path.isMapped() && path.address == image.root)
        return true;
    }
  return false;
}

bool KernelFinder::tryCandidates(llvm::ArrayRef<InfoCandidate> candidates) {
  std::optional<KernelImage> first;
  std::vector<std::string> others;
  for (const InfoCandidate &candidate : candidates) {
    KernelImage before = image_;
    if (!tryVmcoreinfo(candidate))
      continue;
    KernelImage result = std::exchange(image_, std::move(before));
    std::optional<uint64_t> self;
    for (llvm::StringRef name : result.arch->rootSymbols)
      if (!self)
        self = result.vmcoreinfo.symbol(name);
    bool running =
        candidates.size() == 1 ||
        (self && leadsToRunningKernel(dump_, memory_, result, VirtAddr(*self)));
    if (running) {
      image_ = std::move(result);
      return true;
    }
    if (!first)
      first = std::move(result);
    else if (result.root != first->root)
      others.push_back(candidate.source + " leads to root " + hex(result.root));
  }
  if (!first)
    return false;
  image_ = std::move(*first);
  for (const std::string &other : others)
    diagnostics_.warn("another kernel is in this memory: " + other +
                      "; pass --root to list it");
  return true;
}

std::vector<const KernelArch *> KernelFinder::archsFor(const Vmcoreinfo &info) {
  std::vector<const KernelArch *> archs;
  std::optional<Arch> named = overrides_.arch;
  if (!named)
    named = dump_.machine.arch;
  if (const KernelArch *arch = named ? findKernelArch(*named) : nullptr)
    archs.push_back(arch);
  if (overrides_.arch)
    return archs;
  // A container can be wrong (QEMU names a 64-bit guest after the mode its
  // first CPU happens to be in) or silent: the text itself is asked next.
  for (const KernelArch *arch : getKernelArchs())
    if (arch->owns(info) && !llvm::is_contained(archs, arch))
      archs.push_back(arch);
  if (!named && archs.empty())
    archs.assign(getKernelArchs().begin(), getKernelArchs().end());
  return archs;
}

bool KernelFinder::tryVmcoreinfo(const InfoCandidate &candidate) {
  for (const KernelArch *arch : archsFor(candidate.info))
    if (tryArch(*arch, candidate))
      return true;
  return false;
}

bool KernelFinder::tryArch(const KernelArch &arch,
                           const InfoCandidate &candidate) {
  RootQuery query{dump_, memory_, overrides_, candidate.info};
  std::string modeReason;
  std::vector<const PagingMode *> modes = arch.likelyModes(query, modeReason);
  if (modes.empty()) {
    image_.evidence.tried("no paging mode of " + getArchName(arch.arch) +
                          " is as the options say");
    return false;
  }
  std::optional<uint64_t> self;
  llvm::StringRef symbol;
  for (llvm::StringRef name : arch.rootSymbols)
    if ((self = candidate.info.symbol(name))) {
      symbol = name;
      break;
    }
  if (overrides_.root)
    return acceptOption(arch, modes, modeReason,
                        {*overrides_.root, "option --root"}, self, candidate);
  if (!self) {
    image_.evidence.tried(candidate.source +
                          " has no SYMBOL(swapper_pg_dir) for " +
                          getArchName(arch.arch));
    return false;
  }
  for (const RootGuess &guess : arch.guessRoots(query, VirtAddr(*self))) {
    // What the user says of the way to the root goes before what is found.
    if (overrides_.levels || overrides_.physBase)
      return acceptOption(arch, modes, modeReason, guess, self, candidate);
    for (const PagingMode *mode : modes)
      if (isFixedPoint(memory_, *mode, guess.root, VirtAddr(*self)))
        return accept(arch, *mode, modeReason, guess.root,
                      guess.source + "; confirmed: it is its own fixed point",
                      &candidate);
    uint8_t byte;
    if (auto absent = memory_.tryRead(guess.root, byte))
      image_.evidence.tried("the root table at physical " + hex(guess.root) +
                            " (" + guess.source + ") is not in the dump (" +
                            getAbsenceName(absent->absence) + ")");
  }
  std::vector<FixedPoint> points =
      findFixedPoints(memory_, modes, VirtAddr(*self), diagnostics_);
  if (points.empty()) {
    image_.evidence.tried("no page maps SYMBOL(" + symbol + ")=" + hex(*self) +
                          " of the " + candidate.source + " to itself as a " +
                          getArchName(arch.arch) + " root");
    return false;
  }
  if (points.size() > 1)
    diagnostics_.warn("several tables map SYMBOL(" + symbol +
                      ") to themselves; taking " + hex(points[0].root) +
                      " in mode " + points[0].mode->name +
                      ", to which most others lead; also " +
                      hex(points[1].root) + " in mode " + points[1].mode->name);
  return accept(
      arch, *points[0].mode,
      "the mode in which the root is its own fixed point", points[0].root,
      "found: the page that maps SYMBOL(" + symbol.str() + ") to itself",
      &candidate);
}

/// A root that an option names is taken as it is, in the mode that suits it
/// best; but it is said if it cannot be the kernel's.
bool KernelFinder::acceptOption(const KernelArch &arch,
                                llvm::ArrayRef<const PagingMode *> modes,
                                const std::string &modeReason,
                                const RootGuess &guess,
                                std::optional<uint64_t> self,
                                const InfoCandidate &candidate) {
  if (!self)
    return accept(arch, *modes.front(), modeReason, guess.root, guess.source,
                  &candidate);
  for (const PagingMode *mode : modes)
    if (isFixedPoint(memory_, *mode, guess.root, VirtAddr(*self)))
      return accept(arch, *mode, modeReason, guess.root,
                    guess.source + "; confirmed: it is its own fixed point",
                    &candidate);
  diagnostics_.warn("the table at " + hex(guess.root) +
                    ", taken as the options say, does not map the kernel's "
                    "root to itself in mode " +
                    modes.front()->name + "; it is not the kernel's own");
  return accept(arch, *modes.front(), modeReason, guess.root, guess.source,
                &candidate);
}

bool KernelFinder::tryRegisters(const InfoCandidate *candidate) {
  static const Vmcoreinfo none;
  const Vmcoreinfo &info = candidate ? candidate->info : none;
  std::vector<const KernelArch *> archs = archsFor(info);
  for (const KernelArch *arch : archs) {
    RootQuery query{dump_, memory_, overrides_, info};
    std::string modeReason;
    std::vector<const PagingMode *> modes =
        arch->likelyModes(query, modeReason);
    if (modes.empty())
      continue;
    // Without any evidence of an architecture a bare --root says too little.
    if (overrides_.root && (overrides_.arch || dump_.machine.arch))
      return accept(*arch, *modes.front(), modeReason, *overrides_.root,
                    "option --root", nullptr);
    std::vector<RootGuess> guesses = arch->registerRoots
                                         ? arch->registerRoots(query)
                                         : std::vector<RootGuess>();
    if (!guesses.empty())
      return acceptRegister(*arch, *modes.front(), modeReason, guesses.front(),
                            candidate);
  }
  image_.evidence.tried("no register in the notes holds a root");
  return false;
}

/// Has the top table no entry that is present? One that cannot be read is none.
bool isEmptyTable(const PhysicalMemory &memory, const PagingMode &mode,
                  PhysAddr table) {
  for (unsigned index = 0; index < mode.entryCount(0); ++index) {
    uint64_t entry;
    if (readEntry(memory, mode, table + uint64_t(index) * mode.entryBytes,
                  entry) ||
        !mode.isHole(entry, 0))
      return false;
  }
  return true;
}

/// A control register holds some task's table. It maps the kernel, so the
/// kernel's own symbols can be read through it, and they name the real root.
bool KernelFinder::acceptRegister(const KernelArch &arch,
                                  const PagingMode &mode,
                                  const std::string &modeReason,
                                  const RootGuess &guess,
                                  const InfoCandidate *candidate) {
  uint8_t byte;
  if (auto absent = memory_.tryRead(guess.root, byte)) {
    image_.evidence.tried("the table that " + guess.source +
                          " points to, physical " + hex(guess.root) +
                          ", is not in the dump (" +
                          getAbsenceName(absent->absence) + ")");
    return false;
  }
  if (isEmptyTable(memory_, mode, guess.root)) {
    image_.evidence.tried("the table that " + guess.source +
                          " points to, physical " + hex(guess.root) +
                          ", is empty");
    return false;
  }
  const KernelImage before = image_;
  accept(arch, mode, modeReason, guess.root, guess.source, candidate);
  AddressSpace memory = image_.addressSpace(memory_);
  llvm::Expected<std::unique_ptr<Kallsyms>> symbols =
      readKallsyms(memory, image_.vmcoreinfo, image_.imageRuns);
  if (!symbols)
    image_.evidence.tried(llvm::toString(symbols.takeError()));
  for (llvm::StringRef name : arch.rootSymbols) {
    std::optional<Symbol> self =
        symbols ? (*symbols)->find(name) : std::nullopt;
    Translation path;
    if (self)
      path = translate(memory_, mode, guess.root, self->address);
    if (!path.isMapped() ||
        !isFixedPoint(memory_, mode, path.address, self->address))
      continue;
    std::string release = readBannerRelease(memory, **symbols);
    image_ = before;
    if (!candidate)
      image_.bannerRelease = std::move(release);
    return accept(arch, mode, modeReason, path.address,
                  name.str() + " in kallsyms, read through " + guess.source +
                      "; confirmed: it is its own fixed point",
                  candidate);
  }
  // A register is in the clear, what it points to need not be.
  std::optional<ConcealedMemory> concealed = describeConcealedMemory(memory_);
  if (concealed && concealed->isCiphertext)
    return false;
  image_.rootIsOfTask = true;
  diagnostics_.warn("the kernel's own root table cannot be had (" +
                    llvm::join(image_.evidence.attempts(), "; ") +
                    "): the kernel's half of a task's table, that of " +
                    guess.source + ", stands for it");
  return true;
}

bool KernelFinder::accept(const KernelArch &arch, const PagingMode &mode,
                          const std::string &modeSource, PhysAddr root,
                          const std::string &rootSource,
                          const InfoCandidate *candidate) {
  image_.arch = &arch;
  image_.mode = mode;
  image_.root = root;
  Evidence &evidence = image_.evidence;
  std::string archSource = overrides_.arch ? "option --arch"
                           : dump_.machine.arch == arch.arch
                               ? dump_.machine.archSource
                               : "keys of the VMCOREINFO and its root";
  if (dump_.machine.arch && *dump_.machine.arch != arch.arch &&
      !overrides_.arch)
    archSource +=
        "; the container says " + getArchName(*dump_.machine.arch).str();
  evidence.add("architecture", getArchName(arch.arch), archSource);
  if (candidate) {
    image_.vmcoreinfo = candidate->info;
    evidence.add("VMCOREINFO",
                 std::to_string(candidate->info.text().size()) + " bytes",
                 candidate->source);
    if (auto release = candidate->info.release())
      evidence.add("kernel release", printable(*release),
                   "VMCOREINFO OSRELEASE");
  }
  if (!image_.bannerRelease.empty())
    evidence.add("kernel release", printable(image_.bannerRelease),
                 "linux_banner, by kallsyms");
  evidence.add("paging mode", mode.name, modeSource);
  evidence.add("root table", hex(root), rootSource);
  static const Vmcoreinfo none;
  RootQuery query{dump_, memory_, overrides_,
                  candidate ? image_.vmcoreinfo : none};
  arch.complete(query, image_);
  return true;
}

llvm::Error KernelFinder::notFound() const {
  std::optional<ConcealedMemory> concealed = describeConcealedMemory(memory_);
  return llvm::make_error<LookupError>(
      "no kernel page tables: " +
      (concealed ? concealed->reason + "; tried: " : "") +
      llvm::join(image_.evidence.attempts(), "; ") +
      "; is it a Linux memory dump? If so, pass --root, --vmcoreinfo, --layout "
      "or --map");
}

bool hasModeOf(unsigned levels, std::optional<Arch> wanted) {
  for (Arch arch : allArchs)
    for (const PagingMode *mode : getModes(arch))
      if (mode->levelCount == levels && wanted.value_or(arch) == arch)
        return true;
  return false;
}

} // namespace

llvm::Expected<KernelImage> findKernel(const Dump &dump,
                                       const PhysicalMemory &memory,
                                       const KernelOverrides &overrides,
                                       Diagnostics &diagnostics) {
  if (overrides.levels && !hasModeOf(*overrides.levels, overrides.arch))
    return llvm::make_error<UsageError>(
        "--levels " + llvm::Twine(*overrides.levels) + ": no page tables" +
        (overrides.arch ? " of " + getArchName(*overrides.arch) : "") +
        " have so many levels");
  llvm::Expected<KernelImage> image =
      KernelFinder(dump, memory, overrides, diagnostics).find();
  if (image && overrides.levels && image->mode->levelCount != *overrides.levels)
    return llvm::make_error<UsageError>(
        "--levels " + llvm::Twine(*overrides.levels) +
        ": the page tables of this kernel are " + image->mode->name);
  return image;
}

} // namespace vmpt
