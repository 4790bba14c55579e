#include "dump/storage/PageCache.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <random>

using namespace vmpt;

namespace {

TEST(PageCache, KeepsAtMostItsBudgetAndNeverMixesPages) {
  constexpr uint64_t pageSize = 256, pages = 64;
  PageCache cache(pageSize, pages * pageSize);
  std::vector<uint8_t> page(pageSize);
  for (uint64_t key = 0; key < 1000; ++key) {
    std::fill(page.begin(), page.end(), uint8_t(key));
    cache.insert(key, page);
    uint8_t last[2] = {};
    ASSERT_TRUE(cache.tryCopy(key, pageSize - 2, last));
    ASSERT_EQ(last[1], uint8_t(key));
  }
  uint64_t held = 0;
  for (uint64_t key = 0; key < 1000; ++key)
    if (cache.tryCopy(key, 0, page)) {
      ++held;
      EXPECT_EQ(page, std::vector<uint8_t>(pageSize, uint8_t(key)));
    }
  EXPECT_LE(held, pages);
  EXPECT_GE(held, pages / 2);
}

TEST(PageCache, KnowsWhatWasNeverWanted) {
  PageCache cache(4096, 64 << 10, 1000);
  for (uint64_t key : {999, 0, 1, 63, 64, 65, 998}) {
    EXPECT_FALSE(cache.noteUse(key)) << key;
    EXPECT_TRUE(cache.noteUse(key)) << key;
  }
}

TEST(PageCache, DropsThePageThatWasNotAskedForLongest) {
  PageCache cache(1, 4); // one set of four
  uint8_t byte = 0;
  for (uint64_t key : {10, 11, 12, 13})
    cache.insert(key, uint8_t(key));
  EXPECT_TRUE(cache.tryCopy(10, 0, byte));
  cache.insert(14, uint8_t(14));
  EXPECT_FALSE(cache.tryCopy(11, 0, byte));
  for (uint64_t key : {10, 12, 13, 14})
    EXPECT_TRUE(cache.tryCopy(key, 0, byte)) << key;
}

} // namespace
