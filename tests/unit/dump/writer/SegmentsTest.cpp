#include "dump/writer/Segments.h"
#include "dump/writer/VerifiedRanges.h"

#include "memory/RecordingMemory.h"
#include "support/SparseMemory.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

namespace {

/// "start+stored/memory"
std::vector<std::string> show(llvm::ArrayRef<CoreSegment> segments) {
  std::vector<std::string> lines;
  for (const CoreSegment &segment : segments)
    lines.push_back(hex(segment.start) + "+" + hex(segment.storedBytes) + "/" +
                    hex(segment.memoryBytes));
  return lines;
}

/// Ranges that a test names; no bytes.
class RangesOnly final : public PhysicalMemory {
public:
  explicit RangesOnly(std::vector<MemoryRange> ranges)
      : ranges_(std::move(ranges)) {}
  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t>) const override {
    return AbsentByte{at, Absence::Corrupt};
  }
  llvm::ArrayRef<MemoryRange> ranges() const override { return ranges_; }

private:
  std::vector<MemoryRange> ranges_;
};

class ChooseTest : public ::testing::Test {
protected:
  ChooseTest() {
    memory.addZeros(PhysAddr(0x1000), 0x2000);
    memory.setAbsent(PhysAddr(0x3000), Absence::Excluded);
    memory.addZeros(PhysAddr(0x4000), 0x1000);
    memory.setAbsent(PhysAddr(0x5000), Absence::Truncated);
    memory.addZeros(PhysAddr(0x6000), 0x1000);
  }
  ChosenMemory choose() {
    Diagnostics silent;
    return chooseSegments(memory, verifyRanges(memory, silent));
  }
  SparseMemory memory;
};

TEST_F(ChooseTest, AnExcludedPageThatMayBeZerosIsRam) {
  memory.zeroPagesExcluded = true;
  EXPECT_THAT(show(choose().segments),
              ElementsAre("0x1000+0x2000/0x3000", "0x4000+0x1000/0x1000",
                          "0x6000+0x1000/0x1000"));
}

TEST_F(ChooseTest, AnyOtherAbsentPageIsInNoSegment) {
  EXPECT_THAT(show(choose().segments),
              ElementsAre("0x1000+0x2000/0x2000", "0x4000+0x1000/0x1000",
                          "0x6000+0x1000/0x1000"));
}

TEST_F(ChooseTest, WhatCannotBeReadAfterAllIsLost) {
  RangesOnly broken({{PhysAddr(0x1000), 0x2000, {}},
                     {PhysAddr(0x3000), 0x1000, Absence::Excluded}});
  Diagnostics silent;
  ChosenMemory chosen = chooseSegments(broken, verifyRanges(broken, silent));
  EXPECT_THAT(chosen.segments, IsEmpty());
  EXPECT_EQ(countLostBytes(broken, chosen.segments), 0x2000u);
  ASSERT_EQ(chosen.absent.size(), 2u);
  EXPECT_EQ(chosen.absent[0].absence, Absence::Corrupt);
  EXPECT_EQ(chosen.absent[1].absence, Absence::Excluded);
}

TEST_F(ChooseTest, TruncatedPagesAreLostExcludedOnesAreNot) {
  EXPECT_EQ(countLostBytes(memory, choose().segments), 0x1000u);
}

TEST(CutSegments, RunsOfPagesAreSegmentsTheRestIsRamWithoutBytes) {
  SparseMemory memory;
  memory.addZeros(PhysAddr(0x10000), 0x8000);
  EXPECT_THAT(show(cutSegments(memory, {PhysAddr(0x11000), PhysAddr(0x12000),
                                        PhysAddr(0x15000)})),
              ElementsAre("0x10000+0x0/0x1000", "0x11000+0x2000/0x4000",
                          "0x15000+0x1000/0x3000"));
}

TEST(CutSegments, WithoutPagesAllIsRamWithoutBytes) {
  SparseMemory memory;
  memory.addZeros(PhysAddr(0x10000), 0x2000);
  EXPECT_THAT(show(cutSegments(memory, {})), ElementsAre("0x10000+0x0/0x2000"));
}

TEST(CutSegments, PagesThatAreAbsentAreLeftOut) {
  SparseMemory memory;
  memory.addZeros(PhysAddr(0x1000), 0x1000);
  memory.setAbsent(PhysAddr(0x2000), Absence::Truncated);
  memory.addZeros(PhysAddr(0x3000), 0x1000);
  EXPECT_THAT(show(cutSegments(memory, {PhysAddr(0x1000), PhysAddr(0x2000),
                                        PhysAddr(0x3000), PhysAddr(0x9000)})),
              ElementsAre("0x1000+0x1000/0x1000", "0x3000+0x1000/0x1000"));
}

// A range of a dump may start and end anywhere.
TEST(CutSegments, APageOfTwoRangesIsKeptOfBoth) {
  RangesOnly memory({{PhysAddr(0x1800), 0x1000, {}},
                     {PhysAddr(0x2800), 0x100, Absence::Truncated},
                     {PhysAddr(0x2900), 0x900, {}}});
  EXPECT_THAT(show(cutSegments(memory, {PhysAddr(0x1000), PhysAddr(0x2000)})),
              ElementsAre("0x1800+0x1000/0x1000", "0x2900+0x700/0x900"));
}

TEST(SplitSegments, InTheMiddle) {
  std::vector<CoreSegment> segments = {{PhysAddr(0x1000), 0x3000, 0x2000}};
  splitSegments(segments, PhysAddr(0x2000));
  EXPECT_THAT(show(segments),
              ElementsAre("0x1000+0x1000/0x1000", "0x2000+0x1000/0x2000"));
}

TEST(SplitSegments, WhereNothingIsStoredAnyMore) {
  std::vector<CoreSegment> segments = {{PhysAddr(0x1000), 0x3000, 0x1000}};
  splitSegments(segments, PhysAddr(0x3000));
  EXPECT_THAT(show(segments),
              ElementsAre("0x1000+0x1000/0x2000", "0x3000+0x0/0x1000"));
}

TEST(SplitSegments, AtAnEdgeOrOutsideNothingHappens) {
  const std::vector<CoreSegment> before = {{PhysAddr(0x1000), 0x3000, 0x2000}};
  for (uint64_t at : {uint64_t(0), uint64_t(0x1000), uint64_t(0x4000),
                      uint64_t(0x5000), ~uint64_t(0)}) {
    std::vector<CoreSegment> segments = before;
    splitSegments(segments, PhysAddr(at));
    EXPECT_EQ(show(segments), show(before)) << hex(at);
  }
}

} // namespace
