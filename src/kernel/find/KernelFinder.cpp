//===- KernelFinder.cpp - from a dump to the kernel's root ----------------===//
//
// In this order: what the user says; the VMCOREINFO note; VMCOREINFO found by
// scanning RAM; control registers (RegisterRoots.h). Each way is a list of
// candidates (RootChooser.h); each candidate is judged (RootCheck.h), and only
// the one that is chosen becomes a KernelImage.
//
// A note that proves itself ends the search, unless the CPUs surely run another
// kernel. Then, and where somebody asks for all of them, RAM is scanned, too.
//
#include "kernel/find/KernelFinder.h"

#include "kernel/find/ConcealedMemory.h"
#include "kernel/find/DumperTraces.h"
#include "kernel/find/FoundKernels.h"
#include "kernel/find/KernelHistory.h"
#include "kernel/find/RootChooser.h"
#include "kernel/find/VmcoreinfoScan.h"
#include "memory/MemoryScan.h"
#include "support/Text.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <map>

namespace vmpt {

namespace {

class KernelFinder {
public:
  KernelFinder(const Dump &dump, const PhysicalMemory &memory,
               const KernelOverrides &overrides, Diagnostics &diagnostics,
               Attempts &attempts)
      : dump_(dump), memory_(memory), overrides_(overrides),
        diagnostics_(diagnostics), attempts_(attempts), found_(dump, memory),
        chooser_(dump, memory, overrides, diagnostics, attempts) {}

  llvm::Expected<KernelImage> find();

private:
  using Choice = RootChooser::Choice;

  Choice choose();
  Choice chooseKept();
  llvm::Expected<Choice> chooseNumber(Choice byDefault);
  void scanForTexts(bool isWhole);
  bool isEnough(const Vmcoreinfo &info);
  const KernelHistory &historyOf(const KernelCandidate &candidate);
  void findAll(const Choice &first);
  void warnOfOthers(const Choice &named);
  std::string doubtMarkers(const KernelImage &image) const;
  bool runElsewhere(const KernelCandidate &candidate) const;
  std::string describeArchSource(const KernelArch &arch) const;
  llvm::Error notFound() const;

  const Dump &dump_;
  const PhysicalMemory &memory_;
  const KernelOverrides &overrides_;
  Diagnostics &diagnostics_;
  Attempts &attempts_;
  /// Of the container, or the user's; and of all pages. Candidates point here.
  std::optional<NamedVmcoreinfo> named_;
  std::vector<NamedVmcoreinfo> kept_, scanned_;
  /// Empty as long as nobody looked at memory.
  FoundKernels found_;
  bool foundAll_ = false;
  /// The look ended at a kernel that only its own memory speaks for, and there.
  bool saysItself_ = false;
  std::optional<PhysAddr> lookedUpTo_;
  std::map<PhysAddr, KernelHistory> histories_; ///< By the root.
  RootChooser chooser_;
};

/// The kernel of the note, unless the CPUs run another one; else the best of
/// those that are in memory; else what a register leads to.
std::optional<KernelCandidate> KernelFinder::choose() {
  if (overrides_.vmcoreinfoText)
    named_ = {Vmcoreinfo::parse(*overrides_.vmcoreinfoText),
              "option --vmcoreinfo"};
  else if (dump_.vmcoreinfo)
    named_ = {Vmcoreinfo::parse(*dump_.vmcoreinfo), "VMCOREINFO note"};
  else
    attempts_.add("the container has no VMCOREINFO note");
  Choice named;
  if (named_)
    named = chooser_.choose(*named_);
  if (!named && !overrides_.vmcoreinfoText)
    named = chooseKept();
  if (named && !runElsewhere(*named))
    return named;
  // A scan only where it can help: the user's own text settles the matter.
  if (!overrides_.vmcoreinfoText)
    findAll(named);
  // Only registers speak against the note.
  if (named && !found_.hasCpu(0))
    found_.putFirst(named->root);
  if (!overrides_.kernelNumber)
    warnOfOthers(named);
  if (found_.size())
    return found_[0];
  return chooser_.chooseRegister(named_ ? &*named_ : nullptr);
}

/// By the first note whose address a kernel leaves at a place that is known.
std::optional<KernelCandidate> KernelFinder::chooseKept() {
  for (const KernelArch *arch : chooser_.archsFor(Vmcoreinfo())) {
    if (!arch->findVmcoreinfoNote)
      continue;
    std::optional<PhysAddr> at = arch->findVmcoreinfoNote(memory_);
    if (auto note = at ? readVmcoreinfoNote(memory_, *at) : std::nullopt)
      kept_.push_back({std::move(note->info),
                       "VMCOREINFO note in RAM at physical " + hex(*at) +
                           ", where the kernel says it is"});
  }
  for (const NamedVmcoreinfo &text : kept_)
    if (Choice candidate = chooser_.choose(text))
      return candidate;
  return std::nullopt;
}

/// Do CPUs, and all that tell anything, run another kernel? Of one that crashed
/// and was followed by another, some may wait in it for ever.
bool KernelFinder::runElsewhere(const KernelCandidate &candidate) const {
  if (overrides_.root || overrides_.vmcoreinfoText)
    return false;
  const bool hasCrashed =
      candidate.text && candidate.text->info.has("CRASHTIME");
  // What tells so is kept for whoever cuts the dump.
  for (const PhysicalMemory *memory : {&memory_.forScanning(), &memory_}) {
    const CpuEvidence cpus = askCpus(dump_, *memory, candidate);
    if (!cpus.contradicts() && !(hasCrashed && !cpus.elsewhere.empty()))
      return false;
  }
  return true;
}

/// All kernels of this memory; \p first is known already.
void KernelFinder::findAll(const Choice &first) {
  /// Each may cost a search through all of memory.
  constexpr size_t maxKernels = 16;
  const Attempts before = attempts_;
  if (first)
    found_.add(*first);
  scanForTexts(first || overrides_.kernelNumber || overrides_.listsKernels);
  for (const NamedVmcoreinfo &text : scanned_)
    if (!found_.has(text) && found_.size() < maxKernels)
      if (Choice candidate = chooser_.choose(text))
        found_.add(std::move(*candidate));
  if (found_.size() && found_.leavesCpuOut())
    if (Choice other = chooser_.chooseRegister(nullptr);
        other && !other->isOfTask && other->doubt.empty())
      found_.add(std::move(*other));
  found_.askMemory([&](auto &candidate) { return historyOf(candidate).end; });
  found_.sort();
  // What did not lead to others is no news of the one that was found.
  if (first)
    attempts_ = before;
}

void KernelFinder::warnOfOthers(const Choice &named) {
  if (!named && found_.isOpen()) {
    const FoundKernel first = found_.describe(0);
    diagnostics_.gap(
        "kernel-open",
        std::to_string(found_.size()) +
            " kernels are in this memory, and nothing tells which one runs: " +
            (first.release.empty() ? "" : printable(first.release) + " ") +
            "(root " + hex(first.root) +
            ") is read; --kernel 1 says that it is meant");
  }
  for (size_t i = 1; i < found_.size(); ++i) {
    const std::string advice =
        foundAll_ ? "; --kernel " + std::to_string(i + 1) + " reads it"
                  : "; vmpt info --kernels lists them all";
    const bool isOfNote = named && found_[i].root == named->root;
    diagnostics_.warn(
        "other-kernel",
        isOfNote
            ? "the VMCOREINFO note is of another kernel "
              "than the one that runs: " +
                  found_.describe(0).reason + ", at " + hex(found_[0].root) +
                  advice
            : "another kernel is in this memory: " + found_.describe(i).source +
                  " leads to root " + hex(found_[i].root) + advice);
  }
}

llvm::Expected<std::optional<KernelCandidate>>
KernelFinder::chooseNumber(Choice byDefault) {
  if (!byDefault)
    return byDefault;
  if (!found_.size() && (overrides_.kernelNumber || overrides_.listsKernels))
    findAll(byDefault);
  found_.putFirst(byDefault->root);
  if (!overrides_.kernelNumber)
    return byDefault;
  const size_t number = *overrides_.kernelNumber;
  if (number == 0 || number > found_.size())
    return llvm::make_error<UsageError>(
        "--kernel " + std::to_string(number) + ": " +
        (found_.size() < 2 ? "there is one kernel in this memory"
                           : "there are " + std::to_string(found_.size()) +
                                 " kernels in this memory; vmpt info "
                                 "--kernels lists them"));
  return found_[number - 1];
}

llvm::Expected<KernelImage> KernelFinder::find() {
  if (llvm::Error error = checkMachine(dump_, overrides_))
    return error;
  llvm::Expected<Choice> decided = chooseNumber(choose());
  if (!decided)
    return decided.takeError();
  Choice &chosen = *decided;
  if (!chosen)
    return notFound();
  if (!chosen->doubt.empty())
    diagnostics_.gap("kernel-root", chosen->doubt);
  chosen->archSource = describeArchSource(*chosen->arch);
  KernelImage image =
      makeKernelImage(chooser_.queryFor(chosen->text), *chosen, attempts_);
  for (size_t i = 0; foundAll_ && i < found_.size(); ++i) {
    image.kernels.push_back(found_.describe(i));
    image.kernels.back().isChosen = found_[i].root == chosen->root;
  }
  if (lookedUpTo_)
    image.evidence.add("other kernels",
                       "not looked for behind physical " + hex(*lookedUpTo_),
                       "the kernel whose note is there proves itself, and says "
                       "of no other; --kernels looks at all of memory");
  if (!image.dumper && image.arch->hasDumper)
    image.sectionsDoubt = doubtMarkers(image);
  return image;
}

/// The markers are by formula: is that right?
std::string KernelFinder::doubtMarkers(const KernelImage &image) const {
  if (const uint64_t lost = countLostBytes(memory_, image))
    return "where sections start is not known: " + hex(lost) +
           " bytes of the kernel's image are not in the dump, "
           "and address_markers[] with them, if it has one";
  if (!image.markerFault.empty())
    return "where sections start is not the kernel's own word: " +
           image.markerFault;
  if (auto trace = findDumperTrace(memory_, image))
    return "where sections start is not known: " + *trace;
  return "";
}

const KernelHistory &KernelFinder::historyOf(const KernelCandidate &candidate) {
  auto [known, isNew] = histories_.try_emplace(candidate.root);
  if (isNew)
    known->second = readHistory(chooser_.queryFor(candidate.text), candidate);
  return known->second;
}

/// Where no register tells, memory may hold one that runs behind one that is
/// over, or the one before the one that runs; a large memory is looked through
/// only if the first says that there is another.
bool KernelFinder::isEnough(const Vmcoreinfo &info) {
  const RootChooser::Proof proof = chooser_.proofOf(info);
  if (proof != RootChooser::Proof::Root)
    return proof == RootChooser::Proof::Cpus;
  if (isQuickToScan(memory_))
    return false;
  const NamedVmcoreinfo text{info, ""};
  const Choice candidate = chooser_.choose(text);
  saysItself_ = candidate && historyOf(*candidate).end.empty() &&
                historyOf(*candidate).origin.empty();
  return saysItself_;
}

/// Without \p isWhole up to the first that is enough.
void KernelFinder::scanForTexts(bool isWhole) {
  foundAll_ = true;
  auto isLast = [&](const Vmcoreinfo &info) {
    if (isWhole || !isEnough(info))
      return false;
    foundAll_ = false;
    return true;
  };
  for (FoundVmcoreinfo &hit :
       scanForVmcoreinfo(memory_, diagnostics_, isLast)) {
    if (saysItself_ && hit.isNote)
      lookedUpTo_ = hit.address;
    scanned_.push_back(
        {std::move(hit.info),
         (hit.isNote ? "VMCOREINFO note found in RAM at physical "
                     : "VMCOREINFO text found in RAM at physical ") +
             hex(hit.address)});
  }
  if (scanned_.empty())
    attempts_.add("no VMCOREINFO stands at the start of any page");
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
    if (!chooser_.hasText())
      advice = "; is it a Linux memory dump? ";
  }
  return llvm::make_error<LookupError>("no kernel page tables: " + reason +
                                       advice +
                                       "vmpt info --evidence tells more");
}

} // namespace

llvm::Error checkMachine(const Dump &dump, const KernelOverrides &overrides) {
  const std::string &name = dump.machine.unknownName;
  if (name.empty() || overrides.arch)
    return llvm::Error::success();
  return llvm::make_error<UnsupportedError>(
      printable(name) + " dumps are not read; vmpt knows " + listArchNames() +
      " (--arch names one of them, should this be wrong)");
}

llvm::Expected<KernelImage> searchKernel(const Dump &dump,
                                         const PhysicalMemory &memory,
                                         const KernelOverrides &overrides,
                                         Diagnostics &diagnostics,
                                         Attempts &attempts) {
  return KernelFinder(dump, memory, overrides, diagnostics, attempts).find();
}

} // namespace vmpt
