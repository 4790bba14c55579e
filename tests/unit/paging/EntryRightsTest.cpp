#include "paging/EntryRights.h"

#include "paging/Translate.h"
#include "paging/modes/Arm64.h"
#include "paging/modes/I386.h"
#include "paging/modes/RiscV64.h"
#include "paging/modes/X86_64.h"
#include "support/EveryMode.h"
#include "support/PageTableBuilder.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

class RightsOfEveryMode : public ::testing::TestWithParam<const PagingMode *> {
protected:
  const PagingMode &mode = *GetParam();

  /// What all entries that a page may have here deny at least, and at most.
  uint8_t deniedAtLeast() const {
    uint8_t denied = AllRights;
    for (uint64_t entry : someEntries())
      denied &= deniedBy(mode.pageRights, entry);
    return denied;
  }
  uint8_t deniedAtMost() const {
    uint8_t denied = 0;
    for (uint64_t entry : someEntries())
      denied |= deniedBy(mode.pageRights, entry);
    return denied;
  }
  /// What no page may allow: kernel and processes have spaces of their own.
  uint8_t deniedAlways() const {
    uint8_t denied = 0;
    for (const RightsRule &rule : mode.pageRights)
      denied |= rule.mask ? 0 : rule.denied;
    return denied;
  }
  /// None, one or all of the bits that the rules look at.
  std::vector<uint64_t> someEntries() const {
    std::vector<uint64_t> entries = {0};
    for (const RightsRule &rule : mode.pageRights) {
      const size_t count = entries.size();
      for (size_t i = 0; i < count && entries.size() < 4096; ++i)
        entries.push_back(entries[i] ^ rule.mask);
    }
    return entries;
  }
};

TEST_P(RightsOfEveryMode, EachRightIsGivenAndTaken) {
  EXPECT_EQ(deniedAtLeast(), deniedAlways()) << "a mode without pageRights?";
  EXPECT_EQ(deniedAtMost(), AllRights);
}

TEST_P(RightsOfEveryMode, RulesAndFlagsLieInTheirMasks) {
  for (const RightsRules &rules : {mode.pageRights, mode.tableRights})
    for (const RightsRule &rule : rules)
      EXPECT_EQ(rule.bits & ~rule.mask, 0u);
  EXPECT_FALSE(mode.flags.empty());
  for (const EntryFlag &flag : mode.flags) {
    EXPECT_NE(flag.mask, 0u) << flag.name.str();
    EXPECT_EQ(flag.bits & ~flag.mask, 0u) << flag.name.str();
    EXPECT_NE(flag.places & InAll, 0) << flag.name.str();
  }
}

/// No bit of an address is taken for a right.
TEST_P(RightsOfEveryMode, AddressesAreNoRights) {
  for (unsigned level = 0; level < mode.levelCount; ++level)
    for (const EntryPattern &pattern : mode.levels[level].entries.patterns)
      for (const RightsRule &rule : pattern.meaning == EntryMeaning::Table
                                        ? mode.tableRights
                                        : mode.pageRights) {
        if (pattern.meaning != EntryMeaning::Page &&
            pattern.meaning != EntryMeaning::Table)
          continue;
        EXPECT_EQ(rule.mask &
                      (pattern.address.lowMask | pattern.address.highMask),
                  0u)
            << level;
      }
}

TEST_P(RightsOfEveryMode, WhatIsNotMappedHasNone) {
  SparseMemory memory;
  PageTableBuilder tables(memory, mode);
  EXPECT_EQ(translate(memory, mode, tables.root(), mode.coverage.first())
                .rights(mode),
            PageRights());
}

INSTANTIATE_TEST_SUITE_P(Modes, RightsOfEveryMode,
                         ::testing::ValuesIn(allModes()), nameOfMode);

PageRights rightsOf(const PagingMode &mode, uint64_t entry) {
  return PageRights::without(mode.deniedBy(entry, mode.lastLevel()));
}

constexpr PageRights writable = {true, false, false},
                     executable = {false, true, false},
                     readOnly = {false, false, false},
                     userText = {false, true, true},
                     userData = {true, false, true};

/// Entries of real kernels: PAGE_KERNEL, PAGE_KERNEL_ROX, PAGE_KERNEL_RO, user
/// text and user data.
TEST(EntryRights, OfX86) {
  const PagingMode &mode = x86_64::fourLevel;
  EXPECT_EQ(rightsOf(mode, 0x8000000000000163), writable);
  EXPECT_EQ(rightsOf(mode, 0x0000000000000161), executable);
  EXPECT_EQ(rightsOf(mode, 0x8000000000000161), readOnly);
  EXPECT_EQ(rightsOf(mode, 0x0000000000000025), userText);
  EXPECT_EQ(rightsOf(mode, 0x8000000000000067), userData);
}

TEST(EntryRights, OfArm64) {
  const PagingMode &mode = arm64::granule4K48;
  EXPECT_EQ(rightsOf(mode, 0x0068000000000703), writable);
  EXPECT_EQ(rightsOf(mode, 0x0040000000000783), executable);
  EXPECT_EQ(rightsOf(mode, 0x0060000000000783), readOnly);
  EXPECT_EQ(rightsOf(mode, 0x0020000000000fc3), userText);
  EXPECT_EQ(rightsOf(mode, 0x00e8000000000f43), userData);
  EXPECT_EQ(rightsOf(mode, 0x0020000000000f83), userText)
      << "user code executes what it may not read";
}

TEST(EntryRights, WhatUserCodeWritesArm64sKernelDoesNotExecute) {
  EXPECT_TRUE(arm64::granule4K48.deniedBy(0x0040000000000743, 3) &
              KernelExecuteRight);
  EXPECT_FALSE(arm64::granule4K48.deniedBy(0x00400000000007c3, 3) &
               KernelExecuteRight);
}

TEST(EntryRights, OfRiscV64) {
  const PagingMode &mode = riscv64::sv39;
  EXPECT_EQ(rightsOf(mode, 0xe7), writable);
  EXPECT_EQ(rightsOf(mode, 0xeb), executable);
  EXPECT_EQ(rightsOf(mode, 0xe3), readOnly);
  EXPECT_EQ(rightsOf(mode, 0x5b), userText);
  EXPECT_EQ(rightsOf(mode, 0xd7), userData);
}

/// A page that allows all, below tables with \p tableBits.
PageRights rightsBelow(const PagingMode &mode, uint64_t tableBits,
                       uint64_t pageBits) {
  SparseMemory memory;
  PageTableBuilder tables(memory, mode);
  const VirtAddr at = mode.coverage.first();
  tables.setTableBits(tableBits);
  tables.map(at, PhysAddr(0x800000), pageBits, mode.lastLevel());
  return translate(memory, mode, tables.root(), at).rights(mode);
}

TEST(EntryRights, OfTablesCountOnX86) {
  EXPECT_EQ(rightsBelow(x86_64::fourLevel, 0x7, 0x7),
            (PageRights{true, true, true}));
  EXPECT_EQ(rightsBelow(x86_64::fourLevel, 0x5, 0x7), userText);
  EXPECT_EQ(rightsBelow(x86_64::fourLevel, 0x3, 0x7),
            (PageRights{true, true, false}));
  EXPECT_EQ(rightsBelow(x86_64::fourLevel, bit(63) | 0x7, 0x7), userData);
}

TEST(EntryRights, OfTablesCountOnArm64) {
  constexpr uint64_t page = 0x743, table = 3; // user, writable, executable
  EXPECT_EQ(rightsBelow(arm64::granule4K48, table, page),
            (PageRights{true, true, true}));
  EXPECT_EQ(rightsBelow(arm64::granule4K48, table | bit(62), page), userText);
  EXPECT_EQ(rightsBelow(arm64::granule4K48, table | bit(60), page), userData);
  EXPECT_EQ(rightsBelow(arm64::granule4K48, table | bit(61) | bit(60), page),
            writable);
}

/// Bits 1 and 2 of an entry of PAE's root are reserved, and 0.
TEST(EntryRights, PaesRootTakesNoneAway) {
  SparseMemory memory;
  PageTableBuilder tables(memory, i386::pae);
  tables.setTableBits(0x1);
  const PhysAddr pmd = tables.tableOf(VirtAddr(0), 1);
  (void)pmd;
  tables.setTableBits(0x7);
  tables.map(VirtAddr(0), PhysAddr(0x800000), 0x7, 2);
  EXPECT_EQ(translate(memory, i386::pae, tables.root(), VirtAddr(0))
                .rights(i386::pae),
            (PageRights{true, true, true}));
}

} // namespace
