//===- ArmTest.cpp - what 32-bit Arm kernels print ------------------------===//
//
// The expected text is written from linux v4.4, v5.15 and v6.12
// arch/arm/mm/dump.c, column by column.
//
#include "paging/modes/Arm.h"

#include "support/BuiltListing.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Linux's pages: present, young, dirty.
constexpr uint64_t page = bit(6) | bit(1) | bit(0), readOnly = bit(7),
                   user = bit(8), noExecute = bit(9), shared = bit(10);
constexpr uint64_t section = 0x40000000 | 2, write = bit(10), read = bit(11),
                   apx = bit(15), sectionNoExecute = bit(4),
                   sectionShared = bit(16);
constexpr uint64_t at = 0xc8800000;

BuiltListing built(const PagingMode &mode, llvm::StringRef release = "6.12.0") {
  BuiltListing listing(mode, release);
  listing.image.markers = {{0xbf000000, "Modules"}};
  return listing;
}

std::string columnsOf(BuiltListing &listing, uint64_t address = at) {
  std::string line = listing.lines(address, address);
  return line.empty() ? line : line.substr(35, line.find('\n') - 35);
}

std::string shortPage(uint64_t bits, llvm::StringRef release = "6.12.0") {
  BuiltListing listing = built(arm::shortDescriptors, release);
  listing.tables.setEntry(VirtAddr(at), 1, 0x41234000 | page | bits);
  return columnsOf(listing);
}
std::string shortSection(uint64_t bits) {
  BuiltListing listing = built(arm::shortDescriptors);
  listing.tables.setEntry(VirtAddr(at), 0, section | bits);
  return columnsOf(listing);
}
std::string longEntry(uint64_t entry, unsigned level,
                      llvm::StringRef release = "6.12.0") {
  BuiltListing listing = built(arm::lpae, release);
  listing.tables.setEntry(VirtAddr(at), level, entry);
  return columnsOf(listing);
}

TEST(ArmListing, LinuxsPageHasTheseColumns) {
  EXPECT_EQ(shortPage(7 << 2 | noExecute | shared),
            "PTE KERNEL      RW NX SHD MEM/CACHED/WBWA");
  EXPECT_EQ(shortPage(user | readOnly | 7 << 2),
            "PTE KERNEL  USR ro x      MEM/CACHED/WBWA");
  const std::pair<unsigned, const char *> types[] = {
      {0, " SO/UNCACHED"},     {1, " MEM/BUFFERABLE/WC"}, {2, " MEM/CACHED/WT"},
      {3, " MEM/CACHED/WBRA"}, {4, " DEV/SHARED"},        {5, ""},
      {6, " MEM/MINICACHE"},   {7, " MEM/CACHED/WBWA"},   {9, " DEV/WC"},
      {11, " DEV/CACHED"},     {12, " DEV/NONSHARED"}};
  for (const auto &[type, text] : types)
    EXPECT_EQ(shortPage(type << 2 | noExecute),
              std::string("PTE KERNEL      RW NX    ") + text);
}

TEST(ArmListing, SectionsHaveBitsOfTheirOwn) {
  EXPECT_EQ(shortSection(write | sectionNoExecute | sectionShared),
            "PGD KERNEL      RW NX SHD");
  EXPECT_EQ(shortSection(write | apx), "PGD KERNEL      ro x     ");
  EXPECT_EQ(shortSection(read), "PGD KERNEL  USR ro x     ");
  EXPECT_EQ(shortSection(read | write), "PGD KERNEL  USR RW x     ");
}

TEST(ArmListing, TheDomainIsThatOfTheFirstLevel) {
  const std::pair<unsigned, const char *> domains[] = {
      {0, "KERNEL "}, {1, "USER   "}, {2, "IO     "},
      {3, "VECTORS"}, {4, "unknown"}, {15, "unknown"}};
  for (const auto &[domain, text] : domains) {
    EXPECT_EQ(shortSection(write | domain << 5),
              std::string("PGD ") + text + "     RW x     ");
    BuiltListing listing = built(arm::shortDescriptors);
    listing.tables.setTableBits(domain << 5 | 1);
    listing.tables.setEntry(VirtAddr(at), 1, 0x41234000 | page | noExecute);
    EXPECT_EQ(columnsOf(listing),
              std::string("PTE ") + text + "     RW NX     SO/UNCACHED");
  }
}

TEST(ArmListing, ADomainEndsALine) {
  BuiltListing listing = built(arm::shortDescriptors);
  const uint64_t bits = section | write;
  listing.tables.setEntry(VirtAddr(0xc0000000), 0, bits);
  listing.tables.setEntry(VirtAddr(0xc0100000), 0, bits | 2 << 5);
  EXPECT_EQ(listing.lines(0xc0000000, 0xc0100000),
            "0xc0000000-0xc0100000           1M PGD KERNEL      RW x     \n"
            "0xc0100000-0xc0200000           1M PGD IO          RW x     \n");
}

/// walk_pmd() asks for the second entry of a pair only whether it is a section.
TEST(ArmListing, TheSecondOfAPairIsNotedWhereItIsASection) {
  BuiltListing listing = built(arm::shortDescriptors);
  listing.tables.setEntry(VirtAddr(0xc0000000), 0, section | write);
  listing.tables.setEntry(VirtAddr(0xc0500000), 0, section | write);
  EXPECT_EQ(listing.lines(0xc0000000, 0xc0500000),
            "0xc0000000-0xc0200000           2M PGD KERNEL      RW x     \n"
            "0xc0500000-0xc0600000           1M PGD KERNEL      RW x     \n");
}

TEST(ArmListing, OlderKernelsHaveFewerColumns) {
  const uint64_t bits = 7 << 2 | noExecute | shared;
  EXPECT_EQ(shortPage(bits, "5.15.0"), "KERNEL      RW NX SHD MEM/CACHED/WBWA");
  EXPECT_EQ(shortPage(bits, "4.4.0"), "    RW NX SHD MEM/CACHED/WBWA");
  EXPECT_EQ(longEntry(bit(54) | 0x41234743 | 7 << 2, 2, "5.15.0"),
            "USR RW NX SHD MEM/CACHED/WBWA");
}

TEST(ArmListing, TheKernelsOwnTextsGoBeforeItsVersion) {
  BuiltListing listing = built(arm::shortDescriptors, "5.15.0");
  listing.tables.setEntry(VirtAddr(at), 1, 0x41234000 | page | noExecute);
  listing.image.dumper = KernelDumper{.wordsLevel = true, .wordsDomain = false};
  EXPECT_EQ(columnsOf(listing), "PTE     RW NX     SO/UNCACHED");
}

TEST(ArmListing, LongPages) {
  EXPECT_EQ(longEntry(0x41234703 | 7 << 2, 2),
            "PTE     RW x  SHD MEM/CACHED/WBWA");
  EXPECT_EQ(longEntry(bit(58) | bit(54) | 0x41234443 | 7 << 2, 2),
            "PTE USR ro NX     MEM/CACHED/WBWA");
  EXPECT_EQ(longEntry(0x41234403 | 1 << 2, 2),
            "PTE     RW x      MEM/BUFFERABLE/WC DEV/WC")
      << "types of one number have two names";
  EXPECT_EQ(longEntry(0x41234403 | 3 << 2, 2),
            "PTE     RW x      MEM/CACHED/WBRA DEV/CACHED");
}

TEST(ArmListing, LongSectionsAreReadOnlyByTwoBits) {
  EXPECT_EQ(longEntry(0x40200701 | 1 << 2, 1), "PMD RW x  SHD");
  EXPECT_EQ(longEntry(bit(58) | 0x40200701, 1), "PMD RW x  SHD");
  EXPECT_EQ(longEntry(bit(58) | bit(54) | 0x40200781, 1), "PMD ro NX SHD");
  EXPECT_EQ(longEntry(0x40200741, 1), "PMD USR RW x  SHD");
}

TEST(ArmListing, HeadersComeWithTheFirstNoteBehindTheirStart) {
  for (const PagingMode *mode : {&arm::shortDescriptors, &arm::lpae}) {
    BuiltListing listing = built(*mode);
    listing.image.markers = {{0xbf000000, "Modules"},
                             {0xffff0000, "Vectors"},
                             {0xffff2000, "Vectors End"}};
    const unsigned last = mode->lastLevel();
    listing.tables.setEntry(VirtAddr(0xffff0000), last,
                            0x41234000 |
                                (last == 1 ? page | noExecute : 0x703));
    std::string text = listing.text();
    EXPECT_EQ(text.find("---[ Modules ]---\n---[ Vectors ]---\n0xffff0000"), 0u)
        << text;
    EXPECT_NE(text.find("\n---[ Vectors End ]---\n"), std::string::npos);
  }
}

/// The modules below PAGE_OFFSET are in every process's table.
TEST(ArmListing, AProcessesListEndsAtTaskSize) {
  BuiltListing listing = built(arm::shortDescriptors);
  listing.image.vmcoreinfo =
      Vmcoreinfo::parse("OSRELEASE=6.12.0\nSYMBOL(swapper_pg_dir)=c0004000\n");
  for (uint64_t address : {0x10000u, 0xbefff000u, 0xbf000000u, 0xc0000000u})
    listing.tables.setEntry(VirtAddr(address), 1, 0x41234000 | page | user);
  EXPECT_EQ(listing.text(planTaskListing(listing.image, listing.memory,
                                         listing.image.root,
                                         /*userOnly=*/false)),
            "---[ User Space ]---\n"
            "0x00010000-0x00011000           4K PTE KERNEL  USR RW x      "
            "SO/UNCACHED\n"
            "0xbefff000-0xbf000000           4K PTE KERNEL  USR RW x      "
            "SO/UNCACHED\n");
}

} // namespace
