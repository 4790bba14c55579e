//===- X86Crash.cpp - how Linux on x86 says that it dies ------------------===//
//
// linux v6.12 arch/x86/mm/fault.c show_fault_oops(), dump_pagetable();
// arch/x86/kernel/dumpstack.c __die_header(), traps.c; v4.19 for the sentences
// before 5.1.
//
#include "kernel/find/CrashArch.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace vmpt {

namespace {

using enum OopsFact;
using enum Trap;

constexpr OopsRule rules[] = {
    {"BUG: kernel NULL pointer dereference, address: %x",
     {Address},
     true,
     MemoryFault},
    {"BUG: unable to handle page fault for address: %x",
     {Address},
     true,
     MemoryFault},
    {"BUG: unable to handle kernel NULL pointer dereference at %x",
     {Address},
     true,
     MemoryFault},
    {"BUG: unable to handle kernel paging request at %x",
     {Address},
     true,
     MemoryFault},
    {"kernel tried to execute NX-protected page", {}, true, MemoryFault},
    {"unable to execute userspace code (SMEP?)", {}, true, MemoryFault},
    {"#PF: error_code(%x)", {Code}},
    {"PGD %s", {}, false, Trap::None, {}, {}, true},
    {"*pdpt = %s", {}, false, Trap::None, {}, {}, true},
    {"*pde = %s", {}, false, Trap::None, {}, {}, true},
    {"BAD", {}, false, Trap::None, {}, {}, true},
    {"Oops: general protection fault, probably for non-canonical address "
     "%x: %x [#%d]",
     {Address, Code, Number},
     true,
     GeneralProtection},
    {"general protection fault, probably for non-canonical address %x: %x "
     "[#%d]",
     {Address, Code, Number},
     true,
     GeneralProtection},
    {"Oops: general protection fault, maybe for address %x: %x [#%d]",
     {Address, Code, Number},
     true,
     GeneralProtection},
    {"general protection fault, maybe for address %x: %x [#%d]",
     {Address, Code, Number},
     true,
     GeneralProtection},
    {"Oops: general protection fault: %x [#%d]",
     {Code, Number},
     true,
     GeneralProtection},
    {"general protection fault: %x [#%d]",
     {Code, Number},
     true,
     GeneralProtection},
    {"Oops: stack segment, probably for non-canonical address %x: %x [#%d]",
     {Address, Code, Number},
     true,
     GeneralProtection},
    {"stack segment, probably for non-canonical address %x: %x [#%d]",
     {Address, Code, Number},
     true,
     GeneralProtection},
    {"Oops: stack segment: %x [#%d]", {Code, Number}, true, GeneralProtection},
    {"stack segment: %x [#%d]", {Code, Number}, true, GeneralProtection},
    {"Oops: divide error: %x [#%d]", {Code, Number}, true, Divide},
    {"divide error: %x [#%d]", {Code, Number}, true, Divide},
    // BUG() is ud2; where no sentence says so it is another bad opcode.
    {"Oops: invalid opcode: %x [#%d]", {Code, Number}, true, Trap::Other},
    {"invalid opcode: %x [#%d]", {Code, Number}, true, Trap::Other},
    {"BUG: %s stack guard page was hit at %s (stack is %s)",
     {Message},
     true,
     StackOverflow},
    {"Oops: stack guard page: %x [#%d]", {Code, Number}, true, StackOverflow},
    {"stack guard page: %x [#%d]", {Code, Number}, true, StackOverflow},
    {"kernel stack overflow (double-fault): %x [#%d]",
     {Code, Number},
     true,
     StackOverflow},
    {"traps: PANIC: double fault, error_code: %x", {Code}, true, Trap::Other},
    {"PANIC: double fault, error_code: %x", {Code}, true, Trap::Other},
    {"Oops: double fault: %x [#%d]", {Code, Number}, true, Trap::Other},
    {"double fault: %x [#%d]", {Code, Number}, true, Trap::Other},
    // 6.10 and later say "Oops: " before every title.
    {"Oops: Oops: %x [#%d]", {Code, Number}, true, MemoryFault},
    {"Oops: %x [#%d]", {Code, Number}, true, MemoryFault},
    {"Oops: %s: %x [#%d]", {Message, Code, Number}, true, Trap::Other},
    {"Oops: Bad pagetable: %x [#%d]", {Code, Number}, true, MemoryFault},
    {"Bad pagetable: %x [#%d]", {Code, Number}, true, MemoryFault},
    {"%s: Corrupted page table at address %x",
     {OopsFact::Skip, Address},
     true,
     MemoryFault},
    {"%s: %x [#%d]", {Message, Code, Number}, true, Trap::Other},
    {"RIP: 0010:[<%s>] [<%s>] %s", {OopsFact::Skip, OopsFact::Skip, Ip}},
    {"RIP: 0010:%s", {Ip}},
    {"EIP: 0060:[<%s>] %s", {OopsFact::Skip}},
    {"EIP: %s", {Ip}},
    {"IP: %s", {Ip}},
};

/// [intel/vol3] 4.7 "Page-Fault Exceptions"; worded as show_fault_oops() does.
FaultCode decodeCode(uint64_t code) {
  FaultCode fault;
  fault.isUserMode = code & bit(2);
  fault.access = code & bit(4)   ? FaultAccess::Execute
                 : code & bit(1) ? FaultAccess::Write
                                 : FaultAccess::Read;
  const char *cause = "not-present page";
  fault.cause = FaultCause::NotPresent;
  if (code & bit(3)) {
    fault.cause = FaultCause::ReservedBit;
    cause = "reserved bit violation";
  } else if (code & bit(5)) {
    fault.cause = FaultCause::Permission;
    cause = "protection keys violation";
  } else if (code & bit(0)) {
    fault.cause = FaultCause::Permission;
    cause = "permissions violation";
  }
  llvm::raw_string_ostream os(fault.sentence);
  os << (fault.isUserMode ? "user " : "supervisor ")
     << (fault.access == FaultAccess::Execute ? "instruction fetch"
         : fault.access == FaultAccess::Write ? "write access"
                                              : "read access")
     << ", error_code(" << llvm::format_hex(code, 6) << ") - " << cause;
  os.flush();
  return fault;
}

constexpr uint64_t presentBit = bit(0), pageSizeBit = bit(7),
                   globalBit = bit(8);

/// pud_large() and kin; pmd_present() is also true of PSE alone, and of
/// PROT_NONE, which is the global bit (linux arch/x86/include/asm/pgtable.h).
bool goesDown(uint64_t entry, unsigned level, const PagingMode &mode) {
  const unsigned fromLast = mode.lastLevel() - level;
  const bool isPresent = fromLast == 1
                             ? entry & (presentBit | globalBit | pageSizeBit)
                             : entry & presentBit;
  return isPresent && !(entry & pageSizeBit);
}

/// The handler looks whether a table can be read before it reads an entry.
bool isBad(const KernelWalk &walk) {
  return walk.absent && walk.absent->absence == Absence::OutsideRam;
}

WalkText printWalk64(const WalkQuery &query) {
  static constexpr const char *names[] = {"PGD ", "P4D ", "PUD ", "PMD ",
                                          "PTE "};
  // "x86/mm: Add support for 5-level paging" (4.12) brought the P4D.
  const bool hasP4d = query.kernel.version() >= KernelVersion{4, 12};
  WalkText text;
  llvm::raw_string_ostream os(text.line);
  forEachWalkName(query.mode, query.walk, [&](unsigned name, uint64_t value) {
    if (name == 1 && !hasP4d)
      return;
    os << names[name] << llvm::format("%llx", (unsigned long long)value);
    if (name != maxLevels - 1)
      os << ' ';
  });
  if (isBad(query.walk))
    os << "BAD";
  os.flush();
  return text;
}

/// PAE has a "*pdpt"; without it the page directory is the root.
WalkText printWalk32(const WalkQuery &query) {
  const unsigned digits = query.mode.entryBytes * 2;
  const unsigned last = query.mode.lastLevel();
  WalkText text;
  llvm::raw_string_ostream os(text.line);
  for (const TranslationStep &step : query.walk.steps) {
    const bool isTop = query.mode.levelCount == 3 && step.level == 0;
    os << (isTop                ? "*pdpt = "
           : step.level == last ? "*pte = "
                                : "*pde = ")
       << llvm::format_hex_no_prefix(step.entry, isTop ? 16 : digits) << ' ';
  }
  os.flush();
  return text;
}

/// Since 5.8 asm_exc_*; before, the bare names (linux v5.7
/// arch/x86/entry/entry_64.S).
constexpr HandlerTrap handlers[] = {
    {"asm_exc_page_fault", MemoryFault},
    {"page_fault", MemoryFault},
    {"async_page_fault", MemoryFault},
    {"asm_exc_general_protection", GeneralProtection},
    {"general_protection", GeneralProtection},
    {"asm_exc_stack_segment", GeneralProtection},
    {"stack_segment", GeneralProtection},
    {"asm_exc_divide_error", Divide},
    {"divide_error", Divide},
    {"asm_exc_invalid_op", Bug},
    {"invalid_op", Bug},
    {"asm_exc_double_fault", StackOverflow},
    {"double_fault", StackOverflow},
};

} // namespace

// The error code that the CPU pushed is not there any more: the entry code puts
// -1 in its place (linux arch/x86/entry/entry_64.S idtentry_body).
const CrashArch crashArchX86_64 = {
    .oopsRules = rules,
    .decodeCode = decodeCode,
    .goesDown = goesDown,
    .printWalk = printWalk64,
    .saved = {.ip = "ip",
              .sp = "sp",
              .mode = "cs",
              .modeMask = 0xffff,
              .kernelModes = {0x10, 0x10},
              .hasHandlerBelow = true},
    .handlers = handlers,
    .ipRegister = "rip",
    .spRegister = "rsp",
    .faultRegister = "cr2",
};

// The stack pointer of kernel code is not pushed: what says "sp" is no place
// where one was.
const CrashArch crashArchI386 = {
    .oopsRules = rules,
    .decodeCode = decodeCode,
    .goesDown = goesDown,
    .printWalk = printWalk32,
    .saved = {.ip = "ip",
              .sp = "",
              .mode = "cs",
              .modeMask = 0xffff,
              .kernelModes = {0x60, 0x60},
              .alignment = 4,
              .hasHandlerBelow = false},
    .handlers = handlers,
    .ipRegister = "eip",
    .spRegister = "esp",
    .faultRegister = "cr2",
};

} // namespace vmpt
