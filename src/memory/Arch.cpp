#include "memory/Arch.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/StringExtras.h"

#include <elf.h>

namespace vmpt {

namespace {

// linux include/linux/elfcore.h struct elf_prstatus; the registers are the
// architecture's elf_gregset_t.
// clang-format off
constexpr llvm::StringLiteral arm64Aliases[] = {"aarch64"};
constexpr llvm::StringLiteral arm64Registers[] = {
    "x0", "x1", "x2", "x3", "x4", "x5", "x6", "x7", "x8", "x9", "x10", "x11", "x12",
    "x13", "x14", "x15", "x16", "x17", "x18", "x19", "x20", "x21", "x22", "x23", "x24",
    "x25", "x26", "x27", "x28", "x29", "x30", "sp", "pc", "pstate"};
constexpr ArchTraits arm64Traits = {
    .family = "arm",
    .aliases = arm64Aliases,
    .elfMachine = EM_AARCH64,
    .wordBytes = 8,
    .prstatus = {392, 32, 112, arm64Registers}};

constexpr llvm::StringLiteral armAliases[] = {"arm32", "armhf", "armv7l"};
constexpr llvm::StringLiteral armRegisters[] = {
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "fp", "ip",
    "sp", "lr", "pc", "cpsr", "orig_r0"};
constexpr ArchTraits armTraits = {
    .family = "arm",
    .aliases = armAliases,
    .elfMachine = EM_ARM,
    .wordBytes = 4,
    .prstatus = {148, 24, 72, armRegisters}};

constexpr llvm::StringLiteral x86_64Aliases[] = {"x86-64", "amd64"};
constexpr llvm::StringLiteral x86_64Registers[] = {
    "r15", "r14", "r13", "r12", "rbp", "rbx", "r11", "r10", "r9", "r8", "rax", "rcx",
    "rdx", "rsi", "rdi", "orig_rax", "rip", "cs", "eflags", "rsp", "ss", "fs_base",
    "gs_base", "ds", "es", "fs", "gs"};
constexpr ArchTraits x86_64Traits = {
    .family = "x86",
    .aliases = x86_64Aliases,
    .elfMachine = EM_X86_64,
    .wordBytes = 8,
    .prstatus = {336, 32, 112, x86_64Registers}};

constexpr llvm::StringLiteral i386Aliases[] = {"i486", "i586", "i686", "x86"};
constexpr llvm::StringLiteral i386Registers[] = {
    "ebx", "ecx", "edx", "esi", "edi", "ebp", "eax", "ds", "es", "fs", "gs", "orig_eax",
    "eip", "cs", "eflags", "esp", "ss"};
constexpr ArchTraits i386Traits = {
    .family = "x86",
    .aliases = i386Aliases,
    .elfMachine = EM_386,
    .wordBytes = 4,
    .prstatus = {144, 24, 72, i386Registers}};

constexpr llvm::StringLiteral riscv64Aliases[] = {"riscv"};
constexpr llvm::StringLiteral riscv64Registers[] = {
    "pc", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3",
    "a4", "a5", "a6", "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10",
    "s11", "t3", "t4", "t5", "t6"};
constexpr ArchTraits riscv64Traits = {
    .family = "riscv",
    .aliases = riscv64Aliases,
    .elfMachine = EM_RISCV,
    .elfClass = ELFCLASS64, // EM_RISCV is riscv32's, too
    .wordBytes = 8,
    .prstatus = {376, 32, 112, riscv64Registers}};

constexpr llvm::StringLiteral loongarch64Aliases[] = {"loongarch", "loong64"};
constexpr llvm::StringLiteral loongarch64Registers[] = {
    "zero", "ra", "tp", "sp", "a0", "a1", "a2", "a3", "a4", "a5", "a6", "a7", "t0",
    "t1", "t2", "t3", "t4", "t5", "t6", "t7", "t8", "u0", "fp", "s0", "s1", "s2", "s3",
    "s4", "s5", "s6", "s7", "s8", "orig_a0", "era", "badv", "crmd", "prmd", "euen",
    "ecfg", "estat"};
constexpr uint16_t emLoongArch = 258; // EM_LOONGARCH, not in old headers
constexpr ArchTraits loongarch64Traits = {
    .family = "loongarch",
    .aliases = loongarch64Aliases,
    .elfMachine = emLoongArch,
    .elfClass = ELFCLASS64, // loongarch32 has the same number
    .wordBytes = 8,
    .prstatus = {480, 32, 112, loongarch64Registers}};
constexpr llvm::StringLiteral s390xAliases[] = {"S390X"}; // QEMU's kdump files
constexpr llvm::StringLiteral s390xRegisters[] = {
    "psw_mask", "psw_addr", "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9",
    "r10", "r11", "r12", "r13", "r14", "r15"};
constexpr llvm::StringLiteral s390xControl[] = {
    "cr0", "cr1", "cr2", "cr3", "cr4", "cr5", "cr6", "cr7", "cr8", "cr9", "cr10", "cr11",
    "cr12", "cr13", "cr14", "cr15"};
constexpr llvm::StringLiteral s390xPrefix[] = {"prefix"};
constexpr RegisterNote s390xNotes[] = {{NT_S390_CTRS, 8, s390xControl},
                                       {NT_S390_PREFIX, 4, s390xPrefix}};
constexpr ArchTraits s390xTraits = {
    .family = "s390",
    .aliases = s390xAliases,
    .elfMachine = EM_S390,
    .elfClass = ELFCLASS64, // EM_S390 is that of 31-bit files, too
    .wordBytes = 8,
    .order = std::endian::big,
    .prstatus = {336, 32, 112, s390xRegisters},
    .systemNotes = s390xNotes};

constexpr llvm::StringLiteral ppc64leAliases[] = {"ppc64el", "powerpc64le"};
constexpr llvm::StringLiteral ppc64leRegisters[] = {
    "r0", "r1", "r2", "r3", "r4", "r5", "r6", "r7", "r8", "r9", "r10", "r11", "r12",
    "r13", "r14", "r15", "r16", "r17", "r18", "r19", "r20", "r21", "r22", "r23", "r24",
    "r25", "r26", "r27", "r28", "r29", "r30", "r31", "nip", "msr", "orig_r3", "ctr",
    "lr", "xer", "ccr", "softe", "trap", "dar", "dsisr", "result"};
constexpr ArchTraits ppc64leTraits = {
    .family = "power",
    .aliases = ppc64leAliases,
    .elfMachine = EM_PPC64,
    .elfClass = ELFCLASS64,
    .wordBytes = 8,
    .isDumpedInBothOrders = true,
    .prstatus = {504, 32, 112, ppc64leRegisters}};
// clang-format on

constexpr bool isComplete(const ArchTraits &traits) {
  const PrstatusLayout &prstatus = traits.prstatus;
  return !traits.family.empty() && traits.elfMachine != EM_NONE &&
         (traits.wordBytes == 4 || traits.wordBytes == 8) &&
         prstatus.pidOffset && prstatus.pidOffset < prstatus.registersOffset &&
         !prstatus.registers.empty() &&
         prstatus.registersOffset +
                 prstatus.registers.size() * traits.wordBytes <=
             prstatus.sizeBytes;
}

#define VMPT_ARCH(X, x)                                                        \
  static_assert(isComplete(x##Traits), #x ": a row with something left out");
#include "memory/Archs.def"

/// By the value of the enumerator.
constexpr const ArchTraits *traitsOf[] = {
#define VMPT_ARCH(X, x) &x##Traits,
#include "memory/Archs.def"
};
constexpr llvm::StringLiteral names[] = {
#define VMPT_ARCH(X, x) #x,
#include "memory/Archs.def"
};

} // namespace

const ArchTraits &getTraits(Arch arch) { return *traitsOf[size_t(arch)]; }

llvm::StringRef getArchName(Arch arch) { return names[size_t(arch)]; }

std::string listArchNames() {
  return llvm::join(std::begin(names), std::end(names), ", ");
}

std::optional<Arch> parseArch(llvm::StringRef name) {
  for (Arch arch : allArchs)
    if (name == getArchName(arch) ||
        llvm::is_contained(getTraits(arch).aliases, name))
      return arch;
  return std::nullopt;
}

std::optional<Arch> findElfArch(uint16_t machine, uint8_t elfClass) {
  for (Arch arch : allArchs) {
    const ArchTraits &traits = getTraits(arch);
    if (traits.elfMachine == machine &&
        (!traits.elfClass || traits.elfClass == elfClass))
      return arch;
  }
  return std::nullopt;
}

} // namespace vmpt
