//===- KernelImage.cpp - from a dump to the kernel's root -----------------===//
//
// In this order: what the user says; the VMCOREINFO note; VMCOREINFO found by
// scanning RAM; control registers (RegisterRoots.h). Each way is a list of
// candidates; each candidate is judged (RootCheck.h), and only the one that is
// chosen becomes a KernelImage. Where no formula gives a root that is believed,
// all of memory is searched for one.
//
#include "kernel/find/KernelImage.h"

#include "kernel/find/ConcealedMemory.h"
#include "kernel/find/KernelArch.h"
#include "kernel/find/RegisterRoots.h"
#include "kernel/find/RootCheck.h"
#include "kernel/find/VmcoreinfoScan.h"
#include "kernel/image/DebugData.h"
#include "paging/Translate.h"
#include "paging/modes/Modes.h"
#include "support/Text.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

class KernelFinder {
public:
  KernelFinder(const Dump &dump, const PhysicalMemory &memory,
               const KernelOverrides &overrides, Diagnostics &diagnostics)
      : dump_(dump), memory_(memory), overrides_(overrides),
        diagnostics_(diagnostics) {}

  llvm::Expected<KernelImage> find();

private:
  using Choice = std::optional<KernelCandidate>;

  std::vector<NamedVmcoreinfo> scanForTexts();
  Choice chooseAmong(llvm::ArrayRef<NamedVmcoreinfo> texts);
  Choice chooseBy(const NamedVmcoreinfo &text);
  Choice chooseBy(const KernelArch &arch, const NamedVmcoreinfo &text);
  Choice chooseGuess(const KernelCandidate &start,
                     llvm::ArrayRef<ModeChoice> modes,
                     llvm::ArrayRef<RootGuess> guesses,
                     const ImageSymbols &symbols);
  Choice searchMemory(const KernelCandidate &start,
                      llvm::ArrayRef<ModeChoice> modes,
                      const ImageSymbols &symbols);
  Choice chooseRegister(const NamedVmcoreinfo *text);
  bool leadsToRunningKernel(const KernelCandidate &candidate) const;
  std::vector<const KernelArch *> archsFor(const Vmcoreinfo &info) const;
  KernelImage makeImage(const KernelCandidate &chosen) const;
  std::string describeArchSource(const KernelArch &arch) const;
  RootQuery queryFor(const NamedVmcoreinfo *text) const;
  llvm::Error notFound() const;

  const Dump &dump_;
  const PhysicalMemory &memory_;
  const KernelOverrides &overrides_;
  Diagnostics &diagnostics_;
  Attempts attempts_;
};

llvm::Expected<KernelImage> KernelFinder::find() {
  if (const std::string &name = dump_.machine.unknownName;
      !name.empty() && !overrides_.arch)
    return llvm::make_error<UnsupportedError>(
        printable(name) + " dumps are not read; vmpt knows " + listArchNames() +
        " (--arch names one of them, should this be wrong)");
  std::vector<NamedVmcoreinfo> named, scanned;
  if (overrides_.vmcoreinfoText)
    named.push_back(
        {Vmcoreinfo::parse(*overrides_.vmcoreinfoText), "option --vmcoreinfo"});
  else if (dump_.vmcoreinfo)
    named.push_back({Vmcoreinfo::parse(*dump_.vmcoreinfo), "VMCOREINFO note"});
  else
    attempts_.add("the container has no VMCOREINFO note");

  Choice chosen = chooseAmong(named);
  // A scan only where it can help: the user's own text settles the matter.
  if (!chosen && !overrides_.vmcoreinfoText) {
    scanned = scanForTexts();
    chosen = chooseAmong(scanned);
  }
  if (!chosen)
    chosen = chooseRegister(named.empty() ? nullptr : &named.front());
  if (!chosen)
    return notFound();
  if (!chosen->doubt.empty())
    diagnostics_.gap("kernel-root", chosen->doubt);
  return makeImage(*chosen);
}

std::vector<NamedVmcoreinfo> KernelFinder::scanForTexts() {
  std::vector<NamedVmcoreinfo> texts;
  for (FoundVmcoreinfo &hit : scanForVmcoreinfo(memory_, diagnostics_))
    texts.push_back(
        {std::move(hit.info),
         (hit.isNote ? "VMCOREINFO note found in RAM at physical "
                     : "VMCOREINFO text found in RAM at physical ") +
             hex(hit.address)});
  if (texts.empty())
    attempts_.add("no VMCOREINFO stands at the start of any page");
  return texts;
}

RootQuery KernelFinder::queryFor(const NamedVmcoreinfo *text) const {
  static const Vmcoreinfo none;
  return {dump_, memory_, overrides_, text ? text->info : none};
}

/// The CPUs' own tables tell which of several kernels is the running one.
bool KernelFinder::leadsToRunningKernel(
    const KernelCandidate &candidate) const {
  const KernelArch &arch = *candidate.arch;
  auto symbols =
      findImageSymbols(arch, VmcoreinfoSymbols(candidate.text->info));
  if (!symbols || arch.rootRegister.empty())
    return false;
  const PagingMode &mode = candidate.mode.mode;
  for (const CpuRegisters &cpu : dump_.machine.cpus)
    if (auto value = cpu.find(arch.rootRegister))
      for (uint64_t cleared : {uint64_t(0), arch.userHalfBit}) {
        Translation path =
            translate(memory_.forScanning(), mode,
                      mode.rootIn(*value & ~cleared), symbols->self);
        if (path.isMapped() && path.address == candidate.root)
          return true;
      }
  return false;
}

/// The running kernel's, else the first; one without doubt before any other.
std::optional<KernelCandidate>
KernelFinder::chooseAmong(llvm::ArrayRef<NamedVmcoreinfo> texts) {
  std::vector<KernelCandidate> candidates;
  for (const NamedVmcoreinfo &text : texts) {
    Choice candidate = chooseBy(text);
    if (!candidate)
      continue;
    if (texts.size() == 1 || leadsToRunningKernel(*candidate))
      return candidate;
    candidates.push_back(std::move(*candidate));
  }
  llvm::stable_sort(candidates, [](auto &a, auto &b) {
    return a.doubt.empty() > b.doubt.empty();
  });
  if (candidates.empty())
    return std::nullopt;
  for (const KernelCandidate &other : llvm::drop_begin(candidates))
    if (other.root != candidates.front().root)
      diagnostics_.warn(
          "other-kernel",
          "another kernel is in this memory: " + other.text->source +
              " leads to root " + hex(other.root) + "; pass --root to list it");
  return candidates.front();
}

std::vector<const KernelArch *>
KernelFinder::archsFor(const Vmcoreinfo &info) const {
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

std::optional<KernelCandidate>
KernelFinder::chooseBy(const NamedVmcoreinfo &text) {
  Choice doubtful;
  for (const KernelArch *arch : archsFor(text.info)) {
    Choice candidate = chooseBy(*arch, text);
    if (candidate && candidate->doubt.empty())
      return candidate;
    if (!doubtful)
      doubtful = std::move(candidate);
  }
  return doubtful;
}

std::optional<KernelCandidate>
KernelFinder::chooseBy(const KernelArch &arch, const NamedVmcoreinfo &text) {
  const RootQuery query = queryFor(&text);
  std::string modeSource;
  const std::vector<ModeChoice> modes = listModes(arch, query, modeSource);
  if (modes.empty()) {
    attempts_.add("no paging mode of " + getArchName(arch.arch) +
                  " is as the options say");
    return std::nullopt;
  }
  const KernelCandidate start{.text = &text,
                              .arch = &arch,
                              .mode = modes.front(),
                              .modeSource = modeSource};
  auto symbols = findImageSymbols(arch, VmcoreinfoSymbols(text.info));
  if (!symbols && overrides_.root)
    return takeOption(query, start, *overrides_.root);
  if (!symbols) {
    attempts_.add(text.source + " has no SYMBOL(swapper_pg_dir) for " +
                  getArchName(arch.arch));
    return std::nullopt;
  }
  std::vector<RootGuess> guesses;
  if (overrides_.root)
    guesses = {{*overrides_.root, "option --root"}};
  else
    guesses = arch.guessRoots(query, symbols->self);
  Choice guessed = chooseGuess(start, modes, guesses, *symbols);
  // What the user says of the way to the root goes before what is found.
  if (guessed && (guessed->doubt.empty() || overrides_.root ||
                  overrides_.levels || overrides_.physBase))
    return guessed;
  Choice found = searchMemory(start, modes, *symbols);
  return found ? found : guessed;
}

/// The first guess that is confirmed; else one that nothing speaks against;
/// else, where the user named the way to it, the first of all.
std::optional<KernelCandidate> KernelFinder::chooseGuess(
    const KernelCandidate &start, llvm::ArrayRef<ModeChoice> modes,
    llvm::ArrayRef<RootGuess> guesses, const ImageSymbols &symbols) {
  Choice unconfirmed, refuted;
  for (const RootGuess &guess : guesses) {
    for (const ModeChoice &mode : modes) {
      const RootJudgement judgement =
          judgeRoot(memory_, mode.mode, guess.root, symbols);
      KernelCandidate candidate = start;
      candidate.mode = mode;
      candidate.root = guess.root;
      candidate.rootSource = guess.source;
      switch (judgement.verdict) {
      case RootVerdict::Confirmed:
        candidate.rootSource += "; confirmed: it is its own fixed point";
        return candidate;
      case RootVerdict::Unconfirmed:
        candidate.rootSource += "; unconfirmed: " + judgement.reason;
        candidate.doubt = "the root table at " + hex(guess.root) +
                          " is unconfirmed: " + judgement.reason;
        if (!unconfirmed)
          unconfirmed = std::move(candidate);
        break;
      case RootVerdict::Refuted:
        candidate.doubt =
            "the table at " + hex(guess.root) +
            ", taken as the options say, does not map the kernel's root to "
            "itself in mode " +
            mode.mode.name.str() + "; it is not the kernel's own";
        if (!refuted)
          refuted = std::move(candidate);
      }
    }
    uint8_t byte;
    if (auto absent = memory_.tryRead(guess.root, byte))
      attempts_.add("the root table at physical " + hex(guess.root) + " (" +
                    guess.source + ") is not in the dump (" +
                    getAbsenceName(absent->absence) + ")");
  }
  if (unconfirmed)
    return unconfirmed;
  if (overrides_.root || overrides_.levels || overrides_.physBase)
    return refuted;
  return std::nullopt;
}

std::optional<KernelCandidate>
KernelFinder::searchMemory(const KernelCandidate &start,
                           llvm::ArrayRef<ModeChoice> modes,
                           const ImageSymbols &symbols) {
  const std::string symbol = symbols.selfName;
  const std::vector<FoundRoot> roots =
      findRoots(memory_, modes, symbols, diagnostics_);
  if (roots.empty()) {
    attempts_.add("no page maps SYMBOL(" + symbol + ")=" + hex(symbols.self) +
                  " of the " + start.text->source +
                  " to itself as the root of " + getArchName(start.arch->arch) +
                  " tables");
    return std::nullopt;
  }
  if (roots.size() > 1)
    diagnostics_.warn(
        "several-roots",
        "several tables map SYMBOL(" + symbol + ") to themselves; taking " +
            hex(roots[0].root) + " in mode " + roots[0].mode.mode.name +
            ", to which most others lead; also " + hex(roots[1].root) +
            " in mode " + roots[1].mode.mode.name);
  KernelCandidate candidate = start;
  candidate.mode = roots[0].mode;
  candidate.modeSource = "the mode in which the root is its own fixed point";
  candidate.root = roots[0].root;
  candidate.rootSource =
      "found: the page that maps SYMBOL(" + symbol + ") to itself";
  return candidate;
}

std::optional<KernelCandidate>
KernelFinder::chooseRegister(const NamedVmcoreinfo *text) {
  const RootQuery query = queryFor(text);
  for (const KernelArch *arch : archsFor(query.vmcoreinfo)) {
    std::string modeSource;
    const std::vector<ModeChoice> modes = listModes(*arch, query, modeSource);
    if (modes.empty())
      continue;
    KernelCandidate start{.text = text,
                          .arch = arch,
                          .mode = modes.front(),
                          .modeSource = modeSource};
    // Without any evidence of an architecture a bare --root says too little.
    if (overrides_.root && (overrides_.arch || dump_.machine.arch)) {
      start.text = nullptr;
      return takeOption(query, start, *overrides_.root);
    }
    if (Choice chosen = chooseRegisterRoot(query, start, modes, attempts_))
      return chosen;
  }
  return std::nullopt;
}

std::string KernelFinder::describeArchSource(const KernelArch &arch) const {
  if (overrides_.arch)
    return "option --arch";
  if (dump_.machine.arch == arch.arch)
    return dump_.machine.archSource;
  std::string source = "keys of the VMCOREINFO and its root";
  if (dump_.machine.arch)
    source += "; the container says " + getArchName(*dump_.machine.arch).str();
  return source;
}

/// The part of what is mapped around the top table that lies in memory as it
/// is linked: modules and vmalloc areas do not.
std::optional<KernelRegion> findImageRegion(const KernelImage &image) {
  auto symbols =
      findImageSymbols(*image.arch, VmcoreinfoSymbols(image.vmcoreinfo));
  if (!symbols)
    return std::nullopt;
  std::optional<KernelRegion> region;
  for (const MappedRun &run : image.imageRuns) {
    if (run.start - symbols->self != run.physical - image.root)
      continue;
    if (!region)
      region = {Region::KernelImage, run.start, run.start,
                "mapped around the root table, at its distance"};
    region->last = run.start + (run.size - 1);
  }
  return region;
}

void addRegions(KernelImage &image) {
  std::string source;
  for (const Fact &fact : image.evidence.facts())
    if (fact.name == "address markers")
      source = fact.source;
  const VirtAddr top(lowBits(8 * image.wordBytes()));
  image.regions =
      makeRegions(image.markers, image.arch->regionMarkers, top, source);
  if (!image.findRegion(Region::KernelImage))
    if (std::optional<KernelRegion> region = findImageRegion(image))
      image.regions.push_back(std::move(*region));
  image.regions.push_back({Region::User, VirtAddr(0),
                           image.arch->lastUserAddress(image),
                           "the size of the address space"});
  llvm::stable_sort(image.regions,
                    [](auto &a, auto &b) { return a.first < b.first; });
}

KernelImage KernelFinder::makeImage(const KernelCandidate &chosen) const {
  KernelImage image;
  image.arch = chosen.arch;
  image.mode = chosen.mode.mode;
  image.encryptionMask = chosen.mode.encryptionMask;
  image.root = chosen.root;
  image.rootIsOfTask = chosen.isOfTask;
  image.rootDoubt = chosen.doubt;
  image.bannerRelease = chosen.bannerRelease;
  Evidence &evidence = image.evidence;
  evidence.add("architecture", getArchName(chosen.arch->arch),
               describeArchSource(*chosen.arch));
  if (chosen.text) {
    image.vmcoreinfo = chosen.text->info;
    evidence.add("VMCOREINFO",
                 std::to_string(image.vmcoreinfo.text().size()) + " bytes",
                 chosen.text->source);
    if (auto release = image.vmcoreinfo.release())
      evidence.add("kernel release", printable(*release),
                   "VMCOREINFO OSRELEASE");
  }
  if (!image.bannerRelease.empty())
    evidence.add("kernel release", printable(image.bannerRelease),
                 "linux_banner, by kallsyms");
  evidence.add("paging mode", image.mode.name, chosen.modeSource);
  evidence.add("root table", hex(chosen.root), chosen.rootSource);
  for (const std::string &attempt : attempts_.list())
    evidence.tried(attempt);
  const RootQuery query = queryFor(chosen.text);
  image.imageRuns = chosen.arch->mapImage(query, image.addressSpace(memory_));
  chosen.arch->complete(query, image);
  addRegions(image);
  return image;
}

/// "; the file is truncated: ..." where it should hold more memory, else "".
std::string describeLoss(const PhysicalMemory &memory) {
  uint64_t lost = 0;
  for (const MemoryRange &range : memory.ranges())
    if (range.absence == Absence::Truncated)
      lost += range.size;
  return lost ? "; the file is truncated: " + hex(lost) +
                    " bytes of memory that it should have are missing"
              : std::string();
}

llvm::Error KernelFinder::notFound() const {
  std::optional<ConcealedMemory> concealed = describeConcealedMemory(memory_);
  return llvm::make_error<LookupError>(
      "no kernel page tables: " +
      (concealed ? concealed->reason + "; tried: " : "") +
      llvm::join(attempts_.list(), "; ") + describeLoss(memory_) +
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
  if (image && overrides.levels && image->mode.levelCount != *overrides.levels)
    return llvm::make_error<UsageError>(
        "--levels " + llvm::Twine(*overrides.levels) +
        ": the page tables of this kernel are " + image->mode.name);
  return image;
}

} // namespace vmpt
