#include "kernel/find/VmcoreinfoScan.h"

#include "support/SparseMemory.h"
#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

Diagnostics diagnostics;

/// {namesz 11, descsz, type 0}, the padded name, the text.
std::string note(llvm::StringRef text) {
  std::string bytes("\x0b\0\0\0\0\0\0\0\0\0\0\0VMCOREINFO\0\0", 24);
  bytes[4] = char(text.size());
  return bytes + text.str();
}

TEST(VmcoreinfoScan, FindsANoteAtTheStartOfAPage) {
  SparseMemory memory;
  memory.writeString(PhysAddr(0x5000), note("OSRELEASE=6.1.0\n"));
  auto found = scanForVmcoreinfo(memory, diagnostics);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].address, PhysAddr(0x5000));
  EXPECT_TRUE(found[0].isNote);
  EXPECT_EQ(found[0].info.release(), llvm::StringRef("6.1.0"));
}

TEST(VmcoreinfoScan, ANoteInTheBssIsFoundOnce) { // before 4.13
  // Also where it crosses the pieces that are searched.
  for (uint64_t at :
       {uint64_t(0x1234), uint64_t(0x100000 - 36), uint64_t(0x100000 - 12),
        uint64_t(0x100000 - 4), uint64_t(0x100000 + 20)}) {
    SparseMemory memory;
    memory.addZeros(PhysAddr(0), 0x180000);
    memory.writeString(PhysAddr(at), note("OSRELEASE=4.9.0\nPAGESIZE=4096\n"));
    auto found = scanForVmcoreinfo(memory, diagnostics);
    ASSERT_EQ(found.size(), 1u) << hex(at);
    EXPECT_EQ(found[0].address, PhysAddr(at));
    EXPECT_EQ(found[0].info.decimal("PAGESIZE"), 4096u);
  }
}

TEST(VmcoreinfoScan, LooksNoFurtherThanToOneThatIsEnough) {
  SparseMemory memory;
  memory.addZeros(PhysAddr(0), 0x400000);
  memory.writeString(PhysAddr(0x5000), note("OSRELEASE=1\n"));
  memory.writeString(PhysAddr(0x105000), note("OSRELEASE=2\n"));
  memory.writeString(PhysAddr(0x305000), note("OSRELEASE=3\n"));
  for (unsigned threads : {1u, 2u, 5u}) {
    Diagnostics several;
    several.setThreads(threads);
    std::string asked;
    auto found = scanForVmcoreinfo(memory, several, [&](auto &info) {
      asked += *info.release();
      return *info.release() == "2";
    });
    EXPECT_EQ(asked, "12");
    ASSERT_EQ(found.size(), 2u);
    EXPECT_EQ(found[1].address, PhysAddr(0x105000));
    EXPECT_EQ(scanForVmcoreinfo(memory, several).size(), 3u);
  }
}

/// Wherever pieces end, as in a dump that was cut.
TEST(VmcoreinfoScan, ATextInFrontOfItsNoteIsNoEnd) {
  for (uint64_t between : {0x0, 0x1000, 0x200000}) {
    SparseMemory memory;
    memory.writeString(PhysAddr(0x5000), "OSRELEASE=1\n");
    memory.addZeros(PhysAddr(0x6000), between);
    memory.writeString(PhysAddr(0x900000), note("OSRELEASE=1\n"));
    memory.writeString(PhysAddr(0x902000), note("OSRELEASE=2\n"));
    auto found =
        scanForVmcoreinfo(memory, diagnostics, [](auto &) { return true; });
    ASSERT_EQ(found.size(), 1u) << hex(between);
    EXPECT_EQ(found[0].address, PhysAddr(0x900000));
    EXPECT_TRUE(found[0].isNote);
  }
}

TEST(VmcoreinfoScan, WhatOnlyLooksLikeANoteIsNone) {
  SparseMemory memory;
  memory.addZeros(PhysAddr(0), 0x10000);
  std::string broken = note("OSRELEASE=4.9.0\n");
  broken[0] = 12; // the name's size
  memory.writeString(PhysAddr(0x1234), broken);
  memory.writeString(PhysAddr(0x2236), note("OSRELEASE=4.9.0\n")); // odd place
  EXPECT_TRUE(scanForVmcoreinfo(memory, diagnostics).empty());
}

TEST(VmcoreinfoScan, ASizeThatRunsOutOfMemoryEndsWithIt) {
  SparseMemory memory;
  std::string huge = note("OSRELEASE=4.9.0\nA=1\n");
  huge[6] = char(0xff);
  memory.writeString(PhysAddr(0x1f00), huge);
  auto found = scanForVmcoreinfo(memory, diagnostics);
  ASSERT_EQ(found.size(), 1u);
  EXPECT_EQ(found[0].info.release(), llvm::StringRef("4.9.0"));
}

} // namespace
