//===- RiscV64Test.cpp - what RISC-V kernels print ------------------------===//
//
// The expected text is written from linux arch/riscv/mm/ptdump.c of v6.1 and
// v6.12, column by column.
//
#include "paging/modes/RiscV64.h"

#include "support/BuiltListing.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t valid = bit(0), read = bit(1), write = bit(2),
                   execute = bit(3), user = bit(4), global = bit(5),
                   accessed = bit(6), dirty = bit(7), soft = bit(8);
constexpr uint64_t kernelData =
    valid | read | write | global | accessed | dirty;
constexpr uint64_t sv39Start = 0xffffffc000000000;

BuiltListing sv39(llvm::StringRef release) {
  BuiltListing built(riscv64::sv39, release);
  built.image.markers = {{sv39Start, "Fixmap start"}};
  return built;
}

/// The fields of the one page of a listing, after its level.
std::string fieldsOf(llvm::StringRef release, uint64_t entry) {
  BuiltListing built = sv39(release);
  built.tables.setEntry(VirtAddr(sv39Start), 2, entry);
  std::string text = built.text();
  size_t at = text.find("PTE");
  return at == std::string::npos
             ? "no line: " + text
             : text.substr(at + 3, text.find('\n', at) - at - 3);
}

TEST(RiscV64Listing, EachBitHasItsColumnUpTo6_6) {
  EXPECT_EQ(fieldsOf("6.6.0", valid), "     . . . . . . . V");
  EXPECT_EQ(fieldsOf("6.6.0", read), "     . . . . . . R .");
  EXPECT_EQ(fieldsOf("6.6.0", write), "     . . . . . W . .");
  EXPECT_EQ(fieldsOf("6.6.0", execute), "     . . . . X . . .");
  EXPECT_EQ(fieldsOf("6.6.0", user), "     . . . U . . . .");
  EXPECT_EQ(fieldsOf("6.6.0", global), "     . . G . . . . .");
  EXPECT_EQ(fieldsOf("6.6.0", accessed), "     . A . . . . . .");
  EXPECT_EQ(fieldsOf("6.6.0", dirty), "     D . . . . . . .");
  EXPECT_EQ(fieldsOf("6.6.0", soft), " RSW . . . . . . . .");
  EXPECT_EQ(fieldsOf("6.1.0", kernelData), "     D A G . . W R V");
}

TEST(RiscV64Listing, EachBitHasItsColumnFrom6_7On) {
  EXPECT_EQ(fieldsOf("6.7.0", valid), " .   ..     ..   . . . . . . . V");
  EXPECT_EQ(fieldsOf("6.12.0", kernelData), " .   ..     ..   D A G . . W R V");
  EXPECT_EQ(fieldsOf("6.12.0", bit(63) | valid),
            " N   ..     ..   . . . . . . . V");
  EXPECT_EQ(fieldsOf("6.12.0", bit(61) | valid),
            " . MT(NC)   ..   . . . . . . . V");
  EXPECT_EQ(fieldsOf("6.12.0", bit(62) | valid),
            " . MT(IO)   ..   . . . . . . . V");
  EXPECT_EQ(fieldsOf("6.12.0", bits(62, 61) | valid),
            " . MT(?\?)   ..   . . . . . . . V");
  EXPECT_EQ(fieldsOf("6.12.0", bit(8)), " .   ..   RSW(1) . . . . . . . .");
  EXPECT_EQ(fieldsOf("6.12.0", bit(9)), " .   ..   RSW(2) . . . . . . . .");
  EXPECT_EQ(fieldsOf("6.12.0", bits(9, 8)), " .   ..   RSW(3) . . . . . . . .");
}

TEST(RiscV64Listing, TheKernelsOwnFormatStringGoesBeforeItsVersion) {
  BuiltListing built = sv39("6.6.0");
  built.tables.setEntry(VirtAddr(sv39Start), 2, valid);
  built.image.dumper = KernelDumper{.wordsRswAsNumber = true};
  EXPECT_NE(built.text().find(" .   ..     ..   . . . . . . . V"),
            std::string::npos);
  built.image.vmcoreinfo = Vmcoreinfo::parse("OSRELEASE=6.12.0\n");
  built.image.dumper->wordsRswAsNumber = false;
  EXPECT_NE(built.text().find("PTE     . . . . . . . V"), std::string::npos);
}

TEST(RiscV64Listing, BitsWithoutAColumnEndNoLine) {
  BuiltListing built = sv39("6.1.0");
  for (unsigned i = 0; i < 4; ++i) // addresses jump, bits 9 and 63:54 change
    built.tables.map(VirtAddr(sv39Start + i * 0x1000),
                     PhysAddr(0x80000000 + i * 0x5000),
                     valid | read | (i & 1 ? bit(9) | bit(63) : 0), 2);
  EXPECT_EQ(built.text(),
            "---[ Fixmap start ]---\n"
            "0xffffffc000000000-0xffffffc000004000    0x0000000080000000 "
            "       16K PTE     . . . . . . R V\n");
}

TEST(RiscV64Listing, APhysicalAddressIsWithoutTheSizeOfItsGroup) {
  BuiltListing built = sv39("6.12.0");
  for (unsigned i = 0; i < 16; ++i)
    built.tables.setEntry(VirtAddr(sv39Start + i * 0x1000), 2,
                          bit(63) | (0x80040000 >> 2) | bit(13) | kernelData);
  EXPECT_EQ(built.text(),
            "---[ Fixmap start ]---\n"
            "0xffffffc000000000-0xffffffc000010000    0x0000000080040000 "
            "       64K PTE N   ..     ..   D A G . . W R V\n");
}

TEST(RiscV64Listing, OneNotePrintsEachHeaderThatItCrosses) {
  BuiltListing built = sv39("6.1.0");
  built.image.markers = {{0xffffffc6fea00000, "Fixmap start"},
                         {0xffffffc6ff000000, "Fixmap end"},
                         {0xffffffc6ff000000, "PCI I/O start"},
                         {0xffffffc700000000, "PCI I/O end"},
                         {0xffffffc700000000, "vmemmap start"},
                         {0xfffffff000000000, "Linear mapping"}};
  built.tables.map(VirtAddr(0xffffffc6fec00000), PhysAddr(0x87e00000),
                   kernelData, 1);
  built.tables.map(VirtAddr(0xffffffc740000000), PhysAddr(0xc0000000),
                   kernelData, 0);
  // The holes after them print nothing, but their headers stand there. The
  // last hole runs to the end; what it passes after its start is not seen.
  EXPECT_EQ(built.text(),
            "---[ Fixmap start ]---\n"
            "0xffffffc6fec00000-0xffffffc6fee00000    0x0000000087e00000 "
            "        2M PMD     D A G . . W R V\n"
            "---[ Fixmap end ]---\n"
            "---[ PCI I/O start ]---\n"
            "---[ PCI I/O end ]---\n"
            "---[ vmemmap start ]---\n"
            "0xffffffc740000000-0xffffffc780000000    0x00000000c0000000 "
            "        1G PGD     D A G . . W R V\n"
            "---[ Linear mapping ]---\n");
}

TEST(RiscV64Listing, TheLastPageEndsAtZero) {
  BuiltListing built = sv39("6.1.0");
  built.tables.map(VirtAddr(0xfffffffffffff000), PhysAddr(0x80000000),
                   kernelData, 2);
  EXPECT_EQ(built.text(),
            "---[ Fixmap start ]---\n"
            "0xfffffffffffff000-0x0000000000000000    0x0000000080000000 "
            "        4K PTE     D A G . . W R V\n");
}

TEST(RiscV64Listing, TheTopLevelIsPgdInEachMode) {
  struct {
    const PagingMode *mode;
    std::vector<std::string> names; ///< By level of the walker.
  } const rows[] = {
      {&riscv64::sv39, {"PGD", "PMD", "PTE"}},
      {&riscv64::sv48, {"", "PUD", "PMD", "PTE"}},
      {&riscv64::sv57, {"", "", "PUD", "PMD", "PTE"}},
  };
  for (const auto &row : rows)
    for (unsigned level = 0; level < row.mode->levelCount; ++level) {
      SCOPED_TRACE(row.mode->name.str() + " " + std::to_string(level));
      BuiltListing built(*row.mode, "6.1.0");
      const VirtAddr start(~lowBits(row.mode->virtualBits - 1));
      built.image.markers = {{start.value, "Fixmap start"}};
      if (row.names[level].empty()) {
        // Linux takes no entry at this level for a page.
        continue;
      }
      built.tables.map(start, PhysAddr(0), kernelData, level);
      EXPECT_NE(built.text().find(" " + row.names[level] + "  "),
                std::string::npos)
          << built.text();
    }
}

TEST(RiscV64Listing, AnEntryAboveTheLastLevelThatIsNotValid) {
  BuiltListing built = sv39("6.1.0");
  built.tables.map(VirtAddr(sv39Start), PhysAddr(0x80000000), kernelData, 1);
  // R without V in a pmd: a huge page being split. It counts as present.
  built.tables.map(VirtAddr(sv39Start + 0x200000), PhysAddr(0x80200000), read,
                   1);
  // Neither: passed over, so that the line before goes on.
  built.tables.setEntry(VirtAddr(sv39Start + 0x400000), 1, accessed);
  built.tables.map(VirtAddr(sv39Start + 0x600000), PhysAddr(0x80600000), read,
                   1);
  EXPECT_EQ(built.text(),
            "---[ Fixmap start ]---\n"
            "0xffffffc000000000-0xffffffc000200000    0x0000000080000000 "
            "        2M PMD     D A G . . W R V\n"
            "0xffffffc000200000-0xffffffc000800000    0x0000000080200000 "
            "        6M PMD     . . . . . . R .\n");
}

TEST(RiscV64Listing, TheEfiTableIsListedUpToTwoGibibytes) {
  BuiltListing built = sv39("6.12.0");
  for (uint64_t at : {0x3ffff000u, 0x40000000u, 0x7ffff000u, 0x80000000u})
    built.tables.map(VirtAddr(at), PhysAddr(at), valid | read, 2);
  EXPECT_EQ(built.text(
                planEfiListing(built.image, built.memory, built.tables.root())),
            "---[ UEFI runtime start ]---\n"
            "0x000000003ffff000-0x0000000040000000    0x000000003ffff000 "
            "        4K PTE .   ..     ..   . . . . . . R V\n"
            "---[ UEFI runtime end ]---\n"
            "0x0000000040000000-0x0000000040001000    0x0000000040000000 "
            "        4K PTE .   ..     ..   . . . . . . R V\n"
            "0x000000007ffff000-0x0000000000000000    0x000000007ffff000 "
            "18014398507384836K PTE .   ..     ..   . . . . . . R V\n");
}

} // namespace
