#include "kernel/find/FoundKernels.h"

#include "kernel/find/KernelArch.h"
#include "kernel/image/DebugData.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

/// What a crash appends (linux kernel/vmcore_info.c, crash_save_vmcoreinfo()).
constexpr llvm::StringLiteral crashKey = "CRASHTIME";

llvm::StringRef textBeforeCrash(const Vmcoreinfo &info) {
  const llvm::StringRef text = info.text();
  return text.take_front(text.find(("\n" + crashKey + "=").str()))
      .rtrim(llvm::StringRef("\n\0", 2));
}

} // namespace

CpuEvidence askCpus(const Dump &dump, const PhysicalMemory &memory,
                    const KernelCandidate &candidate) {
  if (!candidate.text)
    return {};
  auto symbols = findImageSymbols(*candidate.arch,
                                  VmcoreinfoSymbols(candidate.text->info));
  if (!symbols)
    return {};
  return askCpus(
      dump.machine, memory,
      {*candidate.arch, candidate.mode.mode, candidate.root, symbols->self});
}

void FoundKernels::add(KernelCandidate candidate) {
  std::optional<uint64_t> crashTime;
  if (candidate.text)
    crashTime = candidate.text->info.decimal(crashKey);
  for (Entry &known : all_)
    if (known.candidate.root == candidate.root) {
      if (!known.crashTime)
        known.crashTime = crashTime;
      return;
    }
  CpuEvidence cpus = askCpus(dump_, memory_.forScanning(), candidate);
  if (!candidate.text) { // a register led to it
    cpus.here.push_back(candidate.rootSource);
    cpus.isByRoot = true;
  }
  all_.push_back({std::move(candidate), std::move(cpus), crashTime, {}});
}

bool FoundKernels::has(const NamedVmcoreinfo &text) {
  for (Entry &known : all_) {
    const NamedVmcoreinfo *own = known.candidate.text;
    if (!own || textBeforeCrash(own->info) != textBeforeCrash(text.info))
      continue;
    if (!known.crashTime)
      known.crashTime = text.info.decimal(crashKey);
    return true;
  }
  return false;
}

void FoundKernels::askMemory(
    llvm::function_ref<std::string(const KernelCandidate &)> describeEnd) {
  lasting_.reset();
  if (all_.size() < 2 || llvm::any_of(all_, [](const Entry &entry) {
        return !entry.cpus.here.empty() || !entry.cpus.elsewhere.empty();
      }))
    return;
  size_t lasting = 0;
  for (Entry &entry : all_) {
    entry.end = entry.crashTime ? "it crashed" : describeEnd(entry.candidate);
    if (!entry.candidate.doubt.empty() || !entry.end.empty())
      continue;
    lasting_ = entry.candidate.root;
    ++lasting;
  }
  if (lasting != 1)
    lasting_.reset();
}

/// A kernel that crashed has CPUs that wait in it while another runs.
unsigned FoundKernels::rank(const Entry &entry) const {
  const bool hasCpu = !entry.cpus.here.empty();
  return (hasCpu ? 4 : 0) + (entry.crashTime || !entry.end.empty() ? 0 : 2) +
         (hasCpu && entry.cpus.isByRoot ? 1 : 0);
}

bool FoundKernels::isOpen() const {
  if (all_.empty() || lasting_)
    return false;
  return llvm::any_of(llvm::drop_begin(all_), [&](const Entry &other) {
    return other.candidate.doubt.empty() && rank(other) == rank(all_.front());
  });
}

void FoundKernels::sort() {
  llvm::stable_sort(all_, [this](const Entry &a, const Entry &b) {
    const unsigned first = rank(a), second = rank(b);
    return first != second
               ? first > second
               : a.candidate.doubt.empty() && !b.candidate.doubt.empty();
  });
}

void FoundKernels::putFirst(PhysAddr root) {
  auto first = llvm::find_if(
      all_, [&](auto &entry) { return entry.candidate.root == root; });
  if (first != all_.end())
    std::rotate(all_.begin(), first, first + 1);
}

bool FoundKernels::leavesCpuOut() const {
  for (size_t i = 0; i < dump_.machine.cpus.size(); ++i)
    if (llvm::all_of(all_, [&](const Entry &entry) {
          return llvm::is_contained(entry.cpus.elsewhere, i);
        }))
      return true;
  return false;
}

FoundKernel FoundKernels::describe(size_t index) const {
  const Entry &entry = all_[index];
  const KernelCandidate &candidate = entry.candidate;
  FoundKernel found;
  found.number = unsigned(index + 1);
  found.arch = candidate.arch;
  found.mode = candidate.mode.mode.name.str();
  found.root = candidate.root;
  found.release = candidate.bannerRelease;
  if (candidate.text)
    found.release = candidate.text->info.release().value_or("").str();
  found.source = candidate.text ? candidate.text->source : candidate.rootSource;
  found.doubt = candidate.doubt;
  found.crashTime = entry.crashTime;
  if (hasAnyCpu() || !entry.cpus.elsewhere.empty())
    judgeByCpus(entry, found);
  else
    judgeByMemory(entry, found);
  return found;
}

bool FoundKernels::hasAnyCpu() const {
  return llvm::any_of(
      all_, [](const Entry &entry) { return !entry.cpus.here.empty(); });
}

/// The highest rank runs, unless it shares that with another.
void FoundKernels::judgeByCpus(const Entry &entry, FoundKernel &found) const {
  size_t better = 0, equal = 0;
  for (const Entry &other : all_) {
    better += rank(other) > rank(entry);
    equal += rank(other) == rank(entry);
  }
  found.reason = llvm::join(entry.cpus.here, "; ");
  if (entry.cpus.here.empty()) {
    found.reason = entry.cpus.elsewhere.empty()
                       ? "no register tells"
                       : "the registers lead elsewhere";
    if (hasAnyCpu())
      found.isRunning = false;
  } else if (better) {
    found.isRunning = false;
    found.reason += entry.crashTime ? ", but it crashed, and another runs since"
                                    : ", but more tells that another runs";
  } else if (equal == 1) {
    found.isRunning = true;
  } else {
    found.reason += ", and the same is so of another kernel";
  }
}

void FoundKernels::judgeByMemory(const Entry &entry, FoundKernel &found) const {
  found.reason = "no register tells";
  if (lasting_ == entry.candidate.root) {
    found.isRunning = true;
    found.reason += ", and of the others each is over";
  } else if (!entry.end.empty()) {
    found.reason = entry.end;
    if (lasting_)
      found.isRunning = false;
  }
}

} // namespace vmpt
