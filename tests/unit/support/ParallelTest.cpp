#include "support/Parallel.h"

#include "gmock/gmock.h"

#include <algorithm>
#include <atomic>
#include <new>
#include <thread>

using namespace vmpt;

namespace {

constexpr unsigned threadCounts[] = {0, 1, 2, 7, 100};

TEST(Parallel, MakesEachPieceOnceAndTakesThemInOrder) {
  for (unsigned threads : threadCounts)
    for (size_t count : {0, 1, 2, 50, 1000}) {
      std::vector<std::atomic<unsigned>> made(count);
      std::vector<size_t> taken;
      countInOrder<size_t>(
          count, threads,
          [&](unsigned worker, size_t i, size_t &result) {
            ASSERT_LT(worker, std::max(1u, threads));
            ++made[i];
            result = i * i;
          },
          [&](size_t i, size_t &result) {
            EXPECT_EQ(result, i * i);
            taken.push_back(i);
            return true;
          });
      ASSERT_EQ(taken.size(), count) << threads << " threads";
      for (size_t i = 0; i < count; ++i) {
        ASSERT_EQ(made[i].load(), 1u) << threads << " threads, " << count;
        ASSERT_EQ(taken[i], i);
      }
    }
}

TEST(Parallel, EndsWhereTheTakerSaysSoAndWorksLittleAhead) {
  for (unsigned threads : threadCounts) {
    std::atomic<size_t> made = 0;
    size_t taken = 0;
    countInOrder<int>(
        1'000'000, threads, [&](unsigned, size_t, int &) { ++made; },
        [&](size_t i, int &) {
          ++taken;
          return i != 10;
        });
    EXPECT_EQ(taken, 11u);
    EXPECT_LE(made.load(), 11 + 4 * std::max<size_t>(1, threads));
  }
}

TEST(Parallel, AWorkerDoesOnePieceAtATime) {
  constexpr unsigned threads = 4;
  std::vector<std::atomic<int>> busy(threads);
  countInOrder<int>(
      2000, threads,
      [&](unsigned worker, size_t, int &) {
        EXPECT_EQ(++busy[worker], 1);
        --busy[worker];
      },
      [](size_t, int &) { return true; });
}

TEST(Parallel, TheCallerGetsWhatAnyThreadThrows) {
  for (unsigned threads : threadCounts) {
    size_t taken = 0;
    EXPECT_THROW(countInOrder<int>(
                     1000, threads,
                     [](unsigned, size_t i, int &) {
                       if (i >= 20)
                         throw std::bad_alloc();
                     },
                     [&](size_t, int &) { return ++taken, true; }),
                 std::bad_alloc);
    EXPECT_EQ(taken, 20u);
    EXPECT_THROW(
        (inOrder<int, int>(
            threads, [](int &) -> bool { throw std::bad_alloc(); },
            [](unsigned, int, int &) {}, [](int, int &) { return true; })),
        std::bad_alloc);
    EXPECT_THROW(countInOrder<int>(
                     1000, threads, [](unsigned, size_t, int &) {},
                     [](size_t, int &) -> bool { throw std::bad_alloc(); }),
                 std::bad_alloc);
  }
}

/// The first piece ends when all others are done.
TEST(Parallel, AsManyResultsWaitAsMayWait) {
  constexpr size_t count = 100;
  std::atomic<size_t> done = 0;
  std::vector<size_t> taken;
  countInOrder<size_t>(
      count, 2,
      [&](unsigned, size_t i, size_t &result) {
        while (i == 0 && done < count - 1)
          std::this_thread::yield();
        result = i;
        ++done;
      },
      [&](size_t, size_t result) {
        taken.push_back(result);
        return true;
      },
      count);
  EXPECT_TRUE(std::is_sorted(taken.begin(), taken.end()));
  EXPECT_EQ(taken.size(), count);
}

TEST(Parallel, ResultsStartAnew) {
  countInOrder<std::vector<int>>(
      100, 3,
      [](unsigned, size_t, std::vector<int> &result) { result.push_back(1); },
      [](size_t, std::vector<int> &result) {
        EXPECT_EQ(result.size(), 1u);
        return true;
      });
}

} // namespace
