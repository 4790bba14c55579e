//===- LoongArch64Crash.cpp - how Linux on LoongArch says that it dies ----===//
//
// linux v6.12 arch/loongarch/mm/fault.c no_context(), kernel/traps.c
// __show_regs(), die(). The kernel shows no way through its tables.
//
#include "kernel/find/CrashArch.h"

namespace vmpt {

namespace {

using enum OopsFact;
using enum Trap;

constexpr OopsRule rules[] = {
    {"CPU %d Unable to handle kernel paging request at virtual address %x",
     {OopsFact::Skip, Address},
     true,
     MemoryFault},
    {"Oops[#%d]", {Number}, true, MemoryFault},
    {"Oops - BUG[#%d]", {Number}, true, Bug},
    {"Kernel bug detected[#%d]", {Number}, true, Bug}, // up to 6.1
    {"Kernel ade access[#%d]", {Number}, true, Other},
    {"Kernel ale access[#%d]", {Number}, true, Other},
    {"Break instruction in kernel code[#%d]", {Number}, true, Other},
    {"Reserved instruction in kernel code[#%d]", {Number}, true, Other},
    {"ERA: %x %s", {OopsFact::Skip, Ip}},
    {"ESTAT: %x", {Code}},
    {"BADV: %x", {Address}},
    {"BadVA : %x", {Address}}, // up to 6.3
};

/// [loongarch/v1] Table 7-8: CSR.ESTAT, the exception's code in bits 21:16.
FaultCode decodeCode(uint64_t estat) {
  const struct {
    FaultAccess access;
    FaultCause cause;
    llvm::StringLiteral text;
  } codes[] = {
      {FaultAccess::Unknown, FaultCause::Other, "interrupt"},
      {FaultAccess::Read, FaultCause::NotPresent, "load, page invalid"},
      {FaultAccess::Write, FaultCause::NotPresent, "store, page invalid"},
      {FaultAccess::Execute, FaultCause::NotPresent, "fetch, page invalid"},
      {FaultAccess::Write, FaultCause::Permission, "page modification"},
      {FaultAccess::Read, FaultCause::Permission, "page not readable"},
      {FaultAccess::Execute, FaultCause::Permission, "page not executable"},
      {FaultAccess::Unknown, FaultCause::Permission,
       "page of another privilege level"},
      {FaultAccess::Unknown, FaultCause::Other, "address error"},
      {FaultAccess::Unknown, FaultCause::Other, "address not aligned"},
  };
  const uint64_t code = estat >> 16 & lowBits(6);
  FaultCode fault;
  fault.cause = FaultCause::Other;
  if (code >= std::size(codes)) {
    fault.sentence = "exception code " + hex(code);
    return fault;
  }
  fault.access = codes[code].access;
  fault.cause = codes[code].cause;
  fault.sentence = codes[code].text.str();
  return fault;
}

/// linux v6.12 arch/loongarch/kernel/genex.S, traps.c
constexpr HandlerTrap handlers[] = {
    {"do_page_fault", MemoryFault},
    {"do_bp", Bug},
};

} // namespace

const CrashArch crashArchLoongArch64 = {
    .oopsRules = rules,
    .decodeCode = decodeCode,
    .codeNamesException = true,
    .saved = {.ip = "csr_era",
              .sp = "regs[3]",
              .mode = "csr_prmd",
              .modeMask = 3,
              .kernelModes = {0, 0},
              .code = "csr_estat",
              .address = "csr_badvaddr"},
    .handlers = handlers,
    .ipRegister = "era",
    .spRegister = "sp",
    .faultRegister = "badv",
};

} // namespace vmpt
