//===- KernelOverrides.h - what the user knows better than the dump -------===//
#pragma once

#include "memory/Arch.h"
#include "support/Address.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vmpt {

/// The options that say something of the kernel in the dump.
enum class KernelOption : uint8_t {
  Arch,
  Root,
  Levels,
  VirtualBits,
  Granule,
  PhysBase,
  Vmcoreinfo,
};

/// Each goes before what is found, unless the dump proves something else.
struct KernelOverrides {
  std::optional<Arch> arch;
  std::optional<PhysAddr> root;
  /// A task's table, where nothing else leads to the kernel.
  std::optional<PhysAddr> taskRoot;
  std::optional<unsigned> levels;
  std::optional<unsigned> virtualBits; ///< arm64: of the upper half in use.
  std::optional<uint64_t> granule;     ///< arm64: bytes of a page.
  std::optional<uint64_t> physBase;
  std::optional<std::string> vmcoreinfoText; ///< Of --vmcoreinfo FILE.
  /// Which of several kernels in one memory (FoundKernels.h). It contradicts
  /// nothing, and so is none of given().
  std::optional<uint64_t> kernelNumber;
  /// Look for all of them, even where the first that is found proves itself.
  bool listsKernels = false;
  /// Take also what the dump proves to be wrong.
  bool force = false;

  /// Those that are given, in the order of the enumeration.
  std::vector<KernelOption> given() const;
  /// As it is typed: "--levels 5".
  std::string describe(KernelOption option) const;
};

} // namespace vmpt
