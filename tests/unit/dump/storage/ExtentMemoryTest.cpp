#include "dump/storage/ExtentMemory.h"

#include "gtest/gtest.h"

#include <numeric>
#include <random>
#include <tuple>

using namespace vmpt;

namespace {

std::vector<uint8_t> filled(size_t size, uint8_t value) {
  return std::vector<uint8_t>(size, value);
}

uint8_t byteAt(const PhysicalMemory &memory, uint64_t at) {
  uint8_t byte = 0;
  auto absent = memory.tryRead(PhysAddr(at), byte);
  EXPECT_FALSE(absent) << hex(at);
  return byte;
}

TEST(ExtentMemory, ReadsAcrossExtentsAndNamesTheFirstAbsentByte) {
  auto a = filled(16, 0xaa), b = filled(16, 0xbb);
  ExtentMemory memory;
  memory.addData(PhysAddr(0x110), b);
  memory.addData(PhysAddr(0x100), a);
  memory.finish();

  std::vector<uint8_t> out(32);
  EXPECT_FALSE(memory.tryRead(PhysAddr(0x100), out));
  EXPECT_EQ(out[15], 0xaa);
  EXPECT_EQ(out[16], 0xbb);

  out.resize(33);
  auto absent = memory.tryRead(PhysAddr(0x100), out);
  ASSERT_TRUE(absent);
  EXPECT_EQ(absent->address, PhysAddr(0x120));
  EXPECT_EQ(absent->absence, Absence::OutsideRam);
  ASSERT_EQ(memory.ranges().size(), 1u);
  EXPECT_EQ(memory.ranges()[0], (MemoryRange{PhysAddr(0x100), 32, {}}));
}

TEST(ExtentMemory, DataWinsOverZerosAndZerosOverAbsence) {
  auto data = filled(16, 0xdd);
  ExtentMemory memory;
  memory.addAbsent(PhysAddr(0), 64, Absence::Excluded);
  memory.addZeros(PhysAddr(8), 24);
  memory.addData(PhysAddr(16), data);
  memory.finish();

  EXPECT_EQ(byteAt(memory, 8), 0);
  EXPECT_EQ(byteAt(memory, 16), 0xdd);
  uint8_t byte;
  EXPECT_EQ(memory.tryRead(PhysAddr(7), byte)->absence, Absence::Excluded);
  EXPECT_EQ(memory.tryRead(PhysAddr(32), byte)->absence, Absence::Excluded);
  EXPECT_EQ(memory.tryRead(PhysAddr(64), byte)->absence, Absence::OutsideRam);
  EXPECT_EQ(memory.ranges().size(), 3u);
}

TEST(ExtentMemory, OverlappingDataKeepsThePieceThatStartsFirst) {
  auto a = filled(32, 0xaa), b = filled(32, 0xbb), inner = filled(4, 0xcc);
  ExtentMemory memory;
  memory.addData(PhysAddr(16), b);
  memory.addData(PhysAddr(4), inner);
  memory.addData(PhysAddr(0), a);
  memory.finish();
  EXPECT_EQ(byteAt(memory, 4), 0xaa);
  EXPECT_EQ(byteAt(memory, 31), 0xaa);
  EXPECT_EQ(byteAt(memory, 32), 0xbb);
  EXPECT_EQ(byteAt(memory, 47), 0xbb);
}

/// Which of the added extents a byte comes from, the order of trust by hand.
TEST(ExtentMemory, EachByteComesFromTheExtentThatWins) {
  std::mt19937 random(7);
  for (unsigned round = 0; round < 300; ++round) {
    struct Added {
      unsigned kind; ///< 0 data, 1 zeros, 2 absent
      uint64_t start, size;
    };
    std::vector<Added> added;
    std::vector<std::vector<uint8_t>> bytes;
    ExtentMemory memory;
    const unsigned count = 1 + random() % 12;
    for (unsigned i = 0; i < count; ++i) {
      added.push_back(
          {unsigned(random() % 3), random() % 96, 1 + random() % 24});
      const auto [kind, start, size] = added.back();
      bytes.push_back(filled(size, uint8_t(i + 1)));
      if (kind == 0)
        memory.addData(PhysAddr(start), bytes.back());
      else if (kind == 1)
        memory.addZeros(PhysAddr(start), size);
      else
        memory.addAbsent(PhysAddr(start), size, Absence::Excluded);
    }
    memory.finish();
    for (uint64_t at = 0; at < 128; ++at) {
      const Added *best = nullptr;
      for (const Added &other : added)
        if (at - other.start < other.size &&
            (!best || std::tie(other.kind, other.start) <
                          std::tie(best->kind, best->start)))
          best = &other;
      uint8_t byte = 0xff;
      const auto absent = memory.tryRead(PhysAddr(at), byte);
      ASSERT_EQ(absent.has_value(), !best || best->kind == 2) << round;
      if (absent)
        ASSERT_EQ(absent->absence,
                  best ? Absence::Excluded : Absence::OutsideRam);
      else
        ASSERT_EQ(byte, best->kind ? 0 : best - added.data() + 1) << round;
    }
  }
}

TEST(ExtentMemory, ReachesTheLastByteOfTheAddressSpace) {
  auto data = filled(32, 0xee);
  ExtentMemory memory;
  memory.addData(PhysAddr(~uint64_t(0) - 15), data); // 16 bytes too long
  memory.finish();
  EXPECT_EQ(byteAt(memory, ~uint64_t(0)), 0xee);
  EXPECT_EQ(memory.ranges()[0].size, 16u);
  EXPECT_EQ(memory.tryView(PhysAddr(~uint64_t(0)), 2), nullptr);
  EXPECT_NE(memory.tryView(PhysAddr(~uint64_t(0)), 1), nullptr);
}

TEST(ExtentMemory, TheWholeAddressSpaceIsTwoRanges) {
  ExtentMemory memory;
  memory.addAbsent(PhysAddr(0), uint64_t(1) << 63, Absence::Excluded);
  memory.addAbsent(PhysAddr(uint64_t(1) << 63), uint64_t(1) << 63,
                   Absence::Excluded);
  memory.finish();
  ASSERT_EQ(memory.ranges().size(), 2u);
  EXPECT_EQ(memory.ranges()[1].size, uint64_t(1) << 63);
}

TEST(ExtentMemory, PeeksWhereItWouldView) {
  auto a = filled(16, 0xaa), b = filled(16, 0xbb);
  ExtentMemory memory;
  memory.addData(PhysAddr(0x100), a);
  memory.addData(PhysAddr(0x110), b);
  memory.addZeros(PhysAddr(0x120), 16);
  memory.addAbsent(PhysAddr(0x130), 16, Absence::Excluded);
  memory.finish();
  EXPECT_EQ(memory.tryPeek(PhysAddr(0x104), 12), a.data() + 4);
  EXPECT_EQ(memory.tryPeek(PhysAddr(0x110), 16), b.data());
  for (uint64_t at : {0x104, 0x120, 0x130, 0x140, 0})
    EXPECT_EQ(memory.tryPeek(PhysAddr(at), 16), nullptr) << hex(at);
}

} // namespace
