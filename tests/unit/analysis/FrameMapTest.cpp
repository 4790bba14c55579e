#include "analysis/FrameMap.h"

#include "support/SparseMemory.h"

#include <gtest/gtest.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

using Frames = FrameOwners::Run;
constexpr uint32_t shared = FrameOwners::shared;

TEST(FrameOwnersTest, AFrameOfOneIsItsOwn) {
  FrameOwners owners;
  EXPECT_EQ(owners.add(1, {{20, 21, 0}, {10, 10, 0}, {11, 12, 0}}), 5u);
  EXPECT_EQ(owners.take(), (std::vector<Frames>{{10, 12, 1}, {20, 21, 1}}));
}

TEST(FrameOwnersTest, WhatOneMapsTwiceIsNotShared) {
  FrameOwners owners;
  EXPECT_EQ(owners.add(3, {{10, 14, 0}, {12, 13, 0}}), 5u);
  const std::vector<Frames> runs = owners.take();
  EXPECT_EQ(runs, (std::vector<Frames>{{10, 14, 3}}));
  EXPECT_EQ(owners.countShared(runs), (std::vector<uint64_t>{0}));
}

TEST(FrameOwnersTest, WhatSeveralMapIsShared) {
  FrameOwners owners;
  owners.add(1, {{10, 19, 0}});
  owners.add(2, {{15, 24, 0}});
  owners.add(7, {{18, 18, 0}, {30, 30, 0}});
  const std::vector<Frames> runs = owners.take();
  EXPECT_EQ(runs,
            (std::vector<Frames>{
                {10, 14, 1}, {15, 19, shared}, {20, 24, 2}, {30, 30, 7}}));
  EXPECT_EQ(owners.countShared(runs), (std::vector<uint64_t>{5, 5, 1}));
}

TEST(FrameOwnersTest, NobodyHasNothing) {
  FrameOwners owners;
  owners.add(1, {});
  const std::vector<Frames> runs = owners.take();
  EXPECT_TRUE(runs.empty());
  EXPECT_EQ(owners.countShared(runs), (std::vector<uint64_t>{0}));
}

TEST(FrameMapTest, WithoutStructPagesWhatIsInTheDump) {
  SparseMemory memory;
  memory.addZeros(PhysAddr(0x2000), 0x3000);
  memory.setAbsent(PhysAddr(0x3000), Absence::Excluded);
  const FrameMap map = readFrameMap(memory, 12, nullptr);
  ASSERT_EQ(map.runs.size(), 3u);
  EXPECT_EQ(map.runs[0].first, 2u);
  EXPECT_EQ(map.runs[0].absence, std::nullopt);
  EXPECT_EQ(map.runs[1].first, 3u);
  EXPECT_EQ(map.runs[1].absence, Absence::Excluded);
  EXPECT_EQ(map.runs[2].count, 1u);
  EXPECT_FALSE(map.isCut);
}

TEST(FrameMapTest, AFrameThatIsThereInPartIsNot) {
  SparseMemory memory;
  memory.addZeros(PhysAddr(0x10000), 0x18000); // One and a half of 64 KiB.
  const FrameMap map = readFrameMap(memory, 16, nullptr);
  ASSERT_EQ(map.runs.size(), 1u);
  EXPECT_EQ(map.runs[0].first, 1u);
  EXPECT_EQ(map.runs[0].count, 1u);
}

} // namespace
