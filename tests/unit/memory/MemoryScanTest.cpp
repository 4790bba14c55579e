#include "memory/MemoryScan.h"

#include "support/SparseMemory.h"
#include "gmock/gmock.h"

#include <algorithm>
#include <atomic>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t mebi = 1 << 20;

/// Zeros but for what it is told, and it says so.
class HoledMemory final : public PhysicalMemory {
public:
  std::vector<MemoryRange> all, stored;
  mutable std::atomic<uint64_t> forgotten = 0; ///< By all threads.
  mutable std::atomic<unsigned> forgetCount = 0;

  std::optional<AbsentByte>
  tryRead(PhysAddr, llvm::MutableArrayRef<uint8_t> out) const override {
    std::fill(out.begin(), out.end(), 0);
    return std::nullopt;
  }
  llvm::ArrayRef<MemoryRange> ranges() const override { return all; }
  MemoryRange nextStored(PhysAddr at, uint64_t size) const override {
    for (const MemoryRange &part : stored) {
      const PhysAddr first = std::max(at, part.start);
      const PhysAddr last =
          std::min(at + (size - 1), part.start + (part.size - 1));
      if (first <= last)
        return {first, last - first + 1, {}};
    }
    return {at, 0, {}};
  }
  void forget(PhysAddr, uint64_t size) const override {
    forgotten += size;
    ++forgetCount;
  }
};

/// "start+size", of zeros in brackets, of what is absent in braces.
std::string list(const PhysicalMemory &memory, bool all) {
  std::string text;
  MemoryPieces pieces(memory, all);
  for (MemoryPiece piece; pieces.next(piece);) {
    const std::string one = hex(piece.start) + "+" + hex(piece.size);
    text += (text.empty() ? "" : " ") + (piece.absence   ? "{" + one + "}"
                                         : piece.isZeros ? "[" + one + "]"
                                                         : one);
  }
  return text;
}

TEST(MemoryPieces, EndAtMultiplesOfTheirSize) {
  SparseMemory memory;
  memory.addZeros(PhysAddr(0xff000), 0x102000);
  memory.setAbsent(PhysAddr(0x201000), Absence::Excluded);
  memory.addZeros(PhysAddr(0x300000), 0x1000);
  EXPECT_EQ(list(memory, false),
            "0xff000+0x1000 0x100000+0x100000 0x200000+0x1000 0x300000+0x1000");
  EXPECT_EQ(list(memory, true), "0xff000+0x1000 0x100000+0x100000 "
                                "0x200000+0x1000 {0x201000+0x1000} "
                                "0x300000+0x1000");
}

TEST(MemoryPieces, HolesAreWidenedNeverNarrowed) {
  HoledMemory memory;
  memory.all = {{PhysAddr(0), 64 * mebi, {}}};
  memory.stored = {{PhysAddr(0x15000), 0x1000, {}},
                   {PhysAddr(0x3ff000), 0x2000, {}},
                   {PhysAddr(64 * mebi - 0x1000), 0x1000, {}}};
  EXPECT_EQ(list(memory, false), "0x10000+0x10000 0x3f0000+0x10000 "
                                 "0x400000+0x10000 0x3ff0000+0x10000");
  EXPECT_EQ(list(memory, true),
            "[0x0+0x10000] 0x10000+0x10000 [0x20000+0x3d0000] "
            "0x3f0000+0x10000 0x400000+0x10000 [0x410000+0x3be0000] "
            "0x3ff0000+0x10000");
}

TEST(MemoryPieces, AHoleOfTerabytesIsOnePiece) {
  HoledMemory memory;
  memory.all = {{PhysAddr(0x1000), uint64_t(1) << 60, {}}};
  EXPECT_EQ(list(memory, false), "");
  EXPECT_EQ(list(memory, true), "[0x1000+0x1000000000000000]");
}

TEST(MemoryPieces, TheTopOfTheAddressSpaceIsReached) {
  HoledMemory memory;
  memory.all = {{PhysAddr(0) - 2 * mebi, 2 * mebi, {}}};
  memory.stored = memory.all;
  EXPECT_EQ(list(memory, false), "0xffffffffffe00000+0x100000 "
                                 "0xfffffffffff00000+0x100000");
}

TEST(MemoryScan, TakesInOrderForgetsAndSaysHowFarItIs) {
  HoledMemory memory;
  memory.all = {{PhysAddr(0), 300 * mebi, {}},
                {PhysAddr(512 * mebi), 10 * mebi, Absence::Excluded},
                {PhysAddr(600 * mebi), 2 * mebi, {}}};
  memory.stored = {{PhysAddr(0), 200 * mebi, {}},
                   {PhysAddr(600 * mebi), 2 * mebi, {}}};
  for (unsigned threads : {1u, 5u}) {
    memory.forgotten = memory.forgetCount = 0;
    std::vector<uint64_t> told, starts;
    Diagnostics diagnostics({}, [&](llvm::StringRef, uint64_t done, uint64_t) {
      told.push_back(done / mebi);
    });
    diagnostics.setThreads(threads);
    scanMemory<uint64_t>(
        memory, diagnostics, "looking",
        [](const MemoryPiece &piece, uint64_t &start) {
          start = piece.start.value;
        },
        [&](uint64_t start) {
          starts.push_back(start);
          return true;
        });
    EXPECT_EQ(starts.size(), 202u);
    EXPECT_TRUE(std::is_sorted(starts.begin(), starts.end()));
    EXPECT_THAT(told, ::testing::ElementsAre(64, 128, 192, 301, 302))
        << "holes count as looked at";
    EXPECT_EQ(memory.forgotten.load(), 202 * mebi);
    EXPECT_LE(memory.forgetCount.load(), 8u) << "in large parts";
  }
}

} // namespace
