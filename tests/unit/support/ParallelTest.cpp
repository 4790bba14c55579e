#include "support/Parallel.h"

#include "gmock/gmock.h"

using namespace vmpt;

namespace {

TEST(Parallel, RunsEachIndexOnceWithAnyNumberOfThreads) {
  for (unsigned threads : {0u, 1u, 2u, 7u, 100u})
    for (size_t count : {0, 1, 2, 50, 1000}) {
      std::vector<std::atomic<unsigned>> runs(count);
      parallelFor(count, threads, [&](size_t i) { ++runs[i]; });
      for (const std::atomic<unsigned> &run : runs)
        ASSERT_EQ(run.load(), 1u) << threads << " threads, " << count;
    }
}

TEST(Parallel, ReturnsWhenAllIsDone) {
  std::vector<unsigned> results(64);
  parallelFor(results.size(), 4, [&](size_t i) { results[i] = unsigned(i); });
  for (unsigned i = 0; i < results.size(); ++i)
    EXPECT_EQ(results[i], i);
}

} // namespace
