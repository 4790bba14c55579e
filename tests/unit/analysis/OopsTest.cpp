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
