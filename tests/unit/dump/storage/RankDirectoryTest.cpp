#include "dump/storage/RankDirectory.h"

#include "gtest/gtest.h"

#include <random>

using namespace vmpt;

namespace {

/// Compares everything with a loop over the bits.
void expectRight(const std::vector<uint8_t> &bitmap,
                 const RankDirectory &directory) {
  std::vector<uint64_t> set;
  const uint64_t bits = bitmap.size() * 8;
  for (uint64_t n = 0; n < bits; ++n) {
    ASSERT_EQ(directory.rank(n), set.size()) << n;
    ASSERT_EQ(directory.previousSet(n),
              set.empty() ? std::nullopt : std::optional(set.back()))
        << n;
    if (bitmap[n / 8] >> n % 8 & 1) {
      ASSERT_TRUE(directory.test(n));
      set.push_back(n);
    }
  }
  EXPECT_EQ(directory.total(), set.size());
  EXPECT_EQ(directory.rank(bits + 70000), set.size());
  std::optional<uint64_t> next;
  for (uint64_t n = bits; n-- > 0;) {
    if (bitmap[n / 8] >> n % 8 & 1)
      next = n;
    ASSERT_EQ(directory.nextSet(n), next) << n;
  }
  EXPECT_EQ(directory.nextSet(bits), std::nullopt);
}

TEST(RankDirectory, CountsAndFinds) {
  std::mt19937_64 random(1);
  for (uint64_t size : {0, 1, 7, 8, 63, 64, 65, 4095, 4096, 4097, 3 * 4096 + 5})
    for (unsigned rarity : {1, 2, 100, 1000000}) {
      std::vector<uint8_t> bitmap(size);
      for (uint8_t &byte : bitmap)
        byte = random() % rarity ? 0 : uint8_t(random());
      expectRight(bitmap, RankDirectory(bitmap));
    }
}

TEST(RankDirectory, DoesNotLookWhereNothingIs) {
  std::vector<uint8_t> bitmap(5 * 4096 + 100);
  for (uint64_t at : {4096, 8191, 3 * 4096 + 7, 5 * 4096 + 99})
    bitmap[at] = 0x81;
  expectRight(bitmap, RankDirectory(bitmap, {RankDirectory::Part{4096, 8192},
                                             {3 * 4096 + 7, 3 * 4096 + 8},
                                             {5 * 4096 + 90, ~uint64_t(0)}}));
  const RankDirectory directory(bitmap, {RankDirectory::Part{4096, 8192}});
  EXPECT_EQ(directory.total(), 4u);
  EXPECT_EQ(directory.rank(5 * 32768), 4u);
}

} // namespace
