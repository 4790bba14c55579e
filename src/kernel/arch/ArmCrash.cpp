//===- ArmCrash.cpp - how Linux on 32-bit Arm says that it dies -----------===//
//
// linux v6.12 arch/arm/mm/fault.c show_pte(), die_kernel_fault(), fsr-2level.c,
// fsr-3level.c; arch/arm/kernel/traps.c, process.c __show_regs(). Up to 5.10
// show_pte() has a line "pgd = ..." above, of a hashed pointer.
//
#include "kernel/find/CrashArch.h"
#include "paging/modes/Arm.h"

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
    // Of an address of user space, where the kernel has none by itself
    // (CPU_SW_DOMAIN_PAN): null pointers, too.
    {"Unhandled fault: page domain fault (%x) at %x",
     {Code, Address},
     true,
     MemoryFault},
    {"Unhandled fault: section domain fault (%x) at %x",
     {Code, Address},
     true,
     MemoryFault},
    {"Unhandled fault: %s (%x) at %x", {Message, Code, Address}, true, Other},
    {"Unhandled prefetch abort: %s (%x) at %x",
     {Message, Code, Address},
     true,
     Other},
    {"pgd = %x", {}, false, Trap::None, {}, {}, false, true},
    {"[%x] *pgd=%s", {}, false, Trap::None, {}, {}, true},
    {"Internal error: Oops - BUG: %x [#%d]", {Code, Number}, true, Bug},
    {"Internal error: Oops: %x [#%d]", {Code, Number}, true, MemoryFault},
    {"Internal error: %s: %x [#%d]", {Message, Code, Number}, true, Other},
    {"Insufficient stack space to handle exception!", {}, true, StackOverflow},
    {"Task stack: [%x..%x]", {StackFirst, StackEnd}},
    {"PC is at %s", {Ip}},
};

struct Status {
  FaultCause cause = FaultCause::Other;
  llvm::StringLiteral text = "";
};

/// [armv7/arm] B3.13 "Short-descriptor format FSR encodings", as fsr_info[]
/// words them.
Status describeShort(unsigned status) {
  switch (status) {
  case 1:
    return {FaultCause::Other, "alignment exception"};
  case 3:
    return {FaultCause::Permission, "section access flag fault"};
  case 5:
    return {FaultCause::NotPresent, "section translation fault"};
  case 6:
    return {FaultCause::Permission, "page access flag fault"};
  case 7:
    return {FaultCause::NotPresent, "page translation fault"};
  case 8:
    return {FaultCause::Other, "external abort on non-linefetch"};
  case 9:
    return {FaultCause::Permission, "section domain fault"};
  case 11:
    return {FaultCause::Permission, "page domain fault"};
  case 12:
  case 14:
    return {FaultCause::Other, "external abort on translation"};
  case 13:
    return {FaultCause::Permission, "section permission fault"};
  case 15:
    return {FaultCause::Permission, "page permission fault"};
  case 22:
    return {FaultCause::Other, "imprecise external abort"};
  }
  return {};
}

/// The same with long descriptors; the level is in the two lowest bits.
Status describeLong(unsigned status) {
  switch (status >> 2) {
  case 0:
    return {FaultCause::ReservedBit, "address size fault"};
  case 1:
    return {FaultCause::NotPresent, "translation fault"};
  case 2:
    return {FaultCause::Permission, "access flag fault"};
  case 3:
    return {FaultCause::Permission, "permission fault"};
  }
  return status == 0x10
             ? Status{FaultCause::Other, "synchronous external abort"}
         : status == 0x11
             ? Status{FaultCause::Other, "asynchronous external abort"}
         : status == 0x21 ? Status{FaultCause::Other, "alignment fault"}
                          : Status{};
}

/// DFSR or IFSR; Linux sets bit 31 for an instruction fetch.
FaultCode decodeCode(uint64_t fsr) {
  const bool isLong = fsr & bit(9), isFetch = fsr & bit(31);
  const unsigned status = unsigned(
      isLong ? fsr & lowBits(6) : (fsr & lowBits(4)) | (fsr & bit(10)) >> 6);
  FaultCode fault;
  fault.access = isFetch         ? FaultAccess::Execute
                 : fsr & bit(11) ? FaultAccess::Write
                                 : FaultAccess::Read;
  const Status found = isLong ? describeLong(status) : describeShort(status);
  fault.cause = found.cause;
  fault.sentence = std::string(isFetch         ? "fetch"
                               : fsr & bit(11) ? "write"
                                               : "read") +
                   ", ";
  if (found.text.empty())
    fault.sentence += "fault status " + hex(status);
  else
    fault.sentence += found.text.str();
  if (isLong && status < 16 && status >= 4)
    fault.sentence += " of level " + std::to_string(status & 3);
  return fault;
}

/// pmd_none(), pmd_bad().
bool goesDown(uint64_t entry, unsigned level, const PagingMode &mode) {
  if (mode.entryBytes == 4)
    return entry && !(entry & arm::section);
  return level == 0 ? (entry & bit(1)) != 0 : (entry & 3) == 3;
}

std::optional<uint64_t> readAt(const WalkQuery &query, PhysAddr at) {
  uint64_t entry = 0;
  if (!query.memory || readEntry(*query.memory, query.mode, at, entry))
    return std::nullopt;
  return entry;
}

/// Two entries of the first level are one to Linux, which shows the first of
/// them; behind its own entry of the last level it shows the MMU's.
void printShort(const WalkQuery &query, llvm::raw_ostream &os) {
  const auto &steps = query.walk.steps;
  const PhysAddr pair(alignDown(steps[0].entryAddress.value, 8));
  const uint64_t first = readAt(query, pair).value_or(steps[0].entry);
  os << llvm::format_hex_no_prefix(first, 8);
  if (first & arm::section)
    os << "(bad)";
  if (steps.size() < 2 || first == 0 || first & arm::section)
    return;
  os << ", *pte=" << llvm::format_hex_no_prefix(steps[1].entry, 8);
  if (auto hardware = readAt(query, steps[1].entryAddress + arm::hardwareTable))
    os << ", *ppte=" << llvm::format_hex_no_prefix(*hardware, 8);
}

void printLong(const WalkQuery &query, llvm::raw_ostream &os) {
  static constexpr const char *names[] = {"", ", *pmd=", ", *pte="};
  for (const TranslationStep &step : query.walk.steps) {
    os << names[step.level] << llvm::format_hex_no_prefix(step.entry, 8);
    if (step.entry && step.level < query.mode.lastLevel() &&
        !goesDown(step.entry, step.level, query.mode))
      os << "(bad)";
  }
}

WalkText printWalk(const WalkQuery &query) {
  WalkText text;
  if (query.walk.steps.empty())
    return text;
  llvm::raw_string_ostream os(text.line);
  os << '[' << llvm::format_hex_no_prefix(query.walk.address.value, 8)
     << "] *pgd=";
  if (query.mode.entryBytes == 4)
    printShort(query, os);
  else
    printLong(query, os);
  os.flush();
  return text;
}

} // namespace

const CrashArch crashArchArm = {
    .oopsRules = rules,
    .decodeCode = decodeCode,
    .goesDown = goesDown,
    .printWalk = printWalk,
    // SVC, or HYP; between them and the stack pointer there are two words more
    // (linux v6.12 arch/arm/include/asm/ptrace.h struct svc_pt_regs).
    .saved = {.ip = "uregs[15]",
              .sp = "uregs[13]",
              .mode = "uregs[16]",
              .modeMask = 0x1f,
              .kernelModes = {0x13, 0x1a}},
    .ipRegister = "pc",
    .spRegister = "sp",
};

} // namespace vmpt
