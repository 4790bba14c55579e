#include "views/Listing.h"

#include "support/Bits.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

constexpr AttributeField fields[] = {{bit(1), bit(1), "RW ", "ro "},
                                     {bit(5), bit(5), "A", "."},
                                     {bit(4), bit(4), "BIG ", "    ", 0b01000},
                                     {bit(63), bit(63), "NX ", "x  "}};
/// Two rows of one word: either will do.
constexpr AttributeMeaning meanings[] = {{"present", 1, 1},
                                         {"executable", bit(63) | 3, 1},
                                         {"executable", bit(63) | 3, 3},
                                         {"dirty", bit(6), bit(6)}};

Wording makeWording() {
  Wording wording;
  wording.levelLast = true;
  wording.fields = fields;
  wording.presentMask = 1;
  wording.meanings = meanings;
  return wording;
}

PrintContext makeContext() {
  PrintContext context;
  context.levelNames = {"PGD", "P4D", "PUD", "PMD", "PTE"};
  context.physicalOf = [](uint64_t entry) { return PhysAddr(entry << 12); };
  return context;
}

Run makeRun(uint64_t start, uint64_t end, uint64_t attributes, int level = 4) {
  Run run;
  run.start = start;
  run.end = end;
  run.state = {attributes, attributes, level};
  run.firstEntry = 0x42;
  return run;
}

std::string lines(const Wording &wording, llvm::ArrayRef<Run> runs,
                  uint64_t skipped = 0) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto writer = RecordWriter::create(OutputFormat::JsonLines, "kernel", os);
  const PrintContext context = makeContext();
  ListingRecords records(wording, context, *writer);
  records.section("vmalloc() Area");
  for (const Run &run : runs)
    records.run(run);
  if (skipped)
    records.skipped(skipped);
  records.finish();
  writer->finish({});
  return os.str();
}

constexpr llvm::StringLiteral start =
    R"({"schema":1,"record":"range","section":"vmalloc() Area",)";

TEST(ListingRecords, ALineSaysItsColumnsAndWhatTheyMean) {
  EXPECT_EQ(lines(makeWording(), makeRun(0x1000, 0x3000, bit(63) | bit(5) | 3)),
            (start + R"("first":"0x1000","last":"0x2fff","bytes":8192,)"
                     R"("level":"pte","attributes":["RW","A","NX"],)"
                     R"("present":true,"executable":false,"dirty":false})"
                     "\n")
                .str());
}

TEST(ListingRecords, AnyRowOfAWordMakesItSo) {
  const std::string text =
      lines(makeWording(), {makeRun(0, 0x1000, 1), makeRun(0x1000, 0x2000, 3),
                            makeRun(0x2000, 0x3000, 2)});
  EXPECT_EQ(llvm::StringRef(text).count("\"executable\":true"), 2u) << text;
}

TEST(ListingRecords, HolesHaveNoAttributes) {
  EXPECT_EQ(lines(makeWording(), makeRun(0, 0x1000, 0, 0)),
            (start + R"("first":"0x0","last":"0xfff","bytes":4096,)"
                     R"("level":"pgd","attributes":[],"present":false,)"
                     R"("executable":false,"dirty":false})"
                     "\n")
                .str());
  Wording silent = makeWording();
  silent.printsEmptyRuns = false;
  EXPECT_EQ(lines(silent, makeRun(0, 0x1000, 0, 0)), "");
}

TEST(ListingRecords, AFieldOfAnotherLevelHasNoWord) {
  const std::string text = lines(makeWording(), {makeRun(0, 1, 1 | bit(4), 3),
                                                 makeRun(1, 2, 1 | bit(4), 4)});
  EXPECT_EQ(llvm::StringRef(text).count("BIG"), 1u) << text;
}

TEST(ListingRecords, TheLastRangeEndsWithTheAddresses) {
  const std::string text =
      lines(makeWording(), {makeRun(0xfffffffffffff000, 0, 0)});
  EXPECT_NE(text.find(R"("last":"0xffffffffffffffff","bytes":4096,)"),
            std::string::npos)
      << text;
  Wording narrow = makeWording();
  narrow.addressDigits = 8;
  const std::string narrowText =
      lines(narrow, {makeRun(0xff800000, 0, 0), makeRun(0, 0, 0)});
  EXPECT_NE(narrowText.find(R"("last":"0xffffffff","bytes":8388608,)"),
            std::string::npos)
      << narrowText;
  EXPECT_NE(narrowText.find(R"("last":"0xffffffff","bytes":4294967296,)"),
            std::string::npos)
      << narrowText;
}

/// 2^64 is one more than 64 bits can say; no smaller number stands for it.
TEST(ListingRecords, AllOfTheAddressesAreNoNumber) {
  EXPECT_NE(lines(makeWording(), makeRun(0, 0, 0))
                .find(R"("last":"0xffffffffffffffff","bytes":null,)"),
            std::string::npos);
}

TEST(ListingRecords, PhysicalAddressesStandWhereTheKernelPrintsThem) {
  Wording wording = makeWording();
  wording.physicalColumn = true;
  EXPECT_NE(lines(wording, makeRun(0, 0x1000, 1))
                .find(R"("level":"pte","physical":"0x42000","attributes")"),
            std::string::npos);
}

TEST(ListingRecords, AbsentTablesStandInTheirPlace) {
  vmpt::Run run = makeRun(0x200000, 0x400000, 0x5000, RunState::absentLevel);
  run.state.effective = 3 << 8 | uint64_t(Absence::OutsideRam);
  EXPECT_EQ(lines(makeWording(), run),
            (start + R"("first":"0x200000","last":"0x3fffff",)"
                     R"("bytes":2097152,"level":"pmd","absent_table":"0x5000",)"
                     R"("reason":"outside_ram"})"
                     "\n")
                .str());
}

TEST(ListingRecords, SectionsThatAreCutShortAreNamed) {
  EXPECT_EQ(lines(makeWording(), {}, 12),
            R"({"schema":1,"record":"skipped","section":"vmalloc() Area",)"
            R"("ranges":12})"
            "\n");
}

std::string annotated(const Wording &wording, const vmpt::Run &run,
                      const RunNotes &notes) {
  std::string text;
  llvm::raw_string_ostream os(text);
  auto writer = RecordWriter::create(OutputFormat::JsonLines, "kernel", os);
  const PrintContext context = makeContext();
  ListingRecords records(wording, context, *writer);
  records.annotated(run, notes);
  records.finish();
  writer->finish({});
  return os.str();
}

TEST(ListingRecords, WhatWasAskedForBesidesIsThere) {
  RunNotes notes;
  notes.hasPhysical = true;
  EXPECT_NE(annotated(makeWording(), makeRun(0, 0x1000, 1), notes)
                .find(R"("physical":null,"attributes")"),
            std::string::npos);
  notes.physical = PhysAddr(0x5000);
  notes.repeats = true;
  notes.names.emplace();
  notes.names->names = {
      {"module", "dm_mod text", VirtAddr(0x800), VirtAddr(0xfff)}};
  notes.names->moreCount = 3;
  const std::string text =
      annotated(makeWording(), makeRun(0, 0x1000, 1), notes);
  EXPECT_NE(text.find(R"("physical":"0x5000","repeats":true,"attributes")"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find(R"("names":[{"kind":"module","name":"dm_mod text",)"
                      R"("first":"0x800","last":"0xfff"}],"more_names":3})"),
            std::string::npos)
      << text;
}

/// riscv's own column is there whatever was asked for.
TEST(ListingRecords, NamesAloneTakeNothingAway) {
  Wording wording = makeWording();
  wording.physicalColumn = true;
  RunNotes notes;
  notes.names.emplace();
  EXPECT_NE(annotated(wording, makeRun(0, 0x1000, 1), notes)
                .find(R"("physical":"0x42000")"),
            std::string::npos);
}

} // namespace
