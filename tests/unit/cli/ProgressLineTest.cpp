#include "cli/ProgressLine.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace std::chrono_literals;
using ::testing::HasSubstr;
using ::testing::Optional;

namespace {

constexpr uint64_t mib = 1 << 20;
constexpr ProgressLine::Time start{};

TEST(ProgressLineTest, ShortWorkShowsNothing) {
  ProgressLine line;
  EXPECT_EQ(line.update("scan", 0, 10, start), std::nullopt);
  EXPECT_EQ(line.update("scan", 5, 10, start + 999ms), std::nullopt);
  EXPECT_EQ(line.update("scan", 10, 10, start + 5s), std::nullopt)
      << "nothing was shown, so nothing is to be erased";
}

TEST(ProgressLineTest, RateAndTimeLeft) {
  ProgressLine line;
  line.update("scan", 0, 100 * mib, start);
  EXPECT_EQ(line.update("scan", 25 * mib, 100 * mib, start + 2s),
            "\rvmpt: scan: 25%, 12 MiB/s, 6 s left\x1b[K");
  EXPECT_EQ(line.update("scan", 26 * mib, 100 * mib, start + 2100ms),
            std::nullopt)
      << "not more often than it is read";
  EXPECT_THAT(line.update("scan", 30 * mib, 100 * mib, start + 120s),
              Optional(HasSubstr("5 min left")));
  EXPECT_EQ(line.update("scan", 100 * mib, 100 * mib, start + 121s),
            "\r\x1b[K");
}

TEST(ProgressLineTest, OtherWorkBeginsAnew) {
  ProgressLine line;
  line.update("first", 0, 10, start);
  EXPECT_NE(line.update("first", 5, 10, start + 2s), std::nullopt);
  EXPECT_EQ(line.update("second", 1, 10, start + 3s), std::nullopt);
  EXPECT_THAT(line.update("second", 2, 10, start + 5s),
              Optional(HasSubstr("second: 20%, 8 s left")));
}

TEST(ProgressLineTest, NothingToDoIsDone) {
  ProgressLine line;
  EXPECT_EQ(line.update("scan", 0, 0, start + 9s), std::nullopt);
}

} // namespace
