#include "kernel/find/RootChooser.h"

#include "kernel/find/FoundKernels.h"
#include "kernel/find/ModeByPointers.h"
#include "kernel/find/UtsName.h"
#include "kernel/image/DebugData.h"
#include "memory/CutMemory.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

RootQuery RootChooser::queryFor(const NamedVmcoreinfo *text) const {
  static const Vmcoreinfo none;
  return {dump_, memory_, overrides_, text ? text->info : none};
}

std::vector<const KernelArch *>
RootChooser::archsFor(const Vmcoreinfo &info) const {
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
RootChooser::choose(const NamedVmcoreinfo &text) {
  hasText_ = true;
  Choice doubtful;
  for (const KernelArch *arch : archsFor(text.info)) {
    Choice candidate = choose(*arch, text);
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
RootChooser::choose(const KernelArch &arch, const NamedVmcoreinfo &text) {
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
  const std::vector<RootGuess> byName = guessRootsByUtsName(
      memory_, text.info, *symbols, diagnostics_, [&](const RootGuess &guess) {
        return isConfirmed(guess.root, modes, *symbols);
      });
  Choice placed = chooseGuess(start, modes, byName, *symbols);
  if (placed && placed->doubt.empty())
    return placed;
  // What is not confirmed lies where the kernel's name says that it does.
  if (!byName.empty())
    for (Choice *choice : {&guessed, &found})
      if (*choice &&
          lacksUtsName(memory_, text.info, *symbols, (*choice)->root))
        choice->reset();
  if (!guessed && !found && isShifted(guesses, byName)) {
    noteShift(guesses.front().root, byName.front().root);
    return std::nullopt;
  }
  // The name shows where the kernel is in the image, not in memory.
  if (!guessed && !found && placed && dump_.unplacedImage && guesses.empty()) {
    attempts_.addTelling(
        "where the image lies in memory is not known: its kernel's root is at "
        "offset " +
        hex(placed->root) +
        ", and no table leads back to it (--raw-base, --map)");
    return std::nullopt;
  }
  return guessed ? guessed : found ? found : placed;
}

bool RootChooser::isConfirmed(PhysAddr root, llvm::ArrayRef<ModeChoice> modes,
                              const ImageSymbols &symbols) const {
  return llvm::any_of(modes, [&](const ModeChoice &mode) {
    return judgeRoot(memory_, mode.mode, root, symbols).verdict ==
           RootVerdict::Confirmed;
  });
}

RootChooser::Proof RootChooser::proofOf(const Vmcoreinfo &info) const {
  Proof best = Proof::None;
  const RootQuery query{dump_, memory_, overrides_, info};
  for (const KernelArch *arch : archsFor(info)) {
    const auto symbols = findImageSymbols(*arch, VmcoreinfoSymbols(info));
    if (!symbols)
      continue;
    const bool hasRegisters =
        !arch->rootRegister.empty() &&
        llvm::any_of(dump_.machine.cpus, [&](const CpuRegisters &cpu) {
          return cpu.find(arch->rootRegister).has_value();
        });
    std::string reason;
    for (const ModeChoice &mode : listModes(*arch, query, reason))
      for (const RootGuess &guess : arch->guessRoots(query, symbols->self)) {
        if (!isConfirmed(guess.root, mode, *symbols))
          continue;
        const CpuEvidence cpus =
            askCpus(dump_.machine, memory_.forScanning(),
                    {*arch, mode.mode, guess.root, symbols->self});
        // One that crashed may have a successor.
        if (hasRegisters ? cpus.isByRoot
                         : !cpus.here.empty() && !info.has("CRASHTIME"))
          return Proof::Cpus;
        if (!hasRegisters && !cpus.contradicts() && !info.has("CRASHTIME"))
          best = Proof::Root;
      }
  }
  return best;
}

/// For a root that maps itself, and nothing else that is known: do registers,
/// or the place of the kernel's name, lead to it?
bool RootChooser::isVouchedFor(const KernelCandidate &candidate,
                               const ImageSymbols &symbols) const {
  auto isIt = [&](const RootGuess &guess) {
    return guess.root == candidate.root;
  };
  return askCpus(dump_, memory_.forScanning(), candidate).isByRoot ||
         llvm::any_of(guessRootsByUtsName(memory_, candidate.text->info,
                                          symbols, diagnostics_, isIt),
                      isIt);
}

/// Do the kernel's name and what VMCOREINFO says put its root at different
/// places? Where memory is what the file's first byte begins, none is right.
bool RootChooser::isShifted(llvm::ArrayRef<RootGuess> guesses,
                            llvm::ArrayRef<RootGuess> byName) const {
  return !memory_.knowsRam() && !guesses.empty() && !byName.empty() &&
         llvm::none_of(guesses, [&](const RootGuess &guess) {
           return llvm::any_of(byName, [&](const RootGuess &named) {
             return named.root == guess.root;
           });
         });
}

void RootChooser::noteShift(PhysAddr said, PhysAddr found) {
  const bool isBehind = found > said;
  attempts_.addTelling(
      "the kernel lies " + hex(isBehind ? found - said : said - found) +
      (isBehind ? " bytes behind" : " bytes in front of") +
      " the place that its VMCOREINFO names: the file does not begin where it "
      "should, or has too much or too little before that (--raw-base, --map)");
}

/// What is told where nothing else leads to a root, either.
void RootChooser::noteAbsence(const RootGuess &guess) {
  uint8_t byte;
  const std::optional<AbsentByte> absent = memory_.tryRead(guess.root, byte);
  if (!absent)
    return;
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

/// The first guess that is confirmed; else one that nothing speaks against;
/// else, where --force takes what the user named, the first of all.
std::optional<KernelCandidate> RootChooser::chooseGuess(
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
    noteAbsence(guess);
  }
  if (!unconfirmed.empty())
    return chooseMode(unconfirmed);
  // An option of the command line; --force also replaces files.
  const bool isTaken = overrides_.force && !overrides_.given().empty();
  return isTaken ? refuted : std::nullopt;
}

/// The first, in the mode that the kernel's own pointers are made for.
KernelCandidate
RootChooser::chooseMode(llvm::ArrayRef<KernelCandidate> candidates) const {
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
RootChooser::searchMemory(const KernelCandidate &start,
                          llvm::ArrayRef<ModeChoice> modes,
                          const ImageSymbols &symbols) {
  const std::string symbol = symbols.selfName;
  const std::vector<FoundRoot> roots = findRoots(
      memory_, modes, symbols, diagnostics_, [&](const FoundRoot &found) {
        return askCpus(dump_.machine, memory_.forScanning(),
                       {*start.arch, found.mode.mode, found.root, symbols.self})
            .isByRoot;
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
RootChooser::chooseRegister(const NamedVmcoreinfo *text) {
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

} // namespace vmpt
