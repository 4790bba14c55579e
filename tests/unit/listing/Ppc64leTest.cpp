//===- Ppc64leTest.cpp - what 64-bit Power kernels print ------------------===//
//
// The expected text is written from linux v5.15 and v6.12
// arch/powerpc/mm/ptdump/ptdump.c and book3s64.c, column by column.
//
#include "paging/modes/Ppc64le.h"

#include "support/BuiltListing.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t page = ppc64le::valid | ppc64le::leaf, kernelData = 0x18e;
constexpr uint64_t start = 0xc000000000000000, vmalloc = 0xc008000000000000;

BuiltListing built(const PagingMode &mode, llvm::StringRef release = "6.12.0") {
  BuiltListing listing(mode, release);
  listing.image.markers = {{start, "Start of kernel VM"},
                           {vmalloc, "vmalloc() Area"}};
  return listing;
}

/// The columns of one page's line.
std::string columnsOf(const PagingMode &mode, uint64_t entry) {
  BuiltListing listing = built(mode);
  listing.tables.setEntry(VirtAddr(vmalloc), 3, entry);
  const std::string line = listing.lines(vmalloc, vmalloc);
  const size_t front = std::string("0xc008000000000000-0xc00800000000ffff  "
                                   "0x0000000012340000        64K ")
                           .size();
  return line.size() < front ? line
                             : line.substr(front, line.size() - front - 1);
}

TEST(Ppc64leListing, ALineNamesItsLastByteAndItsFirstPage) {
  BuiltListing listing = built(ppc64le::radix64K);
  listing.tables.map(VirtAddr(vmalloc), PhysAddr(0x12340000), page | kernelData,
                     3);
  // Wherever the next page lies.
  listing.tables.map(VirtAddr(vmalloc + 0x10000), PhysAddr(0x77770000),
                     page | kernelData, 3);
  EXPECT_EQ(listing.text(),
            "---[ Start of kernel VM ]---\n"
            "---[ vmalloc() Area ]---\n"
            "0xc008000000000000-0xc00800000001ffff  0x0000000012340000       "
            "128K         r  w       pte  valid  present        dirty  accessed"
            "                          \n");
}

TEST(Ppc64leListing, TheLastLineEndsWithTheAddresses) {
  BuiltListing listing = built(ppc64le::radix4K);
  const uint64_t last = 0xc00ffffffffff000;
  listing.tables.map(VirtAddr(last), PhysAddr(0x12340000), page | kernelData,
                     3);
  EXPECT_EQ(listing.lines(last, last).substr(0, 37),
            "0xc00ffffffffff000-0xffffffffffffffff");
}

/// Columns up to "tolerant" are as wide where they are clear.
TEST(Ppc64leListing, EachColumnOf64K) {
  struct {
    uint64_t bits;
    std::string rights, state, memory;
  } const rows[] = {
      {page | 0xc, "        r          pte  valid  present  ", "", ""},
      {page | 0xf | 0x80, "        r  w   X   pte  valid  present  ",
       "      dirty", ""},
      {page | 0x4, "  user  r          pte  valid  present  ", "", ""},
      {page | 0xc | 0x20, "        r          pte  valid  present  ", "",
       "non-idempotent"},
      {page | 0xc | 0x30, "        r          pte  valid  present  ", "",
       "non-idempotent  tolerant"},
      {page | 0xc | bit(55) | bit(8),
       "        r          pte  valid  present  ", "hpte         accessed", ""},
      {page | 0xc | bit(6) | bit(10),
       "        r          pte  valid  present  ", "",
       "                          busy  special"},
      {ppc64le::leaf | 0xc, "        r          pte                  ", "", ""},
      {ppc64le::leaf | ppc64le::invalidated | 0xc,
       "        r          pte         present  ", "", ""},
  };
  for (const auto &row : rows) {
    auto padded = [](std::string text, size_t width) {
      text.resize(std::max(width, text.size()), ' ');
      return text;
    };
    EXPECT_EQ(columnsOf(ppc64le::radix64K, 0x12340000 | row.bits),
              row.rights + padded(row.state, 23) + padded(row.memory, 24))
        << row.bits;
  }
}

TEST(Ppc64leListing, With4KTheSlotIsANumber) {
  auto tailOf = [](uint64_t bits) {
    const std::string text = columnsOf(ppc64le::radix4K, page | 0xc | bits);
    return text.substr(text.find_last_not_of(' ', text.find("f_gix") - 1) + 1);
  };
  EXPECT_NE(tailOf(0).find("  f_gix:0"), std::string::npos);
  EXPECT_NE(tailOf(uint64_t(5) << 53).find("  f_gix:5"), std::string::npos);
  EXPECT_NE(tailOf(bit(56) | bit(10)).find("  f_gix:0  f_second  special"),
            std::string::npos);
  EXPECT_NE(columnsOf(ppc64le::radix4K, page | 0xc | bit(60)).find("  hpte  "),
            std::string::npos);
}

/// Address bits 12 and 13 are columns with 64K pages, and are 0 there.
TEST(Ppc64leListing, LargePagesAtTwoLevels) {
  BuiltListing listing = built(ppc64le::radix64K);
  listing.tables.setEntry(VirtAddr(start), 1, page | kernelData);
  listing.tables.setEntry(VirtAddr(start + bit(30)), 2,
                          page | kernelData | bit(30));
  listing.tables.setEntry(VirtAddr(start + bit(31)), 2, page | 0x18d | bit(31));
  const std::string text = listing.lines(start, start + bit(32));
  EXPECT_NE(text.find("0xc000000000000000-0xc00000003fffffff  "
                      "0x0000000000000000         1G  "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("0xc000000040000000-0xc0000000401fffff  "
                      "0x0000000040000000         2M  "),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("0xc000000080000000-0xc0000000801fffff  "
                      "0x0000000080000000         2M  "),
            std::string::npos)
      << text;
}

TEST(Ppc64leListing, OlderKernelsCountInKilobytesAndYetOlderOnesAreRefused) {
  BuiltListing listing = built(ppc64le::radix64K, "5.15.0");
  listing.tables.map(VirtAddr(vmalloc), PhysAddr(0x12340000), page | kernelData,
                     3);
  EXPECT_NE(listing.text().find("        64K         r"), std::string::npos);
  BuiltListing old = built(ppc64le::radix64K, "5.10.0");
  EXPECT_NE(textOf(planKernelListing(old.image)).find("before 5.14"),
            std::string::npos);
  EXPECT_EQ(textOf(planTaskListing(old.image, old.memory, old.image.root,
                                   /*userOnly=*/false)),
            "");
}

TEST(Ppc64leListing, NewerKernelsNameTheLevel) {
  BuiltListing listing = built(ppc64le::radix64K, "7.2.0");
  listing.image.dumper = KernelDumper{VirtAddr(start), std::nullopt};
  listing.image.dumper->wordsLevel = true;
  listing.tables.map(VirtAddr(vmalloc), PhysAddr(0x12340000), page | kernelData,
                     3);
  EXPECT_NE(listing.text().find("  0x0000000012340000        64K PTE "
                                "        r  w       pte"),
            std::string::npos)
      << listing.text();
}

/// `--phys`: other kernels have no such column, and more blanks.
TEST(Ppc64leListing, WhatIsAskedForStandsInTheKernelsColumn) {
  BuiltListing listing = built(ppc64le::radix64K);
  const ListingPlan plan = valueOf(planKernelListing(listing.image));
  std::string text;
  llvm::raw_string_ostream os(text);
  TextPrinter printer(plan.wording, plan.context, os);
  RunNotes notes;
  notes.hasPhysical = true;
  notes.physical = PhysAddr(0x12340000);
  vmpt::Run run;
  run.start = vmalloc;
  run.end = vmalloc + 0x10000;
  run.state = {page, 0, 4};
  printer.annotated(run, notes);
  EXPECT_EQ(os.str().substr(0, 69),
            "0xc008000000000000-0xc00800000000ffff  0x0000000012340000        "
            "64K ");
}

/// Linux's tables alone: the linear map is in none of them.
TEST(Ppc64leListing, UnderAHashTableItBeginsWithVmalloc) {
  BuiltListing listing = built(ppc64le::hash64K);
  listing.tables.map(VirtAddr(vmalloc), PhysAddr(0x12340000),
                     page | kernelData | bit(55), 3);
  EXPECT_EQ(listing.text(),
            "---[ Start of kernel VM ]---\n"
            "---[ vmalloc() Area ]---\n"
            "0xc008000000000000-0xc00800000000ffff  0x0000000012340000        "
            "64K         r  w       pte  valid  present  hpte  dirty  accessed"
            "                          \n");
}

TEST(Ppc64leListing, WithSmallPagesItBeginsWithVmallocToo) {
  constexpr uint64_t start4K = ppc64le::hashStart4K;
  BuiltListing listing(ppc64le::hash4K, "6.12.0");
  listing.image.markers = {{start, "Start of kernel VM"},
                           {start4K, "vmalloc() Area"}};
  listing.tables.map(VirtAddr(start4K), PhysAddr(0x12340000),
                     page | kernelData | bit(60) | uint64_t(5) << 53, 3);
  EXPECT_EQ(listing.text(),
            "---[ Start of kernel VM ]---\n"
            "---[ vmalloc() Area ]---\n"
            "0xc0003d0000000000-0xc0003d0000000fff  0x0000000012340000        "
            " 4K         r  w       pte  valid  present  hpte  dirty  accessed"
            "                            f_gix:5\n");
}

TEST(Ppc64leListing, ATaskIsListedFromZero) {
  for (const PagingMode *mode : ppc64le::modes) {
    BuiltListing listing = built(*mode);
    PageTableBuilder task(listing.memory, ofLowerRoot(*mode),
                          PhysAddr(0x8000000));
    task.map(VirtAddr(0x10000000), PhysAddr(0x12340000), page | 0x187, 3);
    const std::string text = listing.text(planTaskListing(
        listing.image, listing.memory, task.root(), /*userOnly=*/false));
    EXPECT_NE(text.find("---[ User Space ]---\n0x0000000010000000-"),
              std::string::npos)
        << text;
    EXPECT_NE(text.find("  user  r  w   X   pte  valid"), std::string::npos)
        << text;
  }
}

} // namespace
