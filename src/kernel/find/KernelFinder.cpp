//===- KernelFinder.cpp - from a dump to the kernel's root ----------------===//
//
// In this order: what the user says; the VMCOREINFO note; VMCOREINFO found by
// scanning RAM; control registers (RegisterRoots.h). Each way is a list of
// candidates; each candidate is judged (RootCheck.h), and only the one that is
// chosen becomes a KernelImage. Where no formula gives a root that is believed,
// all of memory is searched for one.
//
#include "kernel/find/KernelFinder.h"

#include "kernel/find/ConcealedMemory.h"
#include "kernel/find/KernelArch.h"
#include "kernel/find/ModeByPointers.h"
#include "kernel/find/RegisterRoots.h"
#include "kernel/find/RootCheck.h"
#include "kernel/find/UtsName.h"
#include "kernel/find/VmcoreinfoScan.h"
#include "kernel/image/DebugData.h"
#include "memory/CutMemory.h"
#include "paging/Translate.h"
#include "support/Text.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

class KernelFinder {
public:
  KernelFinder(const Dump &dump, const PhysicalMemory &memory,
               const KernelOverrides &overrides, Diagnostics &diagnostics,
               Attempts &attempts)
      : dump_(dump), memory_(memory), overrides_(overrides),
        diagnostics_(diagnostics), attempts_(attempts) {}

  llvm::Expected<KernelImage> find();

private:
  using Choice = std::optional<KernelCandidate>;

  std::vector<NamedVmcoreinfo> readKeptNotes() const;
  std::vector<NamedVmcoreinfo> scanForTexts();
  Choice chooseAmong(llvm::ArrayRef<NamedVmcoreinfo> texts);
  Choice chooseBy(const NamedVmcoreinfo &text);
  Choice chooseBy(const KernelArch &arch, const NamedVmcoreinfo &text);
  Choice chooseGuess(const KernelCandidate &start,
                     llvm::ArrayRef<ModeChoice> modes,
                     llvm::ArrayRef<RootGuess> guesses,
                     const ImageSymbols &symbols);
  KernelCandidate chooseMode(llvm::ArrayRef<KernelCandidate> candidates) const;
  Choice searchMemory(const KernelCandidate &start,
                      llvm::ArrayRef<ModeChoice> modes,
                      const ImageSymbols &symbols);
  Choice chooseRegister(const NamedVmcoreinfo *text);
  bool hasRegisters(const KernelArch &arch) const;
  bool leadsTo(PhysAddr root, const KernelArch &arch, const PagingMode &mode,
               VirtAddr self) const;
  bool leadsToRunningKernel(const KernelCandidate &candidate) const;
  bool isConfirmed(PhysAddr root, llvm::ArrayRef<ModeChoice> modes,
                   const ImageSymbols &symbols) const;
  bool provesItself(const Vmcoreinfo &info) const;
  std::vector<const KernelArch *> archsFor(const Vmcoreinfo &info) const;
  bool isVouchedFor(const KernelCandidate &candidate,
                    const ImageSymbols &symbols) const;
  std::string describeArchSource(const KernelArch &arch) const;
  RootQuery queryFor(const NamedVmcoreinfo *text) const;
  llvm::Error notFound() const;

  const Dump &dump_;
  const PhysicalMemory &memory_;
  const KernelOverrides &overrides_;
  Diagnostics &diagnostics_;
  Attempts &attempts_;
  bool hasText_ = false; ///< There is a VMCOREINFO.
  /// --root was held against symbols of the kernel.
  bool rootIsJudged_ = false;
};

/// Bytes of \p runs that the file should have.
uint64_t countLost(const PhysicalMemory &memory,
                   llvm::ArrayRef<MappedRun> runs) {
  uint64_t lost = 0;
  for (const MappedRun &run : runs) {
    uint64_t known = 0;
    for (const MemoryRange &range : memory.ranges()) {
      const uint64_t first = std::max(run.physical, range.start).value;
      const uint64_t end = std::min(run.physical.value + run.size,
                                    range.start.value + range.size);
      const uint64_t bytes = first < end ? end - first : 0;
      if (range.absence == Absence::Truncated ||
          range.absence == Absence::Corrupt)
        lost += bytes;
      known += bytes;
    }
    // Where there is no map of RAM, all that no range has.
    lost += memory.knowsRam() ? 0 : run.size - std::min(run.size, known);
  }
  return lost;
}

llvm::Expected<KernelImage> KernelFinder::find() {
  if (const std::string &name = dump_.machine.unknownName;
      !name.empty() && !overrides_.arch)
    return llvm::make_error<UnsupportedError>(
        printable(name) + " dumps are not read; vmpt knows " + listArchNames() +
        " (--arch names one of them, should this be wrong)");
  std::vector<NamedVmcoreinfo> named, kept, scanned;
  if (overrides_.vmcoreinfoText)
    named.push_back(
        {Vmcoreinfo::parse(*overrides_.vmcoreinfoText), "option --vmcoreinfo"});
  else if (dump_.vmcoreinfo)
    named.push_back({Vmcoreinfo::parse(*dump_.vmcoreinfo), "VMCOREINFO note"});
  else
    attempts_.add("the container has no VMCOREINFO note");

  Choice chosen = chooseAmong(named);
  if (!chosen && !overrides_.vmcoreinfoText)
    chosen = chooseAmong(kept = readKeptNotes());
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
  chosen->archSource = describeArchSource(*chosen->arch);
  KernelImage image =
      makeKernelImage(queryFor(chosen->text), *chosen, attempts_);
  const uint64_t lost = image.dumper ? 0 : countLost(memory_, image.imageRuns);
  if (lost)
    diagnostics_.gap("sections-unknown",
                     "where sections start is not known: " + hex(lost) +
                         " bytes of the kernel's image are cut off or corrupt, "
                         "and address_markers[] with them, if it has one");
  return image;
}

/// Notes whose addresses kernels leave at a place that is known.
std::vector<NamedVmcoreinfo> KernelFinder::readKeptNotes() const {
  std::vector<NamedVmcoreinfo> notes;
  for (const KernelArch *arch : archsFor(Vmcoreinfo())) {
    if (!arch->findVmcoreinfoNote)
      continue;
    std::optional<PhysAddr> at = arch->findVmcoreinfoNote(memory_);
    if (auto note = at ? readVmcoreinfoNote(memory_, *at) : std::nullopt)
      notes.push_back({std::move(note->info),
                       "VMCOREINFO note in RAM at physical " + hex(*at) +
                           ", where the kernel says it is"});
  }
  return notes;
}

std::vector<NamedVmcoreinfo> KernelFinder::scanForTexts() {
  std::vector<NamedVmcoreinfo> texts;
  for (FoundVmcoreinfo &hit :
       scanForVmcoreinfo(memory_, diagnostics_, [&](const Vmcoreinfo &info) {
         return provesItself(info);
       }))
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

bool KernelFinder::hasRegisters(const KernelArch &arch) const {
  return !arch.rootRegister.empty() &&
         llvm::any_of(dump_.machine.cpus, [&](const CpuRegisters &cpu) {
           return cpu.find(arch.rootRegister).has_value();
         });
}

/// Does the table of a CPU map \p self to \p root?
bool KernelFinder::leadsTo(PhysAddr root, const KernelArch &arch,
                           const PagingMode &mode, VirtAddr self) const {
  if (arch.rootRegister.empty())
    return false;
  for (const CpuRegisters &cpu : dump_.machine.cpus)
    if (auto value = cpu.find(arch.rootRegister))
      for (uint64_t cleared : {uint64_t(0), arch.userHalfBit}) {
        Translation path = translate(memory_.forScanning(), mode,
                                     mode.rootIn(*value & ~cleared), self);
        if (path.isMapped() && path.address == root)
          return true;
      }
  return false;
}

/// The CPUs' own tables tell which of several kernels is the running one.
bool KernelFinder::leadsToRunningKernel(
    const KernelCandidate &candidate) const {
  auto symbols = findImageSymbols(*candidate.arch,
                                  VmcoreinfoSymbols(candidate.text->info));
  return symbols && leadsTo(candidate.root, *candidate.arch,
                            candidate.mode.mode, symbols->self);
}

bool KernelFinder::isConfirmed(PhysAddr root, llvm::ArrayRef<ModeChoice> modes,
                               const ImageSymbols &symbols) const {
  return llvm::any_of(modes, [&](const ModeChoice &mode) {
    return judgeRoot(memory_, mode.mode, root, symbols).verdict ==
           RootVerdict::Confirmed;
  });
}

/// Is this the kernel, whatever else is in memory? It has a root that is
/// confirmed, to which the CPUs' registers lead, where there are any.
bool KernelFinder::provesItself(const Vmcoreinfo &info) const {
  const RootQuery query{dump_, memory_, overrides_, info};
  for (const KernelArch *arch : archsFor(info)) {
    const auto symbols = findImageSymbols(*arch, VmcoreinfoSymbols(info));
    if (!symbols)
      continue;
    std::string reason;
    for (const ModeChoice &mode : listModes(*arch, query, reason))
      for (const RootGuess &guess : arch->guessRoots(query, symbols->self))
        if (isConfirmed(guess.root, mode, *symbols) &&
            (!hasRegisters(*arch) ||
             leadsTo(guess.root, *arch, mode.mode, symbols->self)))
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
  hasText_ = true;
  Choice doubtful;
  for (const KernelArch *arch : archsFor(text.info)) {
    Choice candidate = chooseBy(*arch, text);
    if (candidate && candidate->doubt.empty())
      return candidate;
    if (candidate && !dump_.machine.arch && !overrides_.arch &&
        !arch->owns(text.info) && !candidate->isPointedTo)
      candidate->doubt += "; its architecture, " +
                          getArchName(arch->arch).str() +
                          ", is a guess (--arch names it)";
    if (!doubtful || (candidate && candidate->isPointedTo))
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
    attempts_.addTelling("no paging mode of " + getArchName(arch.arch).str() +
                         " is like that: " + modeSource);
    return std::nullopt;
  }
  const KernelCandidate start{.text = &text,
                              .arch = &arch,
                              .mode = modes.front(),
                              .modeSource = modeSource};
  auto symbols = findImageSymbols(arch, VmcoreinfoSymbols(text.info));
  if (!symbols && overrides_.root)
    return takeOption(query, start, *overrides_.root, attempts_);
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
  rootIsJudged_ |= overrides_.root.has_value();
  Choice guessed = chooseGuess(start, modes, guesses, *symbols);
  // What the user says of the way to the root goes before what is found.
  if (overrides_.root ||
      (guessed &&
       (guessed->doubt.empty() || overrides_.levels || overrides_.physBase)))
    return guessed;
  Choice found = searchMemory(start, modes, *symbols);
  if (found && found->doubt.empty())
    return found;
  Choice placed = chooseGuess(
      start, modes,
      guessRootsByUtsName(memory_, text.info, *symbols, diagnostics_,
                          [&](const RootGuess &guess) {
                            return isConfirmed(guess.root, modes, *symbols);
                          }),
      *symbols);
  if (placed && placed->doubt.empty())
    return placed;
  return guessed ? guessed : found ? found : placed;
}

/// For a root that maps itself, and nothing else that is known: do registers,
/// or the place of the kernel's name, lead to it?
bool KernelFinder::isVouchedFor(const KernelCandidate &candidate,
                                const ImageSymbols &symbols) const {
  auto isIt = [&](const RootGuess &guess) {
    return guess.root == candidate.root;
  };
  return leadsToRunningKernel(candidate) ||
         llvm::any_of(guessRootsByUtsName(memory_, candidate.text->info,
                                          symbols, diagnostics_, isIt),
                      isIt);
}

/// The first guess that is confirmed; else one that nothing speaks against;
/// else, where --force takes what the user named, the first of all.
std::optional<KernelCandidate> KernelFinder::chooseGuess(
    const KernelCandidate &start, llvm::ArrayRef<ModeChoice> modes,
    llvm::ArrayRef<RootGuess> guesses, const ImageSymbols &symbols) {
  std::vector<KernelCandidate> unconfirmed;
  Choice refuted;
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
        candidate.rootSource +=
            "; confirmed: " + getRootProof(*start.arch, mode.mode).str();
        return candidate;
      case RootVerdict::Unconfirmed:
        if (judgement.isFixedPoint && isVouchedFor(candidate, symbols)) {
          candidate.rootSource +=
              "; confirmed: " + getRootProof(*start.arch, mode.mode).str();
          return candidate;
        }
        candidate.rootSource += "; unconfirmed: " + judgement.reason;
        candidate.doubt = "the root table at " + hex(guess.root) +
                          " is unconfirmed: " + judgement.reason;
        unconfirmed.push_back(std::move(candidate));
        break;
      case RootVerdict::Refuted:
        candidate.doubt =
            "the table at " + hex(guess.root) +
            " is not the kernel's own: it does not map the kernel's root to "
            "itself in mode " +
            mode.mode.name.str();
        if (overrides_.root)
          attempts_.addTelling("--root " + hex(guess.root) + ": " +
                               judgement.reason);
        if (!refuted)
          refuted = std::move(candidate);
      }
    }
    uint8_t byte;
    if (auto absent = memory_.tryRead(guess.root, byte)) {
      const std::string reason = getAbsenceName(absent->absence).str();
      const PhysAddr end = CutMemory::endOf(memory_);
      // An image is far smaller than what RAM may be.
      if (!memory_.knowsRam() && guess.root >= end &&
          guess.root - end < 64 * maxImageBytes)
        attempts_.addTelling("the root table at " + hex(guess.root) +
                             " is beyond the end of the file, truncated by " +
                             hex(guess.root - end) + " bytes or more");
      if (absent->absence != Absence::OutsideRam)
        attempts_.addTelling("the root table at " + hex(guess.root) +
                             " is not in the dump (" + reason + ")");
      attempts_.add("the root table at physical " + hex(guess.root) + " (" +
                    guess.source + ") is not in the dump (" + reason + ")");
    }
  }
  if (!unconfirmed.empty())
    return chooseMode(unconfirmed);
  return overrides_.force ? refuted : std::nullopt;
}

/// The first, in the mode that the kernel's own pointers are made for.
KernelCandidate
KernelFinder::chooseMode(llvm::ArrayRef<KernelCandidate> candidates) const {
  const KernelCandidate &first = candidates.front();
  std::vector<ModeChoice> modes;
  for (const KernelCandidate &candidate : candidates.take_while(
           [&](auto &other) { return other.root == first.root; }))
    modes.push_back(candidate.mode);
  const std::optional<PointedMode> pointed =
      findModeByPointers(*first.arch, queryFor(first.text), first.root, modes);
  if (!pointed)
    return first;
  KernelCandidate chosen = candidates[pointed->index];
  chosen.modeSource = pointed->source;
  chosen.isPointedTo = !pointed->isGuess;
  if (pointed->isGuess && modes.size() > 1)
    chosen.doubt += "; its mode, " + chosen.mode.mode.name.str() +
                    ", is a guess (--levels names it)";
  return chosen;
}

std::optional<KernelCandidate>
KernelFinder::searchMemory(const KernelCandidate &start,
                           llvm::ArrayRef<ModeChoice> modes,
                           const ImageSymbols &symbols) {
  const std::string symbol = symbols.selfName;
  const std::vector<FoundRoot> roots = findRoots(
      memory_, modes, symbols, diagnostics_, [&](const FoundRoot &found) {
        return leadsTo(found.root, *start.arch, found.mode.mode, symbols.self);
      });
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
  if (!roots[0].doubt.empty() && !isVouchedFor(candidate, symbols)) {
    candidate.rootSource += "; unconfirmed: " + roots[0].doubt;
    candidate.doubt = "the root table at " + hex(candidate.root) +
                      " is unconfirmed: " + roots[0].doubt;
  }
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
      if (rootIsJudged_)
        return std::nullopt;
      start.text = nullptr;
      return takeOption(query, start, *overrides_.root, attempts_);
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

llvm::Error KernelFinder::notFound() const {
  std::optional<ConcealedMemory> concealed = describeConcealedMemory(memory_);
  std::string reason = attempts_.telling();
  std::string advice = "; ";
  if (reason.empty() && concealed)
    reason = concealed->reason;
  else if (reason.empty()) {
    reason = attempts_.list().front();
    if (!hasText_)
      advice = "; is it a Linux memory dump? ";
  }
  return llvm::make_error<LookupError>("no kernel page tables: " + reason +
                                       advice +
                                       "vmpt info --evidence tells more");
}

} // namespace

llvm::Expected<KernelImage> searchKernel(const Dump &dump,
                                         const PhysicalMemory &memory,
                                         const KernelOverrides &overrides,
                                         Diagnostics &diagnostics,
                                         Attempts &attempts) {
  return KernelFinder(dump, memory, overrides, diagnostics, attempts).find();
}

} // namespace vmpt
