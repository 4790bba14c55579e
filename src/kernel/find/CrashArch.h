//===- CrashArch.h - how a kernel of an architecture says that it dies ----===//
//
// What `vmpt explain` has to know of an architecture, as tables and a few
// functions: the sentences of its oops, what a fault's code means, where
// exceptions save registers, and the line in which the kernel prints the way of
// the faulting address through its tables.
//
#pragma once

#include "kernel/find/KernelImage.h"
#include "paging/Translate.h"

#include <array>

namespace vmpt {

/// What kind of event stopped the code.
enum class Trap : uint8_t {
  None,
  MemoryFault, ///< The MMU said no.
  GeneralProtection,
  StackOverflow,
  Divide,
  Bug, ///< BUG(), or an instruction that stands for it.
  Other,
};

enum class FaultAccess : uint8_t { Unknown, Read, Write, Execute };
enum class FaultCause : uint8_t {
  Unknown,
  NotPresent,
  Permission,
  ReservedBit, ///< Of an entry; arm64: an address that is too wide.
  Other,
};

/// Whose address it is, where addresses do not tell (s390x).
enum class FaultSpace : uint8_t { Unknown, Kernel, User };

/// x86's error code, arm64's ESR_EL1, riscv's scause, in words.
struct FaultCode {
  FaultAccess access = FaultAccess::Unknown;
  FaultCause cause = FaultCause::Unknown;
  bool isUserMode = false; ///< User code did it.
  FaultSpace space = FaultSpace::Unknown;
  std::optional<VirtAddr> address; ///< The page, if the code has it.
  std::string sentence;
};

/// What a part of a line of the log says.
enum class OopsFact : uint8_t {
  Skip,
  Address, ///< That was accessed.
  Code,    ///< For decodeCode().
  Ip,      ///< "rd+0x5/0x13 [lab_crash]"
  Number,  ///< Of the oops, "#1".
  Message, ///< Text that names the event.
  StackFirst,
  StackEnd,
  Space, ///< "kernel", "user".
  Root,  ///< The table in use, as a register has it.
};

/// A line of the log begins like `pattern`, blanks before it aside; a blank is
/// one or more; %x is hex digits (0x before them or
/// not), %d decimal ones, %s any text up to what follows in the pattern, or to
/// the end of the line. Each of them is a fact.
struct OopsRule {
  llvm::StringLiteral pattern;
  std::array<OopsFact, 3> facts = {};
  /// Begins an event, or goes on with one that has not said its CPU yet.
  bool opens = false;
  Trap trap = Trap::None;
  FaultAccess access = FaultAccess::Unknown;
  FaultCause cause = FaultCause::Unknown;
  /// The whole line is the way through the tables, or what stands above it.
  bool isWalk = false, isWalkHeader = false;
};

/// The way of an address as the kernel's fault handler goes it: not the MMU's,
/// which looks at other bits.
struct KernelWalk {
  VirtAddr address;
  PhysAddr root;
  llvm::SmallVector<TranslationStep, maxLevels> steps;
  /// The entry that would have been next is not in the dump.
  std::optional<AbsentByte> absent;
};

struct WalkQuery {
  const KernelImage &kernel;
  const PagingMode &mode; ///< Of the table.
  const KernelWalk &walk;
  bool isKernelTable = false; ///< arm64, riscv: swapper_pg_dir.
  llvm::StringRef comm;
  /// For entries that the kernel shows besides; null: those are left out.
  const PhysicalMemory *memory = nullptr;
  /// The table as the log has it (OopsFact::Root).
  std::optional<uint64_t> rootInLog = std::nullopt;
};

struct WalkText {
  std::string header; ///< Of a line above; or empty.
  std::string line;   ///< Empty: this kernel prints none.
};

/// An exception by a function on the stack: the one that the saved registers
/// lie above, where hasHandlerBelow.
struct HandlerTrap {
  llvm::StringLiteral function;
  Trap trap;
};

/// struct pt_regs, as exceptions save it on the stack; "regs[13]" is an element
/// of an array of words.
struct SavedRegistersShape {
  llvm::StringLiteral ip, sp;
  llvm::StringLiteral mode; ///< The member that tells kernel from user code ...
  uint64_t modeMask = 0;
  std::array<uint64_t, 2> kernelModes = {}; ///< ... by these values.
  llvm::StringLiteral code = "", address = "";
  llvm::StringLiteral general = ""; ///< An array, for decodeAccess().
  uint64_t alignment = 16; ///< Of the stack pointer before they are pushed.
  /// The return address below them is in the function that was entered.
  bool hasHandlerBelow = false;
};

/// What an instruction accesses.
struct DecodedAccess {
  VirtAddr address;
  FaultAccess access;
};

struct CrashArch {
  llvm::ArrayRef<OopsRule> oopsRules;
  FaultCode (*decodeCode)(uint64_t code);
  /// The code is of every exception; else of memory faults alone.
  bool codeNamesException = false;
  /// Does the handler look into the table that \p entry names?
  bool (*goesDown)(uint64_t entry, unsigned level, const PagingMode &mode) =
      [](uint64_t entry, unsigned level, const PagingMode &mode) {
        return mode.decode(entry, level).isTable();
      };
  WalkText (*printWalk)(const WalkQuery &) = [](const WalkQuery &) {
    return WalkText();
  };
  SavedRegistersShape saved;
  /// Of the instruction at the saved ip, where neither registers nor the stack
  /// keep the address of a fault. Null: they do.
  std::optional<DecodedAccess> (*decodeAccess)(uint32_t instruction,
                                               llvm::ArrayRef<uint64_t> general,
                                               uint64_t sp) = nullptr;
  llvm::ArrayRef<HandlerTrap> handlers = {};
  /// Return addresses on the stack have a signature in the bits that are not
  /// translated, bit 55 aside (arm64 pointer authentication).
  bool signsReturnAddresses = false;
  /// In the notes.
  llvm::StringLiteral ipRegister = "", spRegister = "";
  /// The register in the notes with a bit that is set while user code runs,
  /// where the address of the instruction does not tell.
  llvm::StringLiteral modeRegister = "";
  uint64_t userModeMask = 0;
  /// The register in the notes that keeps the last faulting address.
  llvm::StringLiteral faultRegister = "";
};

// Defined in kernel/arch/.
#define VMPT_ARCH(X, x) extern const CrashArch crashArch##X;
#include "memory/Archs.def"

/// "pgd" to "pte" with the value of each, folded levels too: they are the same
/// entry as the level below the fold. \p visit gets 0 (pgd) to 4 (pte).
inline void
forEachWalkName(const PagingMode &mode, const KernelWalk &walk,
                llvm::function_ref<void(unsigned, uint64_t)> visit) {
  const unsigned folded = maxLevels - mode.levelCount;
  for (const TranslationStep &step : walk.steps) {
    if (step.level == 0)
      for (unsigned name = 0; name < folded; ++name)
        visit(name, step.entry);
    visit(folded + step.level, step.entry);
  }
}

} // namespace vmpt
