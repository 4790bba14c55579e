// KernelImage.h - the kernel in a dump: where its tables are, and why
#pragma once

#include "dump/formats/Dump.h"
#include "kernel/find/Evidence.h"
#include "kernel/find/FoundKernel.h"
#include "kernel/find/KernelOverrides.h"
#include "kernel/find/Regions.h"
#include "kernel/image/AddressMarkers.h"
#include "kernel/image/KernelVersion.h"
#include "kernel/image/Vmcoreinfo.h"
#include "paging/AddressSpace.h"
#include "support/Diagnostics.h"

#include <map>

namespace vmpt {

struct KernelArch;

/// The dumper of page tables that is in the kernel: `markers` are its own
/// array, whose order and names tell its version.
struct KernelDumper {
  VirtAddr markerArray;
  /// riscv: does it word both software bits as a number, "RSW(%d)" (6.7)?
  std::optional<bool> wordsRswAsNumber;
  /// arm: has a line the level (5.16), and the domain (4.11)? Power: the level
  /// (7.2)?
  std::optional<bool> wordsLevel, wordsDomain;
};

struct KernelImage {
  const KernelArch *arch = nullptr;
  Vmcoreinfo vmcoreinfo;
  /// "6.1.0-56-amd64" out of linux_banner; only where there is no VMCOREINFO.
  std::string bannerRelease;
  /// A copy: SME takes an address bit out of the mode.
  PagingMode mode;
  PhysAddr root; ///< The kernel's own top table.
  /// `root` stands for the kernel's own, which was not found: it is a task's,
  /// whose kernel half is the same.
  bool rootIsOfTask = false;
  /// Why `root` may not be the kernel's own table; empty if it surely is. What
  /// is printed from a doubtful root ends with exit status 1.
  std::string rootDoubt;
  /// All kernels of this memory, where all of it was looked through.
  std::vector<FoundKernel> kernels;
  /// x86: an address bit that means "encrypted" (SME, SEV); else 0.
  uint64_t encryptionMask = 0;
  /// arm64: bits of virtual address in use; fewer than the mode's where a
  /// kernel for 52 bits runs on hardware with 48. 0: the mode's.
  unsigned virtualBits = 0;
  std::vector<AddressMarker> markers;
  /// Where the image lies, if the tables that map it are not in the dump: it
  /// is one piece, and its distance from `root` is known.
  std::optional<LinearPiece> placed;
  /// Ascending; the kernel's image may lie in another region.
  std::vector<KernelRegion> regions;
  /// What the kernel image maps: text, rodata, data. Looked through for what
  /// nothing names.
  std::vector<MappedRun> imageRuns;
  /// Empty where the kernel has no dumper: the markers are then by formula.
  std::optional<KernelDumper> dumper;
  /// Why it has none of its own, though there is an array of them.
  std::string markerFault;
  /// Why sections, and the regions that they are, may start elsewhere than
  /// `markers` say; empty if they surely do not. An answer that names one of
  /// them ends with exit status 1, others do not.
  std::string sectionsDoubt;
  Evidence evidence;

  /// From OSRELEASE, else from linux_banner. A kernel that does not say is
  /// taken for a new one: new wordings are the common case, and `info` shows
  /// that nothing was known.
  KernelVersion version() const {
    std::optional<KernelVersion> known =
        parseKernelVersion(vmcoreinfo.release().value_or(bannerRelease));
    return known.value_or(KernelVersion{~0u, 0});
  }

  /// The lowest of that kind, or null.
  const KernelRegion *findRegion(Region wanted) const {
    for (const KernelRegion &region : regions)
      if (region.region == wanted)
        return &region;
    return nullptr;
  }

  /// Of the kernel's memory, whatever the dump's headers have.
  ByteOrder order() const { return getTraits(mode.arch).order; }
  unsigned wordBytes() const { return getTraits(mode.arch).wordBytes; }

  /// Kernel memory through the root. \p memory may be a recording one.
  AddressSpace addressSpace(const PhysicalMemory &memory) const {
    AddressSpace space(memory, mode, root, order());
    if (placed)
      space.place(*placed);
    return space;
  }
};

/// Finds the kernel, with options that are judged (OptionJudge.h). \p memory is
/// the dump's, or a decorator of it. On failure all that was tried goes to
/// \p tried, if it is not null; the error says what tells most.
llvm::Expected<KernelImage> findKernel(const Dump &dump,
                                       const PhysicalMemory &memory,
                                       const KernelOverrides &overrides,
                                       Diagnostics &diagnostics,
                                       Evidence *tried = nullptr);

} // namespace vmpt
