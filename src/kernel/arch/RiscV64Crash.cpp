//===- RiscV64Crash.cpp - how Linux on RISC-V says that it dies -----------===//
//
// linux v6.12 arch/riscv/mm/fault.c die_kernel_fault(), no_context();
// arch/riscv/kernel/traps.c, process.c __show_regs(). show_pte() came after
// 6.12 ("riscv: mm: Add show_pte()"); where the log has its line, the kernel
// has it.
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
    {"Unable to handle %s at virtual address %x",
     {Message, Address},
     true,
     MemoryFault},
    {"Current %s pgtable: %s", {}, false, Trap::None, {}, {}, false, true},
    {"[%x] pgd=%s", {}, false, Trap::None, {}, {}, true},
    {"Oops [#%d]", {Number}, true, MemoryFault},
    {"Kernel BUG [#%d]", {Number}, true, Bug},
    {"Insufficient stack space to handle exception!", {}, true, StackOverflow},
    {"Task stack: [%x..%x]", {StackFirst, StackEnd}},
    {"epc : %x ra", {OopsFact::Skip}},
    {"epc : %s", {Ip}},
    {"status: %x badaddr: %x cause: %x", {OopsFact::Skip, Address, Code}},
};

/// [riscv/priv] "Supervisor Cause Register". That the page was not there or
/// did not allow the access is not told apart.
FaultCode decodeCode(uint64_t cause) {
  FaultCode fault;
  switch (cause) {
  case 1:
  case 12:
    fault.access = FaultAccess::Execute;
    break;
  case 5:
  case 13:
    fault.access = FaultAccess::Read;
    break;
  case 7:
  case 15:
    fault.access = FaultAccess::Write;
    break;
  default:
    fault.cause = FaultCause::Other;
    fault.sentence = "exception cause " + std::to_string(cause);
    return fault;
  }
  const bool isPageFault = cause >= 12;
  if (!isPageFault)
    fault.cause = FaultCause::Other;
  fault.sentence =
      std::string(fault.access == FaultAccess::Execute ? "instruction"
                  : fault.access == FaultAccess::Read  ? "load"
                                                       : "store") +
      (isPageFault ? " page fault" : " access fault");
  return fault;
}

/// A table has V and none of R, W, X.
bool goesDown(uint64_t entry, unsigned, const PagingMode &) {
  return (entry & 0xf) == 1;
}

WalkText printWalk(const WalkQuery &query) {
  static constexpr const char *names[] = {"pgd", "p4d", "pud", "pmd", "pte"};
  WalkText text;
  llvm::raw_string_ostream header(text.header), os(text.line);
  header << "Current " << query.comm
         << " pgtable: " << (bit(query.mode.pageShift) >> 10) << "K pagesize, "
         << unsigned(query.mode.virtualBits)
         << "-bit VAs, pgdp=" << llvm::format_hex(query.walk.root.value, 18);
  header.flush();
  os << '[' << llvm::format_hex_no_prefix(query.walk.address.value, 16) << "] ";
  const char *separator = "";
  forEachWalkName(query.mode, query.walk, [&](unsigned name, uint64_t value) {
    os << separator << names[name] << '='
       << llvm::format_hex_no_prefix(value, 16);
    separator = ", ";
  });
  os.flush();
  return text;
}

/// linux v6.12 arch/riscv/mm/fault.c, kernel/traps.c.
constexpr HandlerTrap handlers[] = {
    {"die_kernel_fault", MemoryFault},
    {"handle_bad_stack", StackOverflow},
    {"handle_break", Bug},
};

} // namespace

const CrashArch crashArchRiscV64 = {
    .oopsRules = rules,
    .decodeCode = decodeCode,
    .codeNamesException = true,
    .goesDown = goesDown,
    .printWalk = printWalk,
    // SR_SPP: it came from the kernel.
    .saved = {.ip = "epc",
              .sp = "sp",
              .mode = "status",
              .modeMask = 0x100,
              .kernelModes = {0x100, 0x100},
              .code = "cause",
              .address = "badaddr"},
    .handlers = handlers,
    .ipRegister = "pc",
    .spRegister = "sp",
};

} // namespace vmpt
