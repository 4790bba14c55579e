//===- RootChooser.h - the root that a VMCOREINFO names -------------------===//
//
// Roots by the architecture's formula, in each of its paging modes; where none
// of them is believed, those that a search of all memory finds, and those that
// lie beside the kernel's name; without VMCOREINFO, what registers lead to.
//
#pragma once

#include "kernel/find/KernelArch.h"
#include "kernel/find/RegisterRoots.h"

namespace vmpt {

class RootChooser {
public:
  using Choice = std::optional<KernelCandidate>;

  RootChooser(const Dump &dump, const PhysicalMemory &memory,
              const KernelOverrides &overrides, Diagnostics &diagnostics,
              Attempts &attempts)
      : dump_(dump), memory_(memory), overrides_(overrides),
        diagnostics_(diagnostics), attempts_(attempts) {}

  /// One without doubt, else the best that there is. \p text outlives it.
  Choice choose(const NamedVmcoreinfo &text);
  /// By the CPUs' registers, or --root; \p text may be null.
  Choice chooseRegister(const NamedVmcoreinfo *text);

  /// What speaks for a kernel, whatever else is in memory?
  enum class Proof : uint8_t {
    None,
    Root, ///< Its root is confirmed, and no register tells anything.
    Cpus, ///< The CPUs' registers lead there, too.
  };
  Proof proofOf(const Vmcoreinfo &info) const;

  /// Was there any VMCOREINFO to choose by?
  bool hasText() const { return hasText_; }
  RootQuery queryFor(const NamedVmcoreinfo *text) const;
  /// Whose dump this may be: as it is said, or as \p info looks.
  std::vector<const KernelArch *> archsFor(const Vmcoreinfo &info) const;

private:
  Choice choose(const KernelArch &arch, const NamedVmcoreinfo &text);
  Choice chooseGuess(const KernelCandidate &start,
                     llvm::ArrayRef<ModeChoice> modes,
                     llvm::ArrayRef<RootGuess> guesses,
                     const ImageSymbols &symbols);
  KernelCandidate chooseMode(llvm::ArrayRef<KernelCandidate> candidates) const;
  Choice searchMemory(const KernelCandidate &start,
                      llvm::ArrayRef<ModeChoice> modes,
                      const ImageSymbols &symbols);
  bool isVouchedFor(const KernelCandidate &candidate,
                    const ImageSymbols &symbols) const;
  bool isConfirmed(PhysAddr root, llvm::ArrayRef<ModeChoice> modes,
                   const ImageSymbols &symbols) const;
  void noteAbsence(const RootGuess &guess);
  bool isShifted(llvm::ArrayRef<RootGuess> guesses,
                 llvm::ArrayRef<RootGuess> byName) const;
  void noteShift(PhysAddr said, PhysAddr found);

  const Dump &dump_;
  const PhysicalMemory &memory_;
  const KernelOverrides &overrides_;
  Diagnostics &diagnostics_;
  Attempts &attempts_;
  bool hasText_ = false;
  /// --root was held against symbols of the kernel.
  bool rootIsJudged_ = false;
};

} // namespace vmpt
