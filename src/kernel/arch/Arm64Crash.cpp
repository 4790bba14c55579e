//===- Arm64Crash.cpp - how Linux on arm64 says that it dies --------------===//
//
// linux v6.12 arch/arm64/mm/fault.c die_kernel_fault(), show_pte(), fault_info;
// arch/arm64/kernel/traps.c, esr.h; [arm/arm] "ESR_EL1".
//
#include "kernel/find/CrashArch.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace vmpt {

namespace {

using enum OopsFact;
using enum Trap;

constexpr OopsRule rules[] = {
    {"Unable to handle kernel %s at virtual address %x",
     {Message, Address},
     true,
     MemoryFault},
    {"ESR = %x", {Code}},
    {"user pgtable: %s", {}, false, Trap::None, {}, {}, false, true},
    {"swapper pgtable: %s", {}, false, Trap::None, {}, {}, false, true},
    {"[%x] pgd=%s", {}, false, Trap::None, {}, {}, true},
    {"[%x] *pgd=%s", {}, false, Trap::None, {}, {}, true},
    {"[%x] address between user and kernel address ranges",
     {},
     false,
     Trap::None,
     {},
     {},
     true},
    {"[%x] user address but active_mm is swapper",
     {},
     false,
     Trap::None,
     {},
     {},
     true},
    {"Internal error: Oops - BUG: %x [#%d]", {Code, Number}, true, Bug},
    {"Internal error: Oops: %x [#%d]", {Code, Number}, true, MemoryFault},
    {"Internal error: %s: %x [#%d]",
     {Message, Code, Number},
     true,
     Trap::Other},
    {"Insufficient stack space to handle exception!", {}, true, StackOverflow},
    {"ESR: %x", {Code}},
    {"FAR: %x", {Address}},
    {"Task stack: [%x..%x]", {StackFirst, StackEnd}},
    {"pc : %s", {Ip}},
    {"PC is at %s", {Ip}},
};

std::string levelOf(unsigned code) {
  return "level " + std::to_string(code & 3);
}

/// The fault status code, as esr_to_fault_info() names it.
std::string describeStatus(unsigned code, FaultCause &cause) {
  cause = FaultCause::Other;
  if (code == 0x29 || code < 4) {
    cause = FaultCause::ReservedBit;
    return (code < 4 ? levelOf(code) : "level -1") + " address size fault";
  }
  if (code == 0x2b || (code >= 4 && code < 8)) {
    cause = FaultCause::NotPresent;
    return (code < 8 ? levelOf(code) : "level -1") + " translation fault";
  }
  if (code >= 8 && code < 12)
    return levelOf(code) + " access flag fault";
  if (code >= 12 && code < 16) {
    cause = FaultCause::Permission;
    return levelOf(code) + " permission fault";
  }
  switch (code) {
  case 0x10:
    return "synchronous external abort";
  case 0x11:
    return "synchronous tag check fault";
  case 0x18:
    return "synchronous parity or ECC error";
  case 0x21:
    return "alignment fault";
  case 0x30:
    return "TLB conflict abort";
  }
  return "fault status " + hex(code);
}

FaultCode decodeCode(uint64_t esr) {
  const unsigned exceptionClass = (esr >> 26) & 63, status = esr & 63;
  FaultCode fault;
  const bool isFetch = exceptionClass == 0x20 || exceptionClass == 0x21;
  const bool isData = exceptionClass == 0x24 || exceptionClass == 0x25;
  fault.isUserMode = exceptionClass == 0x20 || exceptionClass == 0x24;
  if (!isFetch && !isData) {
    fault.cause = FaultCause::Other;
    fault.sentence = "exception class " + hex(exceptionClass);
    return fault;
  }
  fault.access = isFetch        ? FaultAccess::Execute
                 : esr & bit(6) ? FaultAccess::Write
                                : FaultAccess::Read;
  fault.sentence = std::string(isFetch ? "instruction abort" : "data abort") +
                   (fault.isUserMode ? " of user code, " : " of the kernel, ") +
                   (isFetch                              ? "fetch"
                    : fault.access == FaultAccess::Write ? "write"
                                                         : "read") +
                   ", " + describeStatus(status, fault.cause);
  return fault;
}

/// p4d_bad() and kin look at the table bit, pmd_bad() at both.
bool goesDown(uint64_t entry, unsigned level, const PagingMode &mode) {
  const bool isPmd = mode.lastLevel() - level == 1;
  return isPmd ? (entry & 3) == 3 : (entry & 2) != 0;
}

WalkText printWalk(const WalkQuery &query) {
  // "arm64: add support for folded p4d page tables" (5.8); 4.17 and before
  // print pointers instead of the table's address, which is hashed since.
  const bool hasP4d = query.kernel.version() >= KernelVersion{5, 8};
  static constexpr const char *names[] = {"pgd", "p4d", "pud", "pmd", "pte"};
  WalkText text;
  const uint64_t address = query.walk.address.value;
  const unsigned virtualBits = query.kernel.virtualBits
                                   ? query.kernel.virtualBits
                                   : query.mode.virtualBits;
  llvm::raw_string_ostream os(text.line);
  os << '[' << llvm::format_hex_no_prefix(address, 16) << ']';
  if (address >> virtualBits && ~address >> virtualBits) {
    os << " address between user and kernel address ranges";
    os.flush();
    return text;
  }
  if (address <= lowBits(virtualBits) && query.isKernelTable) {
    os << " user address but active_mm is swapper";
    os.flush();
    return text;
  }
  llvm::raw_string_ostream header(text.header);
  header << (query.isKernelTable ? "swapper" : "user")
         << " pgtable: " << (bit(query.mode.pageShift) >> 10) << "k pages, "
         << virtualBits << "-bit VAs, pgdp="
         << llvm::format_hex_no_prefix(query.walk.root.value, 16);
  header.flush();
  const char *separator = " ";
  forEachWalkName(query.mode, query.walk, [&](unsigned name, uint64_t value) {
    if (name == 1 && !hasP4d)
      return;
    os << separator << names[name] << '='
       << llvm::format_hex_no_prefix(value, 16);
    separator = ", ";
  });
  os.flush();
  return text;
}

/// The general registers of an instruction; 31 is the stack pointer or zero.
class Operands {
public:
  Operands(uint32_t instruction, llvm::ArrayRef<uint64_t> general, uint64_t sp)
      : instruction_(instruction), general_(general), sp_(sp) {}

  uint64_t field(unsigned high, unsigned low) const {
    return (instruction_ >> low) & lowBits(high - low + 1);
  }
  int64_t signedField(unsigned high, unsigned low) const {
    return int64_t(signExtend(field(high, low), high - low + 1));
  }
  uint64_t base() const {
    const uint64_t number = field(9, 5);
    return number == 31 ? sp_ : general_[number];
  }
  /// [arm/arm] "LDR (register)": Rm, extended by `option`.
  uint64_t offset(unsigned scale) const {
    const uint64_t number = field(20, 16), option = field(15, 13);
    uint64_t value = number == 31 ? 0 : general_[number];
    if (option == 2)
      value = uint32_t(value);
    else if (option == 6)
      value = signExtend(value & lowBits(32), 32);
    return value << (field(12, 12) ? scale : 0);
  }

private:
  const uint32_t instruction_;
  const llvm::ArrayRef<uint64_t> general_;
  const uint64_t sp_;
};

/// [arm/arm] C4.1 "Loads and Stores", those that kernels are made of. With a
/// write-back that did not happen the base is what it was.
std::optional<DecodedAccess> decodeAccess(uint32_t instruction,
                                          llvm::ArrayRef<uint64_t> general,
                                          uint64_t sp) {
  if (general.size() < 31)
    return std::nullopt;
  const Operands op(instruction, general, sp);
  const bool isVector = op.field(26, 26);
  const auto result = [&](uint64_t address, bool isLoad) {
    return DecodedAccess{VirtAddr(address),
                         isLoad ? FaultAccess::Read : FaultAccess::Write};
  };
  if (op.field(29, 27) == 5) { // pairs
    const unsigned scale = isVector ? 2 + unsigned(op.field(31, 30))
                                    : 2 + unsigned(op.field(31, 31));
    const bool isPost = op.field(25, 23) == 1;
    const uint64_t offset =
        isPost ? 0 : uint64_t(op.signedField(21, 15)) << scale;
    return result(op.base() + offset, op.field(22, 22));
  }
  if (op.field(29, 24) == 8) // exclusive, ordered
    return result(op.base(), op.field(22, 22));
  if (op.field(29, 27) != 7)
    return std::nullopt;
  const uint64_t kind = op.field(23, 22);
  const bool isLoad = isVector ? kind & 1 : kind != 0;
  unsigned scale = unsigned(op.field(31, 30));
  if (isVector && kind & 2)
    scale = 4;
  if (op.field(25, 24) == 1) // unsigned offset
    return result(op.base() + (op.field(21, 10) << scale), isLoad);
  if (op.field(25, 24) != 0)
    return std::nullopt;
  const uint64_t form = op.field(11, 10);
  if (!op.field(21, 21)) // unscaled, post-indexed, unprivileged, pre-indexed
    return result(form == 1 ? op.base()
                            : op.base() + uint64_t(op.signedField(20, 12)),
                  isLoad);
  if (form == 2)
    return result(op.base() + op.offset(scale), isLoad);
  if (form == 0 && !isVector) // atomics
    return result(op.base(), false);
  return std::nullopt;
}

/// linux v6.12 arch/arm64/mm/fault.c, kernel/traps.c.
constexpr HandlerTrap handlers[] = {
    {"die_kernel_fault", MemoryFault},
    {"panic_bad_stack", StackOverflow},
    {"handle_bad_stack", StackOverflow},
    {"bug_handler", Bug},
    {"bug_brk_handler", Bug},
};

} // namespace

const CrashArch crashArchArm64 = {
    .oopsRules = rules,
    .decodeCode = decodeCode,
    .codeNamesException = true,
    .goesDown = goesDown,
    .printWalk = printWalk,
    // EL1h, or EL2h where the kernel runs with VHE.
    .saved = {.ip = "pc",
              .sp = "sp",
              .mode = "pstate",
              .modeMask = 0x1f,
              .kernelModes = {0x5, 0x9},
              .general = "regs"},
    .decodeAccess = decodeAccess,
    .handlers = handlers,
    .signsReturnAddresses = true,
    .ipRegister = "pc",
    .spRegister = "sp",
};

} // namespace vmpt
