#include "memory/LiveMemory.h"

#include "support/SparseMemory.h"

#include <gtest/gtest.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

class LiveMemoryTest : public ::testing::Test {
protected:
  LiveMemoryTest() : below(new SparseMemory()), live(take()) {
    below->addZeros(PhysAddr(0x10000), 0x4000);
    below->writeNumber<uint64_t>(PhysAddr(0x10008), 0x1111);
  }
  std::unique_ptr<PhysicalMemory> take() {
    return std::unique_ptr<PhysicalMemory>(below);
  }
  uint64_t read(uint64_t at) {
    auto value = live.readNumber<uint64_t>(PhysAddr(at));
    return value ? *value : (llvm::consumeError(value.takeError()), ~0ull);
  }

  SparseMemory *below; ///< Owned by `live`.
  LiveMemory live;
};

TEST_F(LiveMemoryTest, WhatDoesNotChangeIsOfOneMoment) {
  EXPECT_EQ(read(0x10008), 0x1111u);
  const LiveMemory::Changes changes = live.findChanges();
  EXPECT_EQ(changes.pagesRead, 1u);
  EXPECT_EQ(changes.wordsChanged, 0u);
  EXPECT_FALSE(changes.isCut);
}

TEST_F(LiveMemoryTest, TwoLooksSeeTheSameAndTheChangeIsTold) {
  EXPECT_EQ(read(0x10008), 0x1111u);
  below->writeNumber<uint64_t>(PhysAddr(0x10008), 0x2222);
  EXPECT_EQ(read(0x10008), 0x1111u);
  const LiveMemory::Changes changes = live.findChanges();
  EXPECT_EQ(changes.wordsChanged, 1u);
  EXPECT_EQ(changes.pagesChanged, 1u);
  ASSERT_EQ(changes.words.size(), 1u);
  EXPECT_EQ(changes.words[0], PhysAddr(0x10008));
}

TEST_F(LiveMemoryTest, WhatNobodyUsedMayChange) {
  EXPECT_EQ(read(0x10008), 0x1111u);
  below->writeNumber<uint64_t>(PhysAddr(0x10010), 0x2222);
  below->writeNumber<uint64_t>(PhysAddr(0x13000), 0x3333);
  EXPECT_EQ(live.findChanges().wordsChanged, 0u);
}

TEST_F(LiveMemoryTest, APageThatGoesAwayHasChanged) {
  EXPECT_EQ(read(0x10008), 0x1111u);
  EXPECT_EQ(read(0x11000), 0u);
  below->setAbsent(PhysAddr(0x10000), Absence::OutsideRam);
  EXPECT_EQ(live.findChanges().pagesChanged, 1u);
}

TEST_F(LiveMemoryTest, AReadAcrossPagesUsesBothAndKeepsTheReason) {
  EXPECT_EQ(read(0x10ffc), 0u);
  EXPECT_EQ(live.findChanges().pagesRead, 2u);
  uint8_t byte;
  auto absent = live.tryRead(PhysAddr(0x20000), byte);
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->address, PhysAddr(0x20000));
  EXPECT_EQ(absent->absence, Absence::OutsideRam);
}

TEST_F(LiveMemoryTest, ScansAreNotKept) {
  uint8_t byte;
  EXPECT_FALSE(live.forScanning().tryRead(PhysAddr(0x10000), byte));
  EXPECT_EQ(live.findChanges().pagesRead, 0u);
}

} // namespace
