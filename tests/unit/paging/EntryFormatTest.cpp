// Every mode, and one mode made up for each thing that an entry can say on
// machines that are not here yet: present when a bit is clear, big-endian
// entries, several kinds of table or page at one level.
#include "paging/EntryFormat.h"
#include "paging/TableUse.h"
#include "paging/Translate.h"
#include "paging/modes/Arm64.h"
#include "paging/modes/I386.h"
#include "paging/modes/Modes.h"
#include "paging/modes/RiscV64.h"
#include "paging/modes/X86_64.h"
#include "support/EveryMode.h"
#include "support/PageTableBuilder.h"

#include <bit>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Like s390x: bit 5 (or 10 in the last level) is "invalid", the type of a
/// table stands in each entry, page tables are half as large as others, and
/// bytes have the other order.
constexpr EntryFormat makeClearFormat(unsigned shift, unsigned fromLast) {
  const AddressBits page = {.lowMask = ~lowBits(shift)};
  if (fromLast == 0)
    return {{bit(10), bit(10), EntryMeaning::Hole},
            {bit(10), 0, EntryMeaning::Page, 12, page}};
  const uint64_t type = (fromLast - 1) << 2, typeMask = bits(3, 2);
  return {{bit(5), bit(5), EntryMeaning::Hole},
          {typeMask | bit(10),
           type,
           EntryMeaning::Table,
           0,
           {.lowMask = ~lowBits(fromLast == 1 ? 11 : 12)}},
          {typeMask | bit(10), type | bit(10), EntryMeaning::Page,
           uint8_t(shift), page}};
}

constexpr PagingMode makeClearMode() {
  PagingMode mode = {.name = "present when clear, big-endian",
                     .arch = Arch::X86_64,
                     .virtualBits = 42,
                     .pageShift = 12,
                     .entryOrder = ByteOrder::big,
                     .levelCount = 3,
                     .coverage = Coverage::lowerHalf(42)};
  mode.levels[0] = {31, 11, makeClearFormat(31, 2), bit(5)};
  mode.levels[1] = {20, 11, makeClearFormat(20, 1), bit(5)};
  mode.levels[2] = {12, 8, makeClearFormat(12, 0), bit(10)};
  return mode;
}

/// Like ppc64's radix tables: bits 63 and 62 are "valid" and "a page", tables
/// of 32 entries stand at multiples of 256 bytes.
constexpr EntryFormat makeRadixFormat(unsigned shift, unsigned fromLast) {
  const EntryPattern hole = {bit(63), 0, EntryMeaning::Hole};
  const EntryPattern page = {bits(63, 62),
                             bits(63, 62),
                             EntryMeaning::Page,
                             uint8_t(shift),
                             {.lowMask = bits(52, shift)}};
  if (fromLast == 0)
    return {hole, page};
  return {
      hole,
      {bits(63, 62), bit(63), EntryMeaning::Table, 0, {.lowMask = bits(59, 8)}},
      page};
}

constexpr PagingMode makeRadixMode() {
  PagingMode mode = {.name = "radix, big-endian",
                     .arch = Arch::X86_64,
                     .virtualBits = 39,
                     .pageShift = 16,
                     .entryOrder = ByteOrder::big,
                     .levelCount = 3,
                     .coverage = Coverage::lowerHalf(39)};
  mode.levels[0] = {30, 9, makeRadixFormat(30, 2)};
  mode.levels[1] = {21, 9, makeRadixFormat(21, 1)};
  mode.levels[2] = {16, 5, makeRadixFormat(16, 0)};
  return mode;
}

/// Like 32-bit ARM: sections of 1 MiB, supersections of 16 MiB with address
/// bits 35:32 in 23:20, tables of 1 KiB; and a second kind of table (secure)
/// that keeps one more bit of its address elsewhere.
constexpr PagingMode makeKindsMode() {
  PagingMode mode = {.name = "several kinds",
                     .arch = Arch::X86_64,
                     .virtualBits = 32,
                     .pageShift = 12,
                     .entryBytes = 4,
                     .levelCount = 2,
                     .coverage = Coverage::lowerHalf(32)};
  const EntryPattern hole = {bits(1, 0), 0, EntryMeaning::Hole};
  const EntryFormat upper = {
      hole,
      {bits(1, 0) | bit(3),
       1 | bit(3),
       EntryMeaning::Table,
       0,
       {.lowMask = bits(31, 10), .highMask = bit(9), .highShift = 23}},
      {bits(1, 0), 1, EntryMeaning::Table, 0, {.lowMask = bits(31, 10)}},
      {bit(1) | bit(18),
       bit(1) | bit(18),
       EntryMeaning::Page,
       24,
       {.lowMask = bits(31, 24), .highMask = bits(23, 20), .highShift = 12}},
      {bit(1), bit(1), EntryMeaning::Page, 20, {.lowMask = bits(31, 20)}}};
  const EntryFormat last = {
      hole,
      {bits(1, 0), 1, EntryMeaning::Page, 16, {.lowMask = bits(31, 16)}},
      {bit(1), bit(1), EntryMeaning::Page, 12, {.lowMask = bits(31, 12)}}};
  mode.levels[0] = {20, 12, upper};
  mode.levels[1] = {12, 8, last};
  return mode;
}

constexpr PagingMode clearMode = makeClearMode(), radixMode = makeRadixMode(),
                     kindsMode = makeKindsMode();
static_assert(isConsistent(clearMode) && isConsistent(radixMode) &&
              isConsistent(kindsMode));

std::vector<const PagingMode *> allAndMadeUp() {
  std::vector<const PagingMode *> modes = allModes();
  modes.insert(modes.end(), {&clearMode, &radixMode, &kindsMode});
  return modes;
}

class EveryFormat : public ::testing::TestWithParam<const PagingMode *> {
protected:
  const PagingMode &mode = *GetParam();
  SparseMemory memory;
  PageTableBuilder tables{memory, mode};
  const VirtAddr first = mode.coverage.first();

  TableUse count(const PageTableBuilder &built) {
    return countTableUse(memory, mode, built.root(), first,
                         first + lowBits(mode.virtualBits));
  }
};

/// The entry of a kind with all of its address bits set.
uint64_t makeEntry(const EntryFormat &format, const EntryPattern &kind) {
  uint64_t entry = kind.bits | kind.address.lowMask | kind.address.highMask;
  // RISC-V: without R, W, X it would be a table; x86: without PS.
  for (unsigned n = 1; n < 8 && &format.find(entry) != &kind; ++n)
    entry |= bit(n);
  EXPECT_EQ(&format.find(entry), &kind) << hex(entry);
  return entry;
}

TEST_P(EveryFormat, TranslationAndCountsAgreeOnEachKindOfPage) {
  for (unsigned level = 0; level < mode.levelCount; ++level)
    for (const EntryPattern &kind : mode.levels[level].entries.patterns) {
      if (kind.meaning != EntryMeaning::Page)
        continue;
      memory = SparseMemory();
      PageTableBuilder built(memory, mode);
      // Neighbours that all stand for the one page, as the manuals want it.
      const uint64_t entry = makeEntry(mode.levels[level].entries, kind);
      const uint64_t bytes = bit(kind.pageShift), page = kind.address.all();
      for (uint64_t at = 0; at < bytes; at += mode.entrySpan(level))
        built.setEntry(first + at, level, entry);
      for (uint64_t offset : {uint64_t(0), bytes / 2 + 1, bytes - 1}) {
        Translation found =
            translate(memory, mode, built.root(), first + offset);
        ASSERT_TRUE(found.isMapped()) << level;
        EXPECT_EQ(found.address, PhysAddr(page + offset));
        EXPECT_EQ(found.pageBytes, bytes);
      }
      TableUse use = count(built);
      EXPECT_EQ(use.mappedBytes, bytes);
      EXPECT_EQ(use.physicalEnd, page + bytes);
      EXPECT_EQ(use.tables, level);
    }
}

TEST_P(EveryFormat, WhatIsNoPageIsNotCounted) {
  const uint64_t all = mode.entryBytes == 8 ? ~uint64_t(0) : 0xffffffff;
  for (unsigned level = 0; level < mode.levelCount; ++level)
    for (uint64_t entry : {uint64_t(0), all})
      for (unsigned n = 0; n < mode.entryBytes * 8; ++n) {
        const uint64_t changed = entry ^ bit(n);
        if (mode.decode(changed, level).meaning == EntryMeaning::Page ||
            mode.decode(changed, level).meaning == EntryMeaning::Table)
          continue;
        const VirtAddr start = first;
        tables.setEntry(start, level, changed);
        EXPECT_EQ(count(tables).mappedBytes, 0u) << hex(changed);
        Translation found = translate(memory, mode, tables.root(), start);
        EXPECT_EQ(found.outcome, mode.isHole(changed, level)
                                     ? Translation::Outcome::NotPresent
                                     : Translation::Outcome::Reserved);
        tables.setEntry(start, level, tables.emptyBits(level));
        if (level)
          tables.setEntry(start, level - 1, tables.emptyBits(level - 1));
      }
}

TEST_P(EveryFormat, EmptyTablesMapNothing) {
  for (unsigned level = 0; level < mode.levelCount; ++level)
    tables.tableOf(first, level);
  TableUse use = count(tables);
  EXPECT_EQ(use.tables, mode.lastLevel());
  EXPECT_EQ(use.mappedBytes, 0u);
}

TEST_P(EveryFormat, AnAddressBitTakenOutIsPassedOver) {
  const unsigned last = mode.lastLevel();
  const uint64_t highest = tables.highestPage(last).value;
  const uint64_t top = std::bit_floor(highest);
  const PagingMode less = withoutAddressBits(mode, top);
  EXPECT_TRUE(isConsistent(less));
  tables.map(first, PhysAddr(highest), tables.leafBits(last), last);
  EXPECT_EQ(translate(memory, mode, tables.root(), first).address,
            PhysAddr(highest));
  EXPECT_EQ(translate(memory, less, tables.root(), first).address,
            PhysAddr(highest & ~top));
}

INSTANTIATE_TEST_SUITE_P(All, EveryFormat, ::testing::ValuesIn(allAndMadeUp()),
                         nameOfMode);

TEST(EntryFormat, APageSize36PageAbove4GiB) {
  SparseMemory memory;
  PageTableBuilder tables(memory, i386::twoLevel);
  tables.setEntry(VirtAddr(0xc0000000), 0,
                  0x00400000 | 0xa5 << 13 | i386::presentBit |
                      i386::pageSizeBit);
  TableUse use = countTableUse(memory, i386::twoLevel, tables.root(),
                               VirtAddr(0), VirtAddr(lowBits(32)));
  EXPECT_EQ(use.mappedBytes, 4u << 20);
  EXPECT_EQ(use.physicalEnd, 0xa5'00800000u);
}

TEST(EntryFormat, AGroupOfSixteenPagesEndsWhereItsPageEnds) {
  SparseMemory memory;
  PageTableBuilder tables(memory, riscv64::sv39);
  const uint64_t entry = riscv64::napot | bit(13) | 0x80040000 >> 2 | 0xf;
  // Only the first of them: what is mapped ends with its 4K.
  tables.setEntry(VirtAddr(0x10000), 2, entry);
  auto count = [&] {
    return countTableUse(memory, riscv64::sv39, tables.root(), VirtAddr(0),
                         VirtAddr(0xfffff));
  };
  EXPECT_EQ(count().physicalEnd, 0x80041000u);
  for (unsigned i = 1; i < 16; ++i)
    tables.setEntry(VirtAddr(0x10000 + i * 0x1000), 2, entry);
  EXPECT_EQ(count().mappedBytes, 0x10000u);
  EXPECT_EQ(count().physicalEnd, 0x80050000u);
}

TEST(EntryFormat, AReservedDescriptorOfArmIsNotCounted) {
  for (const PagingMode *mode : getModes(Arch::Arm64)) {
    SparseMemory memory;
    PageTableBuilder tables(memory, *mode);
    tables.map(VirtAddr(0), PhysAddr(0x40000000), arm64::validBit,
               mode->lastLevel());
    TableUse use = countTableUse(memory, *mode, tables.root(), VirtAddr(0),
                                 VirtAddr(lowBits(30)));
    EXPECT_EQ(use.mappedBytes, 0u) << mode->name.str();
  }
}

TEST(EntryFormat, EachKindOfTableHasItsAddress) {
  SparseMemory memory;
  PageTableBuilder tables(memory, kindsMode);
  PhysAddr high(0x1'00200400); // not at a page's start, above 4 GiB
  memory.writeNumber<uint32_t>(high + 4, 0x12345002);
  tables.setEntry(VirtAddr(0x300000), 0, 0x00200400 | bit(9) | bit(3) | 1);
  EXPECT_EQ(
      translate(memory, kindsMode, tables.root(), VirtAddr(0x301678)).address,
      PhysAddr(0x12345678));
}

} // namespace
