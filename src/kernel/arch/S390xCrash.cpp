//===- S390xCrash.cpp - how Linux on IBM Z says that it dies --------------===//
//
// linux v6.12 arch/s390/mm/fault.c do_no_context(), dump_fault_info(),
// dump_pagetable(); arch/s390/kernel/dumpstack.c die(), show_registers().
//
#include "kernel/find/CrashArch.h"
#include "paging/modes/S390x.h"

#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"

namespace vmpt {

namespace {

using enum OopsFact;
using enum Trap;

constexpr OopsRule rules[] = {
    {"Unable to handle kernel %s in virtual %s address space",
     {Message, OopsFact::Space},
     true,
     MemoryFault},
    {"Failing address: %x TEID: %x", {Address, Code}},
    {"Fault in %s mode while using %s ASCE.",
     {OopsFact::Skip, OopsFact::Space},
     false,
     Trap::None,
     {},
     {},
     false,
     true},
    {"AS:%x R%s", {Root}, false, Trap::None, {}, {}, true},
    {"AS:%x S%s", {Root}, false, Trap::None, {}, {}, true},
    {"Oops: %x ilc:%d [#%d]", {OopsFact::Skip, OopsFact::Skip, Number}, true},
    {"kernel BUG at %s", {Message}, true, Bug},
    {"monitor event: %x ilc:%d [#%d]",
     {OopsFact::Skip, OopsFact::Skip, Number},
     true,
     Bug},
    {"fixpoint divide exception: %x ilc:%d [#%d]",
     {OopsFact::Skip, OopsFact::Skip, Number},
     true,
     Divide},
    {"kernel stack overflow %s", {}, true, StackOverflow},
    {"Krnl PSW : %x %x (%s)", {OopsFact::Skip, OopsFact::Skip, Ip}},
};

/// The translation-exception identification: [ibm/pop] "Translation-Exception
/// Identification", linux arch/s390/include/asm/fault.h. Which table is used
/// for which space: linux v6.12 arch/s390/mm/fault.c get_fault_type(), of what
/// the kernel does itself.
FaultCode decodeCode(uint64_t teid) {
  FaultCode fault;
  fault.address = VirtAddr(teid & ~lowBits(12));
  switch (teid >> 10 & 3) { // fsi
  case 1:
    fault.access = FaultAccess::Write;
    fault.sentence = "store";
    break;
  case 2:
    fault.access = FaultAccess::Read;
    fault.sentence = "fetch";
    break;
  default:
    fault.sentence = "access";
    break;
  }
  static constexpr llvm::StringLiteral spaces[] = {
      "primary space", "access register", "secondary space", "home space"};
  fault.sentence += " in " + spaces[teid & 3].str() + " mode";
  const bool isOfUser = (teid & 3) == 1 || (teid & 3) == 2;
  fault.space = isOfUser ? FaultSpace::User : FaultSpace::Kernel;
  return fault;
}

/// As far as no entry is invalid or maps a page.
bool goesDown(uint64_t entry, unsigned level, const PagingMode &mode) {
  const bool mayBePage = mode.mayMapPage(level);
  return !(entry & s390x::invalid) &&
         !(mayBePage && entry & s390x::formatControl);
}

/// "AS:0000000002a8c007 R3:000000007ffd0007 S:000000007ffd7001
/// P:000000000000013d "
WalkText printWalk(const WalkQuery &query) {
  static constexpr const char *names[] = {"P", "S", "R3", "R2", "R1"};
  WalkText text;
  const unsigned last = query.mode.lastLevel();
  // Of a process more bits are set.
  if (!query.isKernelTable && !query.rootInLog)
    return text;
  const uint64_t asce =
      query.isKernelTable
          ? query.walk.root.value | s390x::typeOf(last) | s390x::fullLength
          : *query.rootInLog;
  llvm::raw_string_ostream os(text.line);
  os << "AS:" << llvm::format_hex_no_prefix(asce, 16) << ' ';
  for (const TranslationStep &step : query.walk.steps)
    os << names[last - step.level] << ':'
       << llvm::format_hex_no_prefix(step.entry, 16) << ' ';
  os.flush();
  return text;
}

constexpr HandlerTrap handlers[] = {
    {"do_no_context", MemoryFault},           {"do_dat_exception", MemoryFault},
    {"do_protection_exception", MemoryFault}, {"monitor_event_exception", Bug},
    {"kernel_stack_overflow", StackOverflow},
};

} // namespace

const CrashArch crashArchS390x = {
    .oopsRules = rules,
    .decodeCode = decodeCode,
    .goesDown = goesDown,
    .printWalk = printWalk,
    // The problem state bit of the PSW: user code.
    .saved = {.ip = "psw.addr",
              .sp = "gprs[15]",
              .mode = "psw.mask",
              .modeMask = bit(48),
              .kernelModes = {0, 0},
              .code = "int_parm_long",
              .alignment = 8},
    .handlers = handlers,
    .ipRegister = "psw_addr",
    .spRegister = "r15",
    .modeRegister = "psw_mask",
    .userModeMask = bit(48),
};

} // namespace vmpt
