#include "kernel/find/OptionJudge.h"

#include "kernel/find/KernelArch.h"
#include "kernel/find/KernelFinder.h"
#include "paging/modes/Modes.h"
#include "support/Text.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

std::vector<KernelOption> KernelOverrides::given() const {
  std::vector<KernelOption> options;
  for (auto [isGiven, option] :
       {std::pair(arch.has_value(), KernelOption::Arch),
        {root.has_value(), KernelOption::Root},
        {levels.has_value(), KernelOption::Levels},
        {virtualBits.has_value(), KernelOption::VirtualBits},
        {granule.has_value(), KernelOption::Granule},
        {physBase.has_value(), KernelOption::PhysBase},
        {vmcoreinfoText.has_value(), KernelOption::Vmcoreinfo}})
    if (isGiven)
      options.push_back(option);
  return options;
}

std::string KernelOverrides::describe(KernelOption option) const {
  switch (option) {
  case KernelOption::Arch:
    return "--arch " + getArchName(*arch).str();
  case KernelOption::Root:
    return "--root " + hex(*root);
  case KernelOption::Levels:
    return "--levels " + std::to_string(*levels);
  case KernelOption::VirtualBits:
    return "--va-bits " + std::to_string(*virtualBits);
  case KernelOption::Granule:
    return "--granule " + std::to_string(*granule);
  case KernelOption::PhysBase:
    return "--phys-base " + hex(*physBase);
  case KernelOption::Vmcoreinfo:
    return "--vmcoreinfo";
  }
  return "";
}

namespace {

/// Is there a mode like that, of the architecture that --arch names?
bool anyMode(const KernelOverrides &overrides,
             llvm::function_ref<bool(const PagingMode &)> isLike) {
  return llvm::any_of(allArchs, [&](Arch arch) {
    return overrides.arch.value_or(arch) == arch &&
           llvm::any_of(getModes(arch),
                        [&](const PagingMode *mode) { return isLike(*mode); });
  });
}

std::string sourceOf(const KernelImage &kernel, llvm::StringRef fact) {
  for (const Fact &known : kernel.evidence.facts())
    if (known.name == fact)
      return " (" +
             llvm::StringRef(known.source)
                 .take_until([](char c) { return c == ';' || c == ','; })
                 .str() +
             ")";
  return "";
}

llvm::StringRef releaseOf(const KernelImage &kernel) {
  return kernel.vmcoreinfo.release().value_or(kernel.bannerRelease);
}

std::string nameOf(llvm::StringRef release) {
  return "kernel " + (release.empty() ? "without a release" : release.str());
}

/// Does a text that leads to \p proven say that it is another kernel?
bool isOfAnother(const Vmcoreinfo &given, const KernelImage &proven) {
  const llvm::StringRef known = releaseOf(proven);
  return !known.empty() && given.release().value_or("") != known;
}

/// What \p kernel has instead; nothing if it is the same, or not known.
std::optional<std::string> findDifference(const KernelOverrides &overrides,
                                          KernelOption option,
                                          const KernelImage &kernel) {
  switch (option) {
  case KernelOption::Arch:
    if (kernel.arch->arch == *overrides.arch)
      return std::nullopt;
    return getArchName(kernel.arch->arch).str() +
           sourceOf(kernel, "architecture");
  case KernelOption::Root:
    // Of several kernels it may name another.
    if (kernel.root == *overrides.root ||
        llvm::any_of(kernel.kernels, [&](const FoundKernel &other) {
          return other.root == *overrides.root && other.doubt.empty();
        }))
      return std::nullopt;
    return "the kernel's own is at " + hex(kernel.root);
  case KernelOption::Levels:
    if (kernel.mode.levelCount == *overrides.levels)
      return std::nullopt;
    return kernel.mode.name.str() + sourceOf(kernel, "paging mode");
  case KernelOption::VirtualBits:
    if (kernel.virtualBits == *overrides.virtualBits)
      return std::nullopt;
    return std::to_string(kernel.virtualBits) +
           sourceOf(kernel, "virtual address bits");
  case KernelOption::Granule:
    if (bit(kernel.mode.pageShift) == *overrides.granule)
      return std::nullopt;
    return kernel.mode.name.str() + sourceOf(kernel, "paging mode");
  case KernelOption::PhysBase: {
    std::optional<uint64_t> known;
    if (kernel.arch->physBase)
      known = kernel.arch->physBase(kernel);
    if (!known || *known == *overrides.physBase)
      return std::nullopt;
    return hex(*known) + sourceOf(kernel, "phys_base");
  }
  case KernelOption::Vmcoreinfo: {
    const Vmcoreinfo given = Vmcoreinfo::parse(*overrides.vmcoreinfoText);
    if (given.text() == kernel.vmcoreinfo.text())
      return std::nullopt;
    if (given.release().value_or("") != releaseOf(kernel))
      return nameOf(releaseOf(kernel)) + ", the file is of " +
             nameOf(given.release().value_or(""));
    return "its own text leads to the root table, that of the file does not";
  }
  }
  return std::nullopt;
}

bool isProven(llvm::Expected<KernelImage> &kernel) {
  return kernel && kernel->rootDoubt.empty();
}

/// What a search found out, told or kept back until it is chosen.
struct Search {
  explicit Search(Diagnostics &told)
      : diagnostics(
            {}, [&told](llvm::StringRef what, uint64_t done, uint64_t total) {
              told.progress(what, done, total);
            }) {
    diagnostics.setThreads(told.threads());
  }

  Diagnostics diagnostics;
  Attempts attempts;
};

void tell(const Search &search, Diagnostics &diagnostics) {
  for (const Finding &finding : search.diagnostics.findings())
    diagnostics.report(finding);
}

llvm::Expected<KernelImage> judge(const Dump &dump,
                                  const PhysicalMemory &memory,
                                  const KernelOverrides &overrides,
                                  Diagnostics &diagnostics,
                                  Attempts &attempts) {
  Search with(diagnostics), without(diagnostics);
  llvm::Expected<KernelImage> found =
      searchKernel(dump, memory, overrides, with.diagnostics, with.attempts);
  KernelOverrides bare;
  bare.kernelNumber = overrides.kernelNumber;
  bare.listsKernels = overrides.listsKernels;
  llvm::Expected<KernelImage> proven =
      searchKernel(dump, memory, bare, without.diagnostics, without.attempts);
  attempts = with.attempts;
  std::optional<std::string> contradiction;
  if (found || proven)
    if (llvm::Error error = checkApplies(overrides, isProven(proven) || !found
                                                        ? *proven->arch
                                                        : *found->arch)) {
      llvm::consumeError(found.takeError());
      llvm::consumeError(proven.takeError());
      return error;
    }
  if (isProven(proven))
    contradiction =
        findContradiction(overrides, found ? &*found : nullptr, *proven);
  else if (found)
    contradiction = findContradiction(overrides, &*found, *found);
  llvm::consumeError(proven.takeError());
  if (contradiction && !overrides.force) {
    llvm::consumeError(found.takeError());
    return llvm::make_error<UsageError>(*contradiction +
                                        "; --force takes it all the same");
  }
  if (contradiction)
    diagnostics.gap("option-contradicts",
                    *contradiction + "; it is taken, as --force says");
  tell(with, diagnostics);
  return found;
}

} // namespace

llvm::Error checkValues(const KernelOverrides &overrides) {
  auto refuse = [&](KernelOption option, const char *reason) {
    return llvm::make_error<UsageError>(
        overrides.describe(option) + ": no page tables" +
        (overrides.arch ? " of " + getArchName(*overrides.arch).str() : "") +
        reason);
  };
  if (overrides.levels && !anyMode(overrides, [&](const PagingMode &mode) {
        return mode.levelCount == *overrides.levels;
      }))
    return refuse(KernelOption::Levels, " have so many levels");
  if (overrides.granule && !anyMode(overrides, [&](const PagingMode &mode) {
        return bit(mode.pageShift) == *overrides.granule;
      }))
    return refuse(KernelOption::Granule, " have pages of that size");
  // A 48-bit half may be in a table for 52.
  if (overrides.virtualBits && !anyMode(overrides, [&](const PagingMode &mode) {
        return mode.virtualBits == *overrides.virtualBits;
      }))
    return refuse(KernelOption::VirtualBits, " are for so many bits");
  if (overrides.arch)
    return checkApplies(overrides, *findKernelArch(*overrides.arch));
  return llvm::Error::success();
}

/// The first key of the dump's \p own text that the \p given one has with
/// another value.
static std::optional<std::string> findOtherValue(const Vmcoreinfo &given,
                                                 const Vmcoreinfo &own) {
  llvm::StringRef rest = given.text();
  while (!rest.empty()) {
    auto [line, next] = rest.split('\n');
    rest = next;
    auto [key, value] = line.split('=');
    const auto known = key.size() < line.size() ? own.find(key) : std::nullopt;
    if (known && *known != value)
      return printable(key) + " is " + printable(*known) +
             " there, and the file's is " + printable(value);
  }
  return std::nullopt;
}

llvm::Error checkApplies(const KernelOverrides &overrides,
                         const KernelArch &arch) {
  for (KernelOption option : overrides.given()) {
    if (option == KernelOption::Arch || option == KernelOption::Root ||
        option == KernelOption::Vmcoreinfo ||
        llvm::is_contained(arch.options, option))
      continue;
    return llvm::make_error<UsageError>(overrides.describe(option) +
                                        " says nothing about " +
                                        getArchName(arch.arch));
  }
  return llvm::Error::success();
}

std::optional<std::string> findContradiction(const KernelOverrides &overrides,
                                             const KernelImage *found,
                                             const KernelImage &proven) {
  // A root that the search left aside is no confirmed one.
  const bool isConfirmed = found && found->rootDoubt.empty() &&
                           overrides.root.value_or(found->root) == found->root;
  for (KernelOption option : overrides.given()) {
    // Memory may hold several kernels; one that is confirmed is one of them.
    if (isConfirmed &&
        (option == KernelOption::Root ||
         (option != KernelOption::Arch && found->root != proven.root)))
      continue;
    if (isConfirmed && option == KernelOption::Vmcoreinfo &&
        !isOfAnother(Vmcoreinfo::parse(*overrides.vmcoreinfoText), proven)) {
      if (auto other = findOtherValue(
              Vmcoreinfo::parse(*overrides.vmcoreinfoText), proven.vmcoreinfo))
        return overrides.describe(option) + " contradicts the dump: " + *other;
      continue;
    }
    // A text that is not the dump's may be its better half.
    if (&proven == found && option == KernelOption::Vmcoreinfo)
      continue;
    if (auto other = findDifference(overrides, option, proven))
      return overrides.describe(option) + " contradicts the dump: " + *other;
  }
  return std::nullopt;
}

llvm::Expected<KernelImage> findKernel(const Dump &dump,
                                       const PhysicalMemory &memory,
                                       const KernelOverrides &overrides,
                                       Diagnostics &diagnostics,
                                       Evidence *tried) {
  if (llvm::Error error = checkValues(overrides))
    return error;
  Attempts attempts;
  llvm::Expected<KernelImage> found =
      overrides.given().empty()
          ? searchKernel(dump, memory, overrides, diagnostics, attempts)
          : judge(dump, memory, overrides, diagnostics, attempts);
  if (!found && tried)
    for (const std::string &attempt : attempts.list())
      tried->tried(attempt);
  return found;
}

} // namespace vmpt
