#include "kernel/find/CrashArch.h"

#include "kernel/find/KernelArch.h"
#include "paging/modes/Arm.h"
#include "paging/modes/Arm64.h"
#include "paging/modes/I386.h"
#include "paging/modes/Modes.h"
#include "paging/modes/RiscV64.h"
#include "paging/modes/S390x.h"
#include "paging/modes/X86_64.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

/// The text for a way of \p entries from the root on.
WalkText print(const PagingMode &mode, llvm::ArrayRef<uint64_t> entries,
               uint64_t address, const char *release = "6.12.0",
               bool isKernelTable = false,
               std::optional<Absence> absence = std::nullopt) {
  KernelImage image;
  image.arch = findKernelArch(mode.arch);
  image.mode = mode;
  image.bannerRelease = release;
  KernelWalk walk;
  walk.address = VirtAddr(address);
  walk.root = PhysAddr(0x42fc9000);
  for (unsigned level = 0; level < entries.size(); ++level)
    walk.steps.push_back({level, PhysAddr(0x1000), entries[level]});
  if (absence)
    walk.absent = AbsentByte{PhysAddr(0x5000), *absence};
  return image.arch->crash->printWalk({image, mode, walk, isKernelTable, "sh"});
}

bool goesDown(const PagingMode &mode, uint64_t entry, unsigned level) {
  return findKernelArch(mode.arch)->crash->goesDown(entry, level, mode);
}

/// Lines of real logs, linux 6.1 and later.
TEST(CrashArchTest, PrintsTheLineOfX86) {
  EXPECT_EQ(
      print(x86_64::fourLevel, {0x7415067, 0x7416063, 0x8000000006a000e1}, 0)
          .line,
      "PGD 7415067 P4D 7415067 PUD 7416063 PMD 8000000006a000e1 ");
  EXPECT_EQ(print(x86_64::fourLevel,
                  {0x7415067, 0x7417067, 0x1958067, 0x8000000002a72063}, 0)
                .line,
            "PGD 7415067 P4D 7415067 PUD 7417067 PMD 1958067 PTE "
            "8000000002a72063");
  EXPECT_EQ(print(x86_64::fourLevel, {0}, 0).line, "PGD 0 P4D 0 ");
  EXPECT_EQ(print(x86_64::fiveLevel, {0x1067, 0}, 0).line, "PGD 1067 P4D 0 ");
  EXPECT_EQ(print(x86_64::fourLevel, {0}, 0, "4.9.0").line, "PGD 0 ");
}

TEST(CrashArchTest, SaysBadWhereX86CannotReadATable) {
  EXPECT_EQ(print(x86_64::fourLevel, {0x1067}, 0, "6.12.0", false,
                  Absence::OutsideRam)
                .line,
            "PGD 1067 P4D 1067 BAD");
  EXPECT_EQ(
      print(x86_64::fourLevel, {0x1067}, 0, "6.12.0", false, Absence::Excluded)
          .line,
      "PGD 1067 P4D 1067 ")
      << "the kernel could read it";
}

TEST(CrashArchTest, PrintsTheLinesOfI386) {
  EXPECT_EQ(print(i386::pae, {0x1001, 0x2067, 0}, 0).line,
            "*pdpt = 0000000000001001 *pde = 0000000000002067 *pte = "
            "0000000000000000 ");
  EXPECT_EQ(print(i386::twoLevel, {0x2067, 0x3161}, 0).line,
            "*pde = 00002067 *pte = 00003161 ");
}

TEST(CrashArchTest, PrintsTheLinesOfArm64) {
  const WalkText user = print(arm64::granule4K48,
                              {0x800000043603003, 0x80000004340e003, 0}, 0x48);
  EXPECT_EQ(user.header,
            "user pgtable: 4k pages, 48-bit VAs, pgdp=0000000042fc9000");
  EXPECT_EQ(user.line,
            "[0000000000000048] pgd=0800000043603003, p4d=0800000043603003, "
            "pud=080000004340e003, pmd=0000000000000000");
  EXPECT_EQ(print(arm64::granule4K39, {0x20ef2a003, 0}, 0, "5.4.0").line,
            "[0000000000000000] pgd=000000020ef2a003, pud=000000020ef2a003, "
            "pmd=0000000000000000");
  const WalkText kernel =
      print(arm64::granule64K42, {3, 0}, 0xfffffc0000000000, "6.12.0", true);
  EXPECT_EQ(kernel.header,
            "swapper pgtable: 64k pages, 42-bit VAs, pgdp=0000000042fc9000");
  EXPECT_EQ(kernel.line, "[fffffc0000000000] pgd=0000000000000003, "
                         "p4d=0000000000000003, pud=0000000000000003, "
                         "pmd=0000000000000003, pte=0000000000000000");
}

TEST(CrashArchTest, SaysWhatArm64HasNoTableFor) {
  EXPECT_EQ(
      print(arm64::granule4K48, {}, 0x1ab5deadbeef0120, "6.12.0", true).line,
      "[1ab5deadbeef0120] address between user and kernel address "
      "ranges");
  EXPECT_EQ(print(arm64::granule4K48, {0}, 0x48, "6.12.0", true).line,
            "[0000000000000048] user address but active_mm is swapper");
}

/// linux v6.12 arch/arm/mm/fault.c show_pte(); without memory no *ppte.
TEST(CrashArchTest, PrintsTheLineOfArm) {
  EXPECT_EQ(print(arm::shortDescriptors, {0}, 0x48).line,
            "[00000048] *pgd=00000000");
  EXPECT_EQ(print(arm::shortDescriptors, {0x4011940e}, 0xc0100000).line,
            "[c0100000] *pgd=4011940e(bad)");
  EXPECT_EQ(print(arm::shortDescriptors, {0x41a5c831, 0}, 0x1000).line,
            "[00001000] *pgd=41a5c831, *pte=00000000");
  EXPECT_EQ(print(arm::lpae, {0x80000040004003, 0}, 0x48).line,
            "[00000048] *pgd=80000040004003, *pmd=00000000");
  EXPECT_EQ(print(arm::lpae, {0x40007003, 0x4000004000071d}, 0xc0000000).line,
            "[c0000000] *pgd=40007003, *pmd=4000004000071d(bad)");
}

TEST(CrashArchTest, NamesFaultsOfArm) {
  const CrashArch &arch = *findKernelArch(Arch::Arm)->crash;
  EXPECT_EQ(arch.decodeCode(0x805).sentence,
            "write, section translation fault");
  EXPECT_EQ(arch.decodeCode(0x5).access, FaultAccess::Read);
  EXPECT_EQ(arch.decodeCode(0x80f).cause, FaultCause::Permission);
  EXPECT_EQ(arch.decodeCode(0x80000000 | 0x7).access, FaultAccess::Execute);
  EXPECT_EQ(arch.decodeCode(0xa07).sentence,
            "write, translation fault of level 3");
}

TEST(CrashArchTest, PrintsTheLinesOfRiscV) {
  const WalkText text = print(riscv64::sv39, {0x1, 0}, 0x48);
  EXPECT_EQ(text.header, "Current sh pgtable: 4K pagesize, 39-bit VAs, "
                         "pgdp=0x0000000042fc9000");
  EXPECT_EQ(text.line, "[0000000000000048] pgd=0000000000000001, "
                       "p4d=0000000000000001, pud=0000000000000001, "
                       "pmd=0000000000000000");
}

/// The handler stops at holes and at large pages.
TEST(CrashArchTest, GoesDownWhereTheHandlerDoes) {
  EXPECT_TRUE(goesDown(x86_64::fourLevel, 0x1067, 0));
  EXPECT_FALSE(goesDown(x86_64::fourLevel, 0x1066, 0));
  EXPECT_FALSE(goesDown(x86_64::fourLevel, 0x10e3, 2));
  EXPECT_TRUE(goesDown(arm64::granule4K48, 0x1003, 2));
  EXPECT_FALSE(goesDown(arm64::granule4K48, 0x1001, 2));
  EXPECT_FALSE(goesDown(arm64::granule4K48, 0, 0));
  EXPECT_TRUE(goesDown(riscv64::sv39, 0x1, 0));
  EXPECT_FALSE(goesDown(riscv64::sv39, 0xcf, 1));
}

struct Code {
  const char *arch;
  uint64_t code;
  FaultAccess access;
  FaultCause cause;
};

TEST(CrashArchTest, DecodesTheCodes) {
  using enum FaultAccess;
  using Cause = FaultCause;
  const Code codes[] = {
      {"x86_64", 0x0, Read, Cause::NotPresent},
      {"x86_64", 0x2, Write, Cause::NotPresent},
      {"x86_64", 0x3, Write, Cause::Permission},
      {"x86_64", 0x11, Execute, Cause::Permission},
      {"x86_64", 0x9, Read, Cause::ReservedBit},
      {"arm64", 0x96000006, Read, Cause::NotPresent},
      {"arm64", 0x9600004f, Write, Cause::Permission},
      {"arm64", 0x8600000f, Execute, Cause::Permission},
      {"arm64", 0x96000000, Read, Cause::ReservedBit},
      {"arm64", 0x9600006b, Write, Cause::NotPresent},
      {"arm64", 0xf2000800, Unknown, Cause::Other},
      {"riscv64", 15, Write, Cause::Unknown},
      {"riscv64", 12, Execute, Cause::Unknown},
      {"riscv64", 2, Unknown, Cause::Other},
  };
  for (const Code &test : codes) {
    const FaultCode found =
        findKernelArch(*parseArch(test.arch))->crash->decodeCode(test.code);
    EXPECT_EQ(found.access, test.access) << test.arch << ' ' << test.code;
    EXPECT_EQ(found.cause, test.cause) << test.arch << ' ' << test.code;
    EXPECT_FALSE(found.sentence.empty());
  }
}

struct Instruction {
  uint32_t bits;
  FaultAccess access;
  uint64_t address;
};

/// arm64 keeps the address of a fault nowhere; by the assembler's encodings,
/// x0 is 0x1000, x1 is 0x2000 and so on.
TEST(CrashArchTest, DecodesWhatAnInstructionOfArm64Accesses) {
  using enum FaultAccess;
  std::vector<uint64_t> general;
  for (uint64_t number = 0; number < 31; ++number)
    general.push_back((number + 1) * 0x1000);
  const auto decode = [&](uint32_t bits) {
    return crashArchArm64.decodeAccess(bits, general, 0xf000);
  };
  const Instruction instructions[] = {
      {0xb9400021, Read, 0x2000},                 // ldr w1, [x1]
      {0xf9402420, Read, 0x2048},                 // ldr x0, [x1, #72]
      {0xb9000013, Write, 0x1000},                // str w19, [x0]
      {0xf85f8020, Read, 0x1ff8},                 // ldur x0, [x1, #-8]
      {0xf8408420, Read, 0x2000},                 // ldr x0, [x1], #8
      {0xf8410c20, Read, 0x2010},                 // ldr x0, [x1, #16]!
      {0xf8627820, Read, 0x2000 + (0x3000 << 3)}, // ldr x0, [x1, x2, lsl #3]
      {0xa9bf7bfd, Write, 0xeff0},                // stp x29, x30, [sp, #-16]!
      {0xa9400821, Read, 0x2000},                 // ldp x1, x2, [x1]
      {0xc85f7c20, Read, 0x2000},                 // ldxr x0, [x1]
      {0xf8200020, Write, 0x2000},                // ldadd x0, x0, [x1]
      {0x3d800020, Write, 0x2000},                // str q0, [x1]
  };
  for (const Instruction &test : instructions) {
    const auto found = decode(test.bits);
    ASSERT_TRUE(found) << test.bits;
    EXPECT_EQ(found->access, test.access) << test.bits;
    EXPECT_EQ(found->address, VirtAddr(test.address)) << test.bits;
  }
  for (const uint32_t bits : {0xd503201fu, 0x14000000u, 0xd63f0000u, 0u})
    EXPECT_FALSE(decode(bits)) << bits; // nop, b, blr, udf
  EXPECT_FALSE(crashArchArm64.decodeAccess(0xb9400021, {}, 0));
}

/// Linux 6.1 of Debian: kfree() of what is no address, the first from a log.
TEST(CrashArchTest, S390xSaysWhoseTheAddressIs) {
  const CrashArch &arch = *findKernelArch(Arch::S390x)->crash;
  struct Teid {
    uint64_t teid, page;
    FaultSpace space;
    FaultAccess access;
  };
  const Teid teids[] = {
      {0x3723c000803, 0x3723c000000, FaultSpace::Kernel, FaultAccess::Read},
      {0x483, 0, FaultSpace::Kernel, FaultAccess::Write},
      {0x3ff8bfa7400, 0x3ff8bfa7000, FaultSpace::Kernel, FaultAccess::Write},
      {0x3ff8bfa7801, 0x3ff8bfa7000, FaultSpace::User, FaultAccess::Read},
      {0x3ff8bfa7002, 0x3ff8bfa7000, FaultSpace::User, FaultAccess::Unknown}};
  for (const Teid &test : teids) {
    const FaultCode found = arch.decodeCode(test.teid);
    EXPECT_EQ(found.space, test.space) << test.teid;
    EXPECT_EQ(found.access, test.access) << test.teid;
    EXPECT_EQ(found.address, VirtAddr(test.page)) << test.teid;
  }
}

/// The line of a process's table begins with its ASCE, which the log alone has.
TEST(CrashArchTest, PrintsTheLineOfS390x) {
  EXPECT_EQ(print(s390x::regionThird, {0xff68007, 0x20}, 0x3723c000000,
                  "6.1.176", true)
                .line,
            "AS:0000000042fc9007 R3:000000000ff68007 S:0000000000000020 ");
  EXPECT_EQ(print(s390x::regionThird, {0x24}, 0).line, "");
  KernelImage image;
  image.arch = findKernelArch(Arch::S390x);
  image.mode = s390x::regionThird;
  KernelWalk walk;
  walk.root = PhysAddr(0x2cc0000);
  walk.steps.push_back({0, PhysAddr(0x1000), 0x24});
  EXPECT_EQ(image.arch->crash
                ->printWalk({image, s390x::regionThird, walk, false, "sh",
                             nullptr, 0x2cc01c7})
                .line,
            "AS:0000000002cc01c7 R3:0000000000000024 ");
}

} // namespace
