#include "analysis/CrashGroup.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

Crash fault(const char *ip, AddressClass what = AddressClass::KernelRodata,
            CrashKind kind = CrashKind::WriteReadOnly) {
  Crash crash;
  crash.kind = kind;
  crash.trap = Trap::MemoryFault;
  crash.address = VirtAddr(0xffffffff998b1640);
  crash.region.what = what;
  crash.access = FaultAccess::Write;
  crash.ipSymbol = ip;
  return crash;
}

Crash panic(std::vector<std::string> log) {
  Crash crash;
  crash.kind = CrashKind::Panic;
  crash.ipSymbol = "delay_tsc+0x60/0xa0"; // The last loop of panic().
  crash.panic = "lab: pid 109 at 0xffff8b568b000000 asked for it";
  crash.logExcerpt = std::move(log);
  return crash;
}

TEST(CrashGroupTest, IsOfKindFunctionAndRegion) {
  EXPECT_EQ(makeGroupKey(fault("wr+0x5/0x17 [lab_crash]")),
            "write-read-only|wr [lab_crash]|kernel_rodata");
  EXPECT_EQ(makeGroupKey(fault("wr+0x5/0x17 [lab_crash(OE) 8f1d]")),
            "write-read-only|wr [lab_crash]|kernel_rodata");
  EXPECT_EQ(findCrashSite(fault("wr+0x5/0x17 [lab_crash]")).place,
            "wr+0x5/0x17 [lab_crash]");
}

TEST(CrashGroupTest, AnotherMachineHasTheSameKey) {
  Crash here = fault("wr+0x5/0x17 [lab_crash]"), there = here;
  there.address = VirtAddr(0xffffffffa1ab1640);
  there.ip = VirtAddr(0xffffffffc0777590);
  there.cpu = 7;
  there.pid = 4711;
  there.comm = "other";
  there.ipSymbol = "wr+0x9/0x1b [lab_crash]"; // Another build.
  EXPECT_EQ(makeGroupKey(here), makeGroupKey(there));
}

TEST(CrashGroupTest, WhatDiffersHasAnotherKey) {
  const std::string key = makeGroupKey(fault("wr+0x5/0x17 [lab_crash]"));
  EXPECT_NE(key, makeGroupKey(fault("wr+0x5/0x17 [other]")));
  EXPECT_NE(key, makeGroupKey(fault("wr+0x5/0x17")));
  EXPECT_NE(key, makeGroupKey(fault("rd+0x5/0x17 [lab_crash]")));
  EXPECT_NE(key, makeGroupKey(fault("wr+0x5/0x17 [lab_crash]",
                                    AddressClass::ModuleRodata)));
}

TEST(CrashGroupTest, PiecesOfAFunctionAreTheFunction) {
  for (const char *ip : {"wr.cold+0x1/0x2", "wr.isra.0+0x1/0x2",
                         "wr.part.0.cold+0x1/0x2", "wr+0x8/0x9"})
    EXPECT_EQ(makeGroupKey(fault(ip)), "write-read-only|wr|kernel_rodata");
}

TEST(CrashGroupTest, AJumpToNowhereIsItsCallers) {
  Crash crash =
      fault("0x7f1f7dd2a000", AddressClass::User, CrashKind::UserExecute);
  crash.access = FaultAccess::Execute;
  // linux v6.1 marks all of it where the instruction pointer is no code.
  crash.logExcerpt = {"BUG: unable to handle page fault",
                      "Call Trace:",
                      " <TASK>",
                      " ? __die_body.cold+0x1a/0x1f",
                      " ? page_fault_oops+0xf9/0x2b0",
                      " ? asm_exc_page_fault+0x22/0x30",
                      " ? ex+0xa/0x16 [lab_crash]",
                      " vfs_write+0xc7/0x3f0",
                      " </TASK>"};
  EXPECT_EQ(makeGroupKey(crash), "user-execute|ex [lab_crash]|user");
  // arm64's trace begins with the place itself.
  crash.ipSymbol = "data+0x16a0/0x650 [lab_crash]";
  crash.logExcerpt = {"Call trace:", " data+0x16a0/0x650 [lab_crash]",
                      " caller+0x47c/0x7f8 [lab_crash]"};
  EXPECT_EQ(makeGroupKey(crash), "user-execute|caller [lab_crash]|user");
  // Without a log, and without anything.
  crash.logExcerpt.clear();
  crash.trace = {"panic+0x2e9/0x2f4", "exc_page_fault+0x70/0x170",
                 "ex+0xa/0x16 [lab_crash]"};
  EXPECT_EQ(makeGroupKey(crash), "user-execute|ex [lab_crash]|user");
  crash.trace.clear();
  crash.ipSymbol = "0x7f1f7dd2a000";
  EXPECT_EQ(makeGroupKey(crash), "user-execute|-|user");
}

TEST(CrashGroupTest, APanicIsItsCallers) {
  EXPECT_EQ(makeGroupKey(panic(
                {"Kernel panic - not syncing: lab", "Call Trace:", " <TASK>",
                 " dump_stack_lvl+0x44/0x5c", " panic+0x118/0x2f4",
                 " ? leftover+0x1/0x2", " next_function+0x0/0xa0",
                 " crash_write.cold+0x86/0x518 [lab_crash]"})),
            "panic|crash_write [lab_crash]|-");
  EXPECT_EQ(makeGroupKey(panic({})), "panic|lab: pid N at N asked for it|-");
}

TEST(CrashGroupTest, TheTraceEndsWithItsLines) {
  EXPECT_EQ(makeGroupKey(
                panic({"Call Trace:", " dump_stack+0x1/0x2",
                       "Kernel Offset: 0x200000 from 0x1", " user+0x1/0x2"})),
            "panic|lab: pid N at N asked for it|-");
}

TEST(CrashGroupTest, AskedForIsOneGroup) {
  Crash crash = panic({"Call Trace:", " sysrq_handle_crash+0x16/0x20"});
  crash.kind = CrashKind::Sysrq;
  EXPECT_EQ(makeGroupKey(crash), "sysrq|-|-");
}

TEST(CrashGroupTest, NoCrashHasNone) {
  Crash crash;
  crash.kind = CrashKind::None;
  EXPECT_EQ(makeGroupKey(crash), "");
  crash.kind = CrashKind::Unknown;
  EXPECT_EQ(makeGroupKey(crash), "");
}

} // namespace
