#include "memory/CutMemory.h"

#include "support/SparseMemory.h"

#include <gtest/gtest.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Two pages at 0x1000, and something tells that memory went on up to 0x6000.
class CutMemoryTest : public ::testing::Test {
protected:
  static std::unique_ptr<PhysicalMemory> make() {
    auto memory = std::make_unique<SparseMemory>();
    memory->addZeros(PhysAddr(0x1000), 0x2000);
    return memory;
  }
  CutMemory memory{make(), PhysAddr(0x6000)};
  uint8_t bytes[16];
};

TEST_F(CutMemoryTest, ReadsWhatIsThere) {
  EXPECT_FALSE(memory.tryRead(PhysAddr(0x1000), bytes));
  EXPECT_EQ(CutMemory::endOf(*make()), PhysAddr(0x3000));
  EXPECT_EQ(CutMemory::endOf(SparseMemory()), PhysAddr(0));
}

TEST_F(CutMemoryTest, WhatWasCutOffIsTruncated) {
  for (uint64_t at : {0x3000u, 0x5ff0u, 0x5fffu}) {
    auto absent = memory.tryRead(PhysAddr(at), bytes);
    ASSERT_TRUE(absent);
    EXPECT_EQ(absent->address, PhysAddr(at));
    EXPECT_EQ(absent->absence, Absence::Truncated);
  }
  auto across = memory.tryRead(PhysAddr(0x2ff8), bytes);
  ASSERT_TRUE(across);
  EXPECT_EQ(across->address, PhysAddr(0x3000));
  EXPECT_EQ(across->absence, Absence::Truncated);
}

TEST_F(CutMemoryTest, TheRestStaysOutsideOfRam) {
  for (uint64_t at : {0x0u, 0x6000u, 0xffff0000u})
    EXPECT_EQ(memory.tryRead(PhysAddr(at), bytes)->absence,
              Absence::OutsideRam);
}

TEST_F(CutMemoryTest, CountsWhatIsMissing) {
  EXPECT_EQ(memory.truncatedBytes(), 0x3000u);
  EXPECT_EQ(memory.presentBytes(), 0x2000u);
  EXPECT_EQ(CutMemory::endOf(memory), PhysAddr(0x6000));
}

} // namespace
