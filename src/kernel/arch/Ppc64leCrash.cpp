//===- Ppc64leCrash.cpp - how Linux on Power says that it dies ------------===//
//
// linux v6.12 arch/powerpc/mm/fault.c __bad_page_fault(), kernel/traps.c
// oops_begin(), __die(), kernel/process.c __show_regs(). The kernel shows no
// way through its tables.
//
#include "kernel/find/CrashArch.h"

namespace vmpt {

namespace {

using enum OopsFact;
using enum Trap;

constexpr OopsRule rules[] = {
    {"BUG: %s on write at %x",
     {Message, Address},
     true,
     MemoryFault,
     FaultAccess::Write},
    {"BUG: %s on read at %x",
     {Message, Address},
     true,
     MemoryFault,
     FaultAccess::Read},
    // Also where no register says more: a hash MMU's DataSegment exceptions.
    {"BUG: Kernel NULL pointer dereference at %x",
     {Address},
     true,
     MemoryFault},
    {"BUG: Unable to handle kernel instruction fetch",
     {},
     true,
     MemoryFault,
     FaultAccess::Execute},
    {"BUG: Unable to handle %s at %x", {Message, Address}, true, MemoryFault},
    // Up to 5.0.
    {"Unable to handle kernel paging request for instruction fetch",
     {},
     true,
     MemoryFault,
     FaultAccess::Execute},
    {"Unable to handle kernel paging request for data at address %x",
     {Address},
     true,
     MemoryFault},
    {"Oops: Kernel stack overflow, sig: %d [#%d]",
     {OopsFact::Skip, Number},
     true,
     StackOverflow},
    {"Oops: %s, sig: %d [#%d]", {Message, OopsFact::Skip, Number}, true, Other},
    {"CFAR: %x DAR: %x DSISR: %x", {OopsFact::Skip, Address, Code}},
    {"DAR: %x DSISR: %x", {Address, Code}},
    {"NIP [%x] %s", {OopsFact::Skip, Ip}},
};

/// [power/isa3] Book III 7.5.3 "Data Storage Interrupt": DSISR, by the names of
/// linux arch/powerpc/include/asm/reg.h.
FaultCode decodeCode(uint64_t dsisr) {
  constexpr struct {
    uint64_t bit;
    FaultCause cause;
    llvm::StringLiteral text;
  } causes[] = {
      {bit(30), FaultCause::NotPresent, "no translation found"},
      {bit(27), FaultCause::Permission, "protection fault"},
      {bit(26), FaultCause::Other, "bad access"},
      {bit(21), FaultCause::Permission, "key fault"},
      {bit(19), FaultCause::ReservedBit, "tables that the MMU does not take"},
      {bit(17), FaultCause::Other, "process table fault"},
  };
  constexpr uint64_t store = bit(25);
  FaultCode fault;
  fault.access = dsisr & store ? FaultAccess::Write : FaultAccess::Read;
  fault.sentence = dsisr & store ? "store" : "load";
  for (const auto &[mask, cause, text] : causes)
    if (dsisr & mask) {
      fault.cause = cause;
      fault.sentence += ", " + text.str();
      return fault;
    }
  return fault;
}

/// linux v6.12 arch/powerpc/mm/fault.c, kernel/traps.c
constexpr HandlerTrap handlers[] = {
    {"do_page_fault", MemoryFault},
    {"program_check_exception", Bug},
    {"kernel_bad_stack", StackOverflow},
};

} // namespace

const CrashArch crashArchPpc64le = {
    .oopsRules = rules,
    .decodeCode = decodeCode,
    // MSR[PR]: user code.
    .saved = {.ip = "nip",
              .sp = "gpr[1]",
              .mode = "msr",
              .modeMask = bit(14),
              .kernelModes = {0, 0},
              .code = "dsisr",
              .address = "dar"},
    .handlers = handlers,
    .ipRegister = "nip",
    .spRegister = "r1",
};

} // namespace vmpt
