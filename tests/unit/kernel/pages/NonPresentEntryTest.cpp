#include "kernel/pages/NonPresentEntry.h"

#include "paging/modes/X86_64.h"
#include "support/KernelObjects.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Only what the decoding asks of a mode.
PagingMode modeOf(Arch arch, uint8_t entryBytes = 8) {
  PagingMode mode = withoutAddressBits(
      x86_64::fourLevel, entryBytes == 4 ? bits(51, 32) : bits(51, 48));
  mode.arch = arch;
  mode.entryBytes = entryBytes;
  return mode;
}

struct SwapCase {
  const char *name;
  Arch arch;
  uint8_t entryBytes;
  KernelVersion version;
  uint64_t entry;
  unsigned type;
  uint64_t offset;
};

class SwapEntries : public ::testing::TestWithParam<SwapCase> {};

/// The x86-64 and arm64 6.12 entries are from the kernel's own pagemap; the
/// rest follow the comments over the macros in the kernel's headers.
TEST_P(SwapEntries, HaveTypeAndOffset) {
  const SwapCase &c = GetParam();
  PagingMode mode = modeOf(c.arch, c.entryBytes);
  NonPresentEntry entry =
      decodeNonPresent(getNonPresentRules(mode, c.version), mode, c.entry, 3);
  EXPECT_EQ(entry.kind, EntryKind::Swapped);
  EXPECT_EQ(entry.swapType, c.type);
  EXPECT_EQ(entry.swapOffset, c.offset);
}

INSTANTIATE_TEST_SUITE_P(
    Architectures, SwapEntries,
    ::testing::Values(
        // Offset 0x41, turned, in bits 58:9.
        SwapCase{
            "x86_64", Arch::X86_64, 8, {6, 1}, 0x07ffffffffff7c00, 0, 0x41},
        SwapCase{"x86_64_type",
                 Arch::X86_64,
                 8,
                 {6, 1},
                 uint64_t(3) << 59 | (bits(58, 9) & ~(uint64_t(5) << 9)) | 2,
                 3,
                 5},
        SwapCase{"i386_pae",
                 Arch::I386,
                 8,
                 {6, 1},
                 uint64_t(1) << 59 | (bits(58, 9) & ~(uint64_t(9) << 9)),
                 1,
                 9},
        SwapCase{"i386", Arch::I386, 4, {6, 1}, 7 << 9 | 2 << 1, 2, 7},
        SwapCase{
            "arm64_5_10", Arch::Arm64, 8, {5, 10}, 0x20 << 8 | 1 << 2, 1, 0x20},
        SwapCase{"arm64_6_1",
                 Arch::Arm64,
                 8,
                 {6, 1},
                 0x20 << 8 | 1 << 3 | 4,
                 1,
                 0x20},
        SwapCase{"arm64_6_12",
                 Arch::Arm64,
                 8,
                 {6, 12},
                 0x20 << 12 | 1 << 6 | 4,
                 1,
                 0x20},
        SwapCase{"riscv64_5_10",
                 Arch::RiscV64,
                 8,
                 {5, 10},
                 0x20 << 7 | 1 << 2,
                 1,
                 0x20},
        SwapCase{"riscv64_6_1",
                 Arch::RiscV64,
                 8,
                 {6, 1},
                 0x20 << 11 | 1 << 6,
                 1,
                 0x20},
        SwapCase{"riscv64_6_6",
                 Arch::RiscV64,
                 8,
                 {6, 6},
                 0x20 << 12 | 1 << 7 | 1 << 6,
                 1,
                 0x20}),
    [](const auto &info) { return info.param.name; });

struct ProtNoneCase {
  const char *name;
  Arch arch;
  uint8_t entryBytes;
  KernelVersion version;
  uint64_t entry;
};
class ProtNoneEntries : public ::testing::TestWithParam<ProtNoneCase> {};

TEST_P(ProtNoneEntries, KeepTheirPage) {
  const ProtNoneCase &c = GetParam();
  PagingMode mode = modeOf(c.arch, c.entryBytes);
  NonPresentEntry entry =
      decodeNonPresent(getNonPresentRules(mode, c.version), mode, c.entry, 3);
  EXPECT_EQ(entry.kind, EntryKind::ProtNone);
  EXPECT_EQ(entry.address, PhysAddr(0x1234000));
}

INSTANTIATE_TEST_SUITE_P(
    Architectures, ProtNoneEntries,
    ::testing::Values(
        ProtNoneCase{"x86_64",
                     Arch::X86_64,
                     8,
                     {6, 1},
                     (~uint64_t(0x1234000) & bits(51, 12)) | bit(8)},
        ProtNoneCase{"i386_pae",
                     Arch::I386,
                     8,
                     {6, 1},
                     (~uint64_t(0x1234000) & bits(51, 12)) | bit(8)},
        ProtNoneCase{"i386", Arch::I386, 4, {6, 1}, 0x1234000 | bit(8)},
        ProtNoneCase{"arm64_6_1", Arch::Arm64, 8, {6, 1}, 0x1234000 | bit(58)},
        ProtNoneCase{
            "arm64_6_12", Arch::Arm64, 8, {6, 12}, 0x1234000 | bit(11)},
        ProtNoneCase{"riscv64", Arch::RiscV64, 8, {6, 1}, 0x1234000 | bit(5)}),
    [](const auto &info) { return info.param.name; });

EntryKind kindOf(unsigned type, uint64_t offset, SwapTypes types = {}) {
  NonPresentRules rules = getNonPresentRules(x86_64::fourLevel, {6, 12});
  rules.types = types;
  uint64_t entry = uint64_t(type) << 59 | (bits(58, 9) & ~(offset << 9));
  return decodeNonPresent(rules, x86_64::fourLevel, entry, 3).kind;
}

TEST(NonPresentEntry, ZeroIsUntouched) {
  EXPECT_EQ(decodeNonPresent(getNonPresentRules(x86_64::fourLevel, {6, 1}),
                             x86_64::fourLevel, 0, 3)
                .kind,
            EntryKind::Untouched);
}

TEST(NonPresentEntry, AHugePageThatMayNotBeTouched) {
  NonPresentEntry entry = decodeNonPresent(
      getNonPresentRules(x86_64::fourLevel, {6, 1}), x86_64::fourLevel,
      (~uint64_t(0x40000000) & bits(51, 21)) | bit(7) | bit(8), 2);
  EXPECT_EQ(entry.kind, EntryKind::ProtNone);
  EXPECT_EQ(entry.address, PhysAddr(0x40000000));
}

TEST(NonPresentEntry, SpecialTypesCountDownFromThirtyOne) {
  // Memory failure 27, migration 28..30, markers 31.
  EXPECT_EQ(kindOf(26, 1), EntryKind::Swapped);
  EXPECT_EQ(kindOf(27, 1), EntryKind::HwPoison);
  EXPECT_EQ(kindOf(28, 1), EntryKind::Migrating);
  EXPECT_EQ(kindOf(30, 1), EntryKind::Migrating);
  EXPECT_EQ(kindOf(31, 1), EntryKind::UffdMarker);
  EXPECT_EQ(kindOf(31, 2), EntryKind::PoisonMarker);
  EXPECT_EQ(kindOf(31, 4), EntryKind::GuardMarker);
  EXPECT_EQ(kindOf(31, 8), EntryKind::Unknown);
}

TEST(NonPresentEntry, DeviceMemoryStandsBelowTheMarkers) {
  SwapTypes types;
  types.device = 4;
  EXPECT_EQ(kindOf(22, 1, types), EntryKind::Swapped);
  EXPECT_EQ(kindOf(23, 1, types), EntryKind::HwPoison);
  EXPECT_EQ(kindOf(24, 1, types), EntryKind::Migrating);
  EXPECT_EQ(kindOf(27, 1, types), EntryKind::Device);
  EXPECT_EQ(kindOf(30, 1, types), EntryKind::Device);
  EXPECT_EQ(kindOf(31, 1, types), EntryKind::UffdMarker);
}

TEST(NonPresentEntry, OldKernelsHaveNoMarkers) {
  SwapTypes types;
  types.migration = 2;
  types.marker = 0;
  EXPECT_EQ(kindOf(28, 1, types), EntryKind::Swapped);
  EXPECT_EQ(kindOf(29, 1, types), EntryKind::HwPoison);
  EXPECT_EQ(kindOf(30, 1, types), EntryKind::Migrating);
  EXPECT_EQ(kindOf(31, 1, types), EntryKind::Migrating);
}

TEST(SwapTypes, FollowFunctionsAndEnumerators) {
  KernelObjects old, recent;
  old.declareEnum("pageflags", {{"PG_locked", 0}});
  recent.declareEnum("pageflags", {{"PG_locked", 0}, {"PG_anon_exclusive", 9}});
  SwapTypes types = findSwapTypes(old.types(), old.symbols, {6, 1}, {});
  EXPECT_EQ(types.migration, 2);
  EXPECT_EQ(types.marker, 0);
  EXPECT_EQ(types.hwPoison, 1) << "without symbols: as usual";
  recent.symbols.add("vfs_read", VirtAddr(1));
  recent.symbols.add("migrate_pages", VirtAddr(1));
  recent.symbols.add("make_device_exclusive_range", VirtAddr(1));
  types = findSwapTypes(recent.types(), recent.symbols, {5, 10}, {});
  EXPECT_EQ(types.migration, 3);
  EXPECT_EQ(types.marker, 1);
  EXPECT_EQ(types.hwPoison, 0);
  EXPECT_EQ(types.device, 4);
}

/// 6.15: one function for another, and one type less.
TEST(SwapTypes, DeviceTypesAreCountedByTheirFunction) {
  KernelObjects kernel;
  kernel.declareEnum("pageflags", {{"PG_locked", 0}, {"PG_anon_exclusive", 9}});
  for (const char *name :
       {"vfs_read", "migrate_pages", "memory_failure", "make_device_exclusive"})
    kernel.symbols.add(name, VirtAddr(1));
  auto find = [&](std::optional<uint64_t> swapInfoWords) {
    return findSwapTypes(kernel.types(), kernel.symbols, {7, 2}, swapInfoWords);
  };
  EXPECT_EQ(find({}).device, 3);
  EXPECT_EQ(find(24).device, 3) << "32 - 1 - 3 - 3 - 1";
  EXPECT_EQ(find(31).device, 3) << "with what aligns the next object";
  EXPECT_EQ(find(21).device, 6) << "a later kernel's, by its swap_info[]";
  EXPECT_EQ(find(22).device, 6) << "the fewest that fit";
  for (uint64_t nonsense : {0, 1, 4096})
    EXPECT_EQ(find(nonsense).device, 3) << nonsense;
}

TEST(SwapTypes, WithoutEnumeratorsTheVersionTells) {
  KernelObjects kernel;
  kernel.declare("any", {{"member", 8}});
  SwapTypes types = findSwapTypes(kernel.types(), kernel.symbols, {5, 18}, {});
  EXPECT_EQ(types.migration, 2);
  EXPECT_EQ(types.marker, 0);
  types = findSwapTypes(kernel.types(), kernel.symbols, {5, 19}, {});
  EXPECT_EQ(types.migration, 3);
  EXPECT_EQ(types.marker, 1);
}

} // namespace
