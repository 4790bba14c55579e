//===- RegisterRoots.h - roots that the CPUs' registers lead to -----------===//
//
// A control register holds some task's table. It maps the kernel, so the
// kernel's own symbols can be read through it, and they name the real root.
// Any CPU may be of use: one may be off (0), another run user code on the half
// of PTI that maps no kernel but its entry code.
//
#pragma once

#include "kernel/find/RootCheck.h"

namespace vmpt {

/// One VMCOREINFO text and where it is from.
struct NamedVmcoreinfo {
  Vmcoreinfo info;
  std::string source;
};

/// A way to a kernel, and what speaks for it.
struct KernelCandidate {
  const NamedVmcoreinfo *text = nullptr; ///< Null: there is none.
  const KernelArch *arch = nullptr;
  ModeChoice mode;
  std::string modeSource = {};
  PhysAddr root = {};
  std::string rootSource = {};
  /// Why the root may not be the kernel's own; empty if it surely is.
  std::string doubt = {};
  /// The root is that of a task, whose kernel half stands for the kernel's.
  bool isOfTask = false;
  /// Pointers in the kernel's image are made for this mode.
  bool isPointedTo = false;
  /// Only where there is no VMCOREINFO.
  std::string bannerRelease = {};
  std::string archSource = {};
};

/// What did not lead to a kernel; each sentence once.
class Attempts {
public:
  void add(const llvm::Twine &what);
  /// One that tells why, more than others do.
  void addTelling(const llvm::Twine &what);
  const std::vector<std::string> &list() const { return list_; }
  /// The first that tells, or "".
  const std::string &telling() const { return telling_; }

private:
  std::vector<std::string> list_;
  std::string telling_;
};

/// The root that the user names, where no VMCOREINFO can confirm it; kallsyms,
/// read through it, may. Nothing if the table can be none, unless that is
/// forced.
std::optional<KernelCandidate> takeOption(const RootQuery &query,
                                          const KernelCandidate &start,
                                          PhysAddr root, Attempts &attempts);

/// The best that any CPU's register leads to, in \p modes (of which all but
/// the first have to lead to the kernel's own root). \p start has what all
/// candidates share, and the first of the modes.
std::optional<KernelCandidate>
chooseRegisterRoot(const RootQuery &query, const KernelCandidate &start,
                   llvm::ArrayRef<ModeChoice> modes, Attempts &attempts);

} // namespace vmpt
