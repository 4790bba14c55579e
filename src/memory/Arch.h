//===- Arch.h - architectures, and what files of dumps say about them -----===//
//
// What a container has to know of an architecture, as a row of numbers and
// names. Everything else about it is in the three files that bear its name.
//
#pragma once

#include "llvm/ADT/StringRef.h"

#include <bit>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

namespace vmpt {

enum class Arch : uint8_t {
#define VMPT_ARCH(X, x) X,
#include "memory/Archs.def"
};

/// All of them, in the order of Archs.def.
inline constexpr Arch allArchs[] = {
#define VMPT_ARCH(X, x) Arch::X,
#include "memory/Archs.def"
};

/// Where elf_prstatus, the descriptor of an NT_PRSTATUS note, keeps what we
/// want. Its size tells architectures apart where the container does not.
struct PrstatusLayout {
  uint32_t sizeBytes = 0;
  uint8_t pidOffset = 0, registersOffset = 0;
  /// Words one after the other, with the names of the architecture's manual.
  std::span<const llvm::StringLiteral> registers;
};

/// A note of a CPU's system registers, of owner LINUX: words one after the
/// other.
struct RegisterNote {
  uint32_t type = 0; ///< NT_*
  uint8_t wordBytes = 0;
  std::span<const llvm::StringLiteral> registers;
};

struct ArchTraits {
  /// CPUs of one family run each other's code: the container may have met a
  /// 64-bit kernel while its CPU was in 32-bit firmware.
  llvm::StringLiteral family = "";
  /// Other names: of `uname -m`, of distributions, of QEMU's targets.
  std::span<const llvm::StringLiteral> aliases;
  uint16_t elfMachine = 0; ///< EM_*
  /// ELFCLASS* that its files have, if another architecture has the rest; 0
  /// takes both, as 32-bit files of 64-bit x86 and their opposite do exist.
  uint8_t elfClass = 0;
  uint8_t wordBytes = 0; ///< Of a register, a pointer, an unsigned long.
  /// Of the kernel's memory. Headers of a dump may have another, and so may
  /// page tables (PagingMode).
  std::endian order = std::endian::little;
  /// QEMU writes dumps of little-endian guests as of big-endian ones (Power).
  bool isDumpedInBothOrders = false;
  PrstatusLayout prstatus;
  std::span<const RegisterNote> systemNotes = {};
};

const ArchTraits &getTraits(Arch arch);

/// "x86_64", "arm64", ...: the names that Linux uses.
llvm::StringRef getArchName(Arch arch);
/// All names: "arm64, x86_64, ...".
std::string listArchNames();
/// Also takes the common aliases (amd64, x86-64, aarch64, i686, ...).
std::optional<Arch> parseArch(llvm::StringRef name);
/// By e_machine and EI_CLASS of an ELF file.
std::optional<Arch> findElfArch(uint16_t machine, uint8_t elfClass);

} // namespace vmpt
