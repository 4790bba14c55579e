#include "analysis/Oops.h"

#include "kernel/find/KernelArch.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

llvm::ArrayRef<OopsRule> rulesOf(llvm::StringRef arch) {
  return findKernelArch(*parseArch(arch))->crash->oopsRules;
}

OopsLog parse(llvm::StringRef arch, llvm::StringRef text) {
  std::vector<LogLine> lines;
  while (!text.empty()) {
    auto [line, rest] = text.split('\n');
    lines.push_back({0, line.str()});
    text = rest;
  }
  return parseOopses(lines, rulesOf(arch));
}

constexpr llvm::StringLiteral pageFault =
    "BUG: unable to handle page fault for address: ffffffffc053b000\n"
    "#PF: supervisor read access in kernel mode\n"
    "#PF: error_code(0x0000) - not-present page\n"
    "PGD 7415067 P4D 7415067 PUD 7417067 PMD 0 \n"
    "Oops: 0000 [#1] PREEMPT SMP PTI\n"
    "CPU: 1 PID: 113 Comm: a b Kdump: loaded Tainted: G  OE  6.1.0 #1\n"
    "RIP: 0010:rd+0x5/0x13 [lab]\n"
    "RSP: 0018:ffffd1cfc04ebc48 EFLAGS: 00000246\n"
    "RAX: ffff8b5682a0aca0 RBX: 000000000000000a R08: 0000000000000001\n"
    "CR2: ffffffffc053b000 CR3: 00000000022ba000 CR4: 0000000000750ee0\n"
    "RIP: 0033:0x47b7a0\n"
    "RSP: 002b:00007ffd5bbe03f8 EFLAGS: 00000202\n"
    "Modules linked in: lab(OE) fw [last unloaded: victim(OE)]\n";

TEST(OopsTest, ReadsAPageFaultOfX86) {
  const OopsLog log = parse("x86_64", pageFault);
  ASSERT_EQ(log.events.size(), 1u);
  const OopsEvent &event = log.events[0];
  EXPECT_EQ(event.trap, Trap::MemoryFault);
  EXPECT_EQ(event.address, VirtAddr(0xffffffffc053b000));
  EXPECT_EQ(event.code, 0u);
  EXPECT_EQ(event.number, 1u);
  EXPECT_EQ(event.cpu, 1u);
  EXPECT_EQ(event.pid, 113u);
  EXPECT_EQ(event.comm, "a b");
  EXPECT_EQ(event.ip, "rd+0x5/0x13 [lab]");
  EXPECT_EQ(event.walkLine, "PGD 7415067 P4D 7415067 PUD 7417067 PMD 0 ");
  EXPECT_EQ(event.findRegister("rsp"), 0xffffd1cfc04ebc48);
  EXPECT_EQ(event.findRegister("r8"), 1u);
  EXPECT_EQ(event.findRegister("cr3"), 0x22ba000u);
  EXPECT_FALSE(event.hasEnd);
  EXPECT_EQ(log.lastUnloadedModule, "victim");
  EXPECT_FALSE(log.panic);
}

/// 6.10 begins all titles with "Oops: ", 6.12 prints the user's id.
TEST(OopsTest, ReadsTheWordingOfNewKernels) {
  const OopsLog log =
      parse("x86_64", "BUG: kernel NULL pointer dereference, address: "
                      "0000000000000048\n"
                      "#PF: error_code(0x0002) - not-present page\n"
                      "PGD 0 P4D 0 \n"
                      "Oops: Oops: 0002 [#1] PREEMPT SMP NOPTI\n"
                      "CPU: 3 UID: 0 PID: 109 Comm: x Not tainted 6.12.0 #1\n"
                      "---[ end trace 0000000000000000 ]---\n"
                      "Kernel panic - not syncing: Fatal exception\n"
                      "Oops: divide error: 0000 [#2] PREEMPT SMP NOPTI\n"
                      "CPU: 2 UID: 0 PID: 110 Comm: y Not tainted 6.12.0 #1\n");
  ASSERT_EQ(log.events.size(), 2u);
  EXPECT_EQ(log.events[0].code, 2u);
  EXPECT_EQ(log.events[0].pid, 109u);
  EXPECT_EQ(log.events[0].comm, "x");
  EXPECT_TRUE(log.events[0].hasEnd);
  EXPECT_EQ(log.events[1].trap, Trap::Divide);
  EXPECT_EQ(log.panic, "Fatal exception");
}

struct Title {
  const char *arch, *line;
  Trap trap;
};

TEST(OopsTest, KnowsTheTrapOfEachTitle) {
  const Title titles[] = {
      {"x86_64",
       "general protection fault, probably for non-canonical address "
       "0x1ab5deadbeef0120: 0000 [#1] SMP",
       Trap::GeneralProtection},
      {"x86_64",
       "Oops: general protection fault, probably for non-canonical address "
       "0x1ab5deadbeef0120: 0000 [#1] SMP",
       Trap::GeneralProtection},
      {"x86_64", "general protection fault: 0000 [#1] SMP",
       Trap::GeneralProtection},
      {"x86_64", "divide error: 0000 [#1] PREEMPT SMP PTI", Trap::Divide},
      {"x86_64", "kernel BUG at lab.c:71!", Trap::Bug},
      {"x86_64", "int3: 0000 [#1] PREEMPT SMP PTI", Trap::Other},
      {"x86_64", "busybox: Corrupted page table at address 7f0000000000",
       Trap::MemoryFault},
      {"x86_64",
       "BUG: TASK stack guard page was hit at 000000007c2e57c3 (stack is "
       "00000000e8420318..000000003753ab7b)",
       Trap::StackOverflow},
      {"i386",
       "BUG: unable to handle kernel NULL pointer dereference at "
       "00000048",
       Trap::MemoryFault},
      {"arm64",
       "Unable to handle kernel execution of user memory at virtual address "
       "00007f1f7dd2a000",
       Trap::MemoryFault},
      {"arm64", "Internal error: Oops - BUG: 00000000f2000800 [#1] SMP",
       Trap::Bug},
      {"arm64", "Internal error: synchronous external abort: 96000210 [#1] SMP",
       Trap::Other},
      {"arm64", "Insufficient stack space to handle exception!",
       Trap::StackOverflow},
      {"riscv64",
       "Unable to handle kernel paging request at virtual address "
       "ff60000000000000",
       Trap::MemoryFault},
      {"riscv64", "Kernel BUG [#1]", Trap::Bug},
  };
  for (const Title &title : titles) {
    const OopsLog log = parse(title.arch, title.line);
    ASSERT_EQ(log.events.size(), 1u) << title.line;
    EXPECT_EQ(log.events[0].trap, title.trap) << title.line;
  }
}

TEST(OopsTest, ReadsAnOopsOfArm64) {
  const OopsLog log = parse(
      "arm64", "Insufficient stack space to handle exception!\n"
               "ESR: 0x0000000096000047 -- DABT (current EL)\n"
               "FAR: 0xffff8000083e7ef0\n"
               "Task stack:     [0xffff8000083e8000..0xffff8000083ec000]\n"
               "CPU: 0 PID: 101 Comm: busybox Tainted: G 6.1 #1\n"
               "pc : deep+0x18/0xa0 [lab]\n"
               "sp : ffff8000083e7ef0\n"
               "x29: ffff8000083eb8a0 x28: ffff000002f32080 x9 : 1\n"
               "Kernel panic - not syncing: kernel stack overflow\n"
               "CPU: 0 PID: 101 Comm: busybox Tainted: G 6.1 #1\n");
  ASSERT_EQ(log.events.size(), 1u);
  const OopsEvent &event = log.events[0];
  EXPECT_EQ(event.address, VirtAddr(0xffff8000083e7ef0));
  EXPECT_EQ(event.code, 0x96000047u);
  EXPECT_EQ(event.stackFirst, VirtAddr(0xffff8000083e8000));
  EXPECT_EQ(event.stackEnd, VirtAddr(0xffff8000083ec000));
  EXPECT_EQ(event.ip, "deep+0x18/0xa0 [lab]");
  EXPECT_EQ(event.findRegister("sp"), 0xffff8000083e7ef0);
  EXPECT_EQ(event.findRegister("x28"), 0xffff000002f32080);
  EXPECT_EQ(event.findRegister("x9"), std::nullopt) << "no 16 digits";
  EXPECT_EQ(log.panicPid, 101u);
}

/// Written from linux v6.12 arch/powerpc/mm/fault.c and kernel/process.c.
TEST(OopsTest, ReadsAnOopsOfPower) {
  const OopsLog log = parse(
      "ppc64le",
      "BUG: Unable to handle kernel data access on write at "
      "0xc00800000bad0000\n"
      "Faulting instruction address: 0xc0080000005200a4\n"
      "Oops: Kernel access of bad area, sig: 11 [#1]\n"
      "LE PAGE_SIZE=64K MMU=Radix SMP NR_CPUS=4 pSeries\n"
      "CPU: 1 PID: 113 Comm: sh Tainted: G O 6.12.0 #1\n"
      "NIP:  c0080000005200a4 LR: c0000000005678a0 CTR: c0080000005200a0\n"
      "REGS: c0000000054ff8e0 TRAP: 0300   Tainted: G O (6.12.0)\n"
      "MSR:  8000000000009033 <SF,EE,ME,IR,DR,RI,LE>  CR: 44008222  XER: 0\n"
      "CFAR: c0000000000abcd0 DAR: c00800000bad0000 DSISR: 42000000 IRQMASK: "
      "0\n"
      "NIP [c0080000005200a4] rd+0x5/0x13 [lab]\n");
  ASSERT_EQ(log.events.size(), 1u);
  const OopsEvent &event = log.events[0];
  EXPECT_EQ(event.trap, Trap::MemoryFault);
  EXPECT_EQ(event.address, VirtAddr(0xc00800000bad0000));
  EXPECT_EQ(event.code, 0x42000000u);
  EXPECT_EQ(event.number, 1u);
  EXPECT_EQ(event.cpu, 1u);
  EXPECT_EQ(event.ip, "rd+0x5/0x13 [lab]");
  const FaultCode fault =
      findKernelArch(*parseArch("ppc64le"))->crash->decodeCode(0x42000000);
  EXPECT_EQ(fault.access, FaultAccess::Write);
  EXPECT_EQ(fault.cause, FaultCause::NotPresent);
}

/// A hash MMU's exception says no more than the address: linux 5.2 on POWER8.
TEST(OopsTest, ReadsAnOopsOfPowerWithoutRegistersOfTheFault) {
  const OopsLog log = parse(
      "ppc64le",
      "BUG: Kernel NULL pointer dereference at 0x00000012\n"
      "Faulting instruction address: 0xc00000000073dd80\n"
      "Oops: Kernel access of bad area, sig: 11 [#1]\n"
      "LE PAGE_SIZE=64K MMU=Hash SMP NR_CPUS=2048 NUMA pSeries\n"
      "Modules linked in:\n"
      "CPU: 1 PID: 1 Comm: swapper/0 Not tainted 5.2.0-rc7 #1\n"
      "NIP:  c00000000073dd80 LR: c00000000073dcd0 CTR: 0000000000000000\n"
      "REGS: c0000018ed8e7550 TRAP: 0380   Not tainted  (5.2.0-rc7)\n"
      "MSR:  8000000000009033 <SF,EE,ME,IR,DR,RI,LE>  CR: 28002448  XER: "
      "20040001\n"
      "CFAR: c000000000b6d1c4 IRQMASK: 0\n"
      "GPR00: c00000000073dcd0 c0000018ed8e77e0 c000000001524a00 "
      "0000000000000000 \n"
      "NIP [c00000000073dd80] tpm2_start+0x60/0x154\n");
  ASSERT_EQ(log.events.size(), 1u);
  const OopsEvent &event = log.events[0];
  EXPECT_EQ(event.trap, Trap::MemoryFault);
  EXPECT_EQ(event.address, VirtAddr(0x12));
  EXPECT_EQ(event.code, std::nullopt);
  EXPECT_EQ(event.number, 1u);
  EXPECT_EQ(event.pid, 1u);
  EXPECT_EQ(event.findRegister("r1"), 0xc0000018ed8e77e0u);
  EXPECT_EQ(event.ip, "tpm2_start+0x60/0x154");
}

/// From reports of linux 5.19 and 6.2.
TEST(OopsTest, ReadsAnOopsOfArm) {
  const OopsLog log = parse(
      "arm",
      "8<--- cut here ---\n"
      "Unable to handle kernel NULL pointer dereference at virtual address "
      "00000000 when read\n"
      "[00000000] *pgd=74936831, *pte=00000000, *ppte=00000000\n"
      "Internal error: Oops: 17 [#1] ARM\n"
      "CPU: 0 PID: 51 Comm: reboot Not tainted 6.2.0-rc1-dirty #11\n"
      "PC is at commit_tail+0x50/0x970\n"
      "LR is at commit_tail+0x9c/0x188\n"
      "pc : [<c06aa430>]    lr : [<c067a214>]    psr: 600e0013\n"
      "sp : e0851d30  ip : ee4eb7eb  fp : 00090acc\n");
  ASSERT_EQ(log.events.size(), 1u);
  const OopsEvent &event = log.events[0];
  EXPECT_EQ(event.trap, Trap::MemoryFault);
  EXPECT_EQ(event.address, VirtAddr(0));
  EXPECT_EQ(event.code, 0x17u);
  EXPECT_EQ(event.number, 1u);
  EXPECT_EQ(event.walkLine,
            "[00000000] *pgd=74936831, *pte=00000000, *ppte=00000000");
  EXPECT_EQ(event.ip, "commit_tail+0x50/0x970");
  EXPECT_EQ(event.findRegister("sp"), 0xe0851d30u);
  const FaultCode fault =
      findKernelArch(*parseArch("arm"))->crash->decodeCode(0x17);
  EXPECT_EQ(fault.access, FaultAccess::Read);
  EXPECT_EQ(fault.cause, FaultCause::NotPresent);
}

/// The kernel has no access to user space: most null pointers look like this.
TEST(OopsTest, ADomainFaultOfArmIsAMemoryFault) {
  const OopsLog log =
      parse("arm", "8<--- cut here ---\n"
                   "Unhandled fault: page domain fault (0x01b) at 0x00000004\n"
                   "[00000004] *pgd=6338f831, *pte=00000000, *ppte=00000000\n"
                   "Internal error: : 1b [#1] SMP ARM\n"
                   "CPU: 0 PID: 89 Comm: sh Not tainted 5.19.0-rc5-dirty #332\n"
                   "PC is at copy_from_kernel_nofault+0xf0/0x174\n");
  ASSERT_EQ(log.events.size(), 1u);
  EXPECT_EQ(log.events[0].trap, Trap::MemoryFault);
  EXPECT_EQ(log.events[0].address, VirtAddr(4));
  EXPECT_EQ(log.events[0].code, 0x1bu);
  EXPECT_EQ(log.events[0].number, 1u);
  EXPECT_EQ(findKernelArch(*parseArch("arm"))->crash->decodeCode(0x1b).cause,
            FaultCause::Permission);
}

/// From a report of linux 6.11. Registers have no colon.
TEST(OopsTest, ReadsAnOopsOfLoongArch) {
  const OopsLog log = parse(
      "loongarch64",
      "CPU 0 Unable to handle kernel paging request at virtual address "
      "0000000000000008, era == 90000000040f4b60, ra == 900000000436e558\n"
      "Oops[#1]:\n"
      "CPU: 0 UID: 0 PID: 877 Comm: kunit_try_catch Tainted: G N 6.11.0-rc2+ "
      "#1\n"
      "Tainted: [N]=TEST\n"
      "pc 90000000040f4b60 ra 900000000436e558 tp 9000000107dec000 sp "
      "9000000107defc90\n"
      "a0 ffffffffffff4000 a1 90000001063554f8 a2 0000000000000000 a3 "
      "9000000107defb84\n"
      "   ra: 900000000436e558 vm_mmap_pgoff+0x138/0x228\n"
      "  ERA: 90000000040f4b60 down_write+0x20/0x98\n"
      " CRMD: 000000b0 (PLV0 -IE -DA +PG DACF=CC DACM=CC -WE)\n"
      "ESTAT: 00010000 [PIL ] (IS= ECode=1 EsubCode=0)\n"
      " BADV: 0000000000000008\n");
  ASSERT_EQ(log.events.size(), 1u);
  const OopsEvent &event = log.events[0];
  EXPECT_EQ(event.trap, Trap::MemoryFault);
  EXPECT_EQ(event.address, VirtAddr(8));
  EXPECT_EQ(event.code, 0x10000u);
  EXPECT_EQ(event.number, 1u);
  EXPECT_EQ(event.pid, 877u);
  EXPECT_EQ(event.ip, "down_write+0x20/0x98");
  EXPECT_EQ(event.findRegister("sp"), 0x9000000107defc90u);
  EXPECT_EQ(event.findRegister("era"), 0x90000000040f4b60u);
  EXPECT_EQ(event.findRegister("a3"), 0x9000000107defb84u);
}

TEST(OopsTest, WordsOfLoongArch) {
  struct {
    const char *line;
    Trap trap;
    std::optional<VirtAddr> address;
  } const rows[] = {
      {"kernel BUG at mm/hugetlb.c:5550!\nOops - BUG[#1]:\n", Trap::Bug, {}},
      {"Kernel ale access[#1]:\nBadVA : 9000000107defb84\n", Trap::Other,
       VirtAddr(0x9000000107defb84)},
      {"Kernel ade access[#1]:\n BADV: 4000000000000000\n", Trap::Other,
       VirtAddr(0x4000000000000000)},
      {"Break instruction in kernel code[#1]:\n", Trap::Other, {}},
  };
  for (const auto &row : rows) {
    const OopsLog log = parse("loongarch64", row.line);
    ASSERT_EQ(log.events.size(), 1u) << row.line;
    EXPECT_EQ(log.events[0].trap, row.trap) << row.line;
    EXPECT_EQ(log.events[0].number, 1u) << row.line;
    EXPECT_EQ(log.events[0].address, row.address) << row.line;
  }
  // A sentence is no line of registers.
  EXPECT_FALSE(parse("loongarch64", "Oops[#1]:\nof 9000000107defb84 in\n")
                   .events.at(0)
                   .findRegister("of"));
}

/// Linux 6.1 of Debian.
constexpr llvm::StringLiteral s390xFault =
    "Unable to handle kernel pointer dereference in virtual kernel address "
    "space\n"
    "Failing address: 000003723c000000 TEID: 000003723c000803\n"
    "Fault in home space mode while using kernel ASCE.\n"
    "AS:0000000001290007 R3:000000000ff68007 S:0000000000000020 \n"
    "Oops: 0010 ilc:3 [#1] SMP \n"
    "CPU: 1 PID: 0 Comm: swapper/1 Not tainted 6.1.0-50-s390x #1\n"
    "Krnl PSW : 0704e00180000000 0000000000370672 (kfree+0x42/0x108)\n"
    "           R:0 T:1 IO:1 EX:1 Key:0 M:1 W:0 P:0 AS:3 CC:2 PM:0 RI:0 EA:3\n"
    "Krnl GPRS: 0000000000000000 0000000000f08168 000003723c000000 "
    "00000000ffffffff\n"
    "           00000000005105e6 0000000002cd44a0 000000000000000a "
    "0000000000000000\n"
    "           0000000000179fe8 00000000005105fc 0000000f00000000 "
    "0000000000000000\n"
    "           0000000001e1ec00 0000000000000000 00000000005105fc "
    "0000037fffdcbcb8\n"
    "Krnl Code: 0000000000370660: ec2a06b93a55\trisbg\t%r2,%r10,6,185,58\n"
    "           0000000000370666: c41800506f15\tlgrl\t%r1,0000000000d7e490\n";

TEST(OopsTest, ReadsAnOopsOfS390x) {
  const OopsLog log = parse("s390x", s390xFault);
  ASSERT_EQ(log.events.size(), 1u);
  const OopsEvent &event = log.events[0];
  EXPECT_EQ(event.trap, Trap::MemoryFault);
  EXPECT_EQ(event.address, VirtAddr(0x3723c000000));
  EXPECT_EQ(event.code, 0x3723c000803u);
  EXPECT_EQ(event.space, FaultSpace::Kernel);
  EXPECT_EQ(event.root, 0x1290007u);
  EXPECT_EQ(event.ip, "kfree+0x42/0x108");
  EXPECT_EQ(event.walkLine,
            "AS:0000000001290007 R3:000000000ff68007 S:0000000000000020 ");
  EXPECT_EQ(event.cpu, 1u);
  // Not the R3 of the tables.
  EXPECT_EQ(event.findRegister("r3"), 0xffffffffu);
  EXPECT_EQ(event.findRegister("r10"), 0xf00000000u);
  EXPECT_EQ(event.findRegister("r15"), 0x37fffdcbcb8u);
  EXPECT_FALSE(event.findRegister("as"));
  EXPECT_FALSE(event.findRegister("code"));
}

TEST(OopsTest, S390xNamesTheSpaceOfAnAddress) {
  const llvm::StringRef head = "Oops: 0010 ilc:3 [#1] SMP \n";
  const auto spaceOf = [&](llvm::StringRef line) {
    return parse("s390x", (head + line).str()).events.at(0).space;
  };
  EXPECT_EQ(spaceOf("Fault in primary space mode while using user ASCE."),
            FaultSpace::User);
  EXPECT_EQ(spaceOf("Fault in primary space mode while using gmap ASCE."),
            FaultSpace::Unknown);
  EXPECT_EQ(parse("s390x", "Unable to handle kernel paging request in virtual "
                           "user address space\n")
                .events.at(0)
                .space,
            FaultSpace::User);
}

TEST(OopsTest, JoinsTheWordBadOnlyRightBehindTheWay) {
  EXPECT_EQ(parse("x86_64", "BUG: unable to handle page fault for address: 10\n"
                            "PGD 1067 P4D fff0067 \nBAD\n")
                .events[0]
                .walkLine,
            "PGD 1067 P4D fff0067 BAD");
  EXPECT_EQ(parse("x86_64", "BUG: unable to handle page fault for address: 10\n"
                            "PGD 1067 P4D 0 \nOops: 0000 [#1] SMP\nBAD\n")
                .events[0]
                .walkLine,
            "PGD 1067 P4D 0 ");
}

TEST(OopsTest, LeavesWarningsOut) {
  const OopsLog log =
      parse("x86_64", "------------[ cut here ]------------\n"
                      "WARNING: CPU: 1 PID: 2 at mm/x.c:1 f+0x1/0x2\n"
                      "CPU: 1 PID: 2 Comm: k Not tainted 6.1 #1\n"
                      "RIP: 0010:f+0x1/0x2\n"
                      "---[ end trace 0000000000000000 ]---\n");
  EXPECT_TRUE(log.events.empty());
  EXPECT_EQ(log.warnings, 1u);
}

/// The event of a cut log begins where it begins, and says what it has.
TEST(OopsTest, TakesALogThatIsCutAnywhere) {
  const llvm::StringRef text = pageFault;
  for (size_t from = 0; from < text.size(); from += 7)
    for (size_t size = 0; size < text.size() - from; size += 13) {
      const OopsLog log = parse("x86_64", text.substr(from, size));
      EXPECT_LE(log.events.size(), 2u);
    }
}

/// What a task wrote into its name or into /dev/kmsg ends nothing early.
TEST(OopsTest, IsNotLedByNames) {
  const OopsLog log =
      parse("x86_64", "Oops: 0000 [#1] SMP\n"
                      "CPU: 1 PID: 7 Comm: x Tainted: y Not tainted 6.1 #1\n");
  ASSERT_EQ(log.events.size(), 1u);
  EXPECT_EQ(log.events[0].comm, "x Tainted: y");
  EXPECT_TRUE(parse("x86_64", "Oops\nRIP: 0010:f\n[#1] CPU: 1 PID:\nBAD\n")
                  .events.empty());
}

TEST(OopsTest, NumbersThatDoNotFitAreNone) {
  const OopsLog log =
      parse("x86_64", "BUG: unable to handle page fault for address: "
                      "ffffffffffffffff0\n"
                      "CPU: 99999999999 PID: 1 Comm: x Not tainted\n");
  ASSERT_EQ(log.events.size(), 1u);
  EXPECT_EQ(log.events[0].address, std::nullopt);
  EXPECT_EQ(log.events[0].cpu, std::nullopt);
}

TEST(OopsPatternTest, MatchesWholeCapturesOnly) {
  EXPECT_TRUE(matchOopsPattern("a %x [#%d]", "a 0xff [#3] rest"));
  EXPECT_FALSE(matchOopsPattern("a %x [#%d]", "a  [#3]"));
  EXPECT_FALSE(matchOopsPattern("a %x [#%d]", "a ff"));
  EXPECT_TRUE(matchOopsPattern("a b", "a    b"));
  EXPECT_FALSE(matchOopsPattern("a b", "ab"));
  const auto found = matchOopsPattern("%s: %x", "one: two: 7");
  EXPECT_FALSE(found) << "up to the first colon";
}

} // namespace
