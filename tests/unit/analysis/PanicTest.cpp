#include "analysis/Panic.h"

#include "gtest/gtest.h"

using namespace vmpt;

namespace {

TEST(CpuLine, OfAllReleases) {
  std::optional<CpuLine> line =
      CpuLine::parse("CPU: 1 PID: 131 Comm: sh Not tainted 6.1.0-26 #1");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->cpu, 1u);
  EXPECT_EQ(line->pid, 131u);
  // 6.11 put the user between them.
  line = CpuLine::parse("CPU: 0 UID: 0 PID: 7 Comm: a b Tainted: G  D");
  ASSERT_TRUE(line);
  EXPECT_EQ(line->pid, 7u);
  for (const char *other :
       {"", "CPU: 1", "CPU: x PID: 3 Comm: a", "my CPU: 1 has PID: 3",
        "PID: 3 Comm: a", "CPU: 99999999999 PID: 3 Comm: a"})
    EXPECT_FALSE(CpuLine::parse(other)) << other;
}

std::optional<uint32_t> culpritOf(std::initializer_list<const char *> lines) {
  PanicLog log;
  for (const char *line : lines)
    log.add(line);
  std::optional<CpuLine> culprit = log.culprit();
  return culprit ? std::optional<uint32_t>(culprit->pid) : std::nullopt;
}

constexpr const char *panicLine = "Kernel panic - not syncing: sysrq",
                     *first = "CPU: 0 PID: 10 Comm: a",
                     *second = "CPU: 1 PID: 20 Comm: b",
                     *third = "CPU: 1 PID: 30 Comm: c";

TEST(PanicLog, TheLineBehindThePanicNamesTheTask) {
  EXPECT_EQ(culpritOf({first, panicLine, second, third}), 20u);
}

/// panic() in an oops prints no second stack.
TEST(PanicLog, ElseTheOopsBeforeDoes) {
  EXPECT_EQ(culpritOf({first, second, panicLine}), 20u);
}

TEST(PanicLog, AnOopsAloneIsNoPanic) {
  PanicLog log;
  log.add(first);
  EXPECT_FALSE(log.hasPanicked());
  log.add(panicLine);
  EXPECT_TRUE(log.hasPanicked());
  EXPECT_EQ(culpritOf({panicLine}), std::nullopt);
}

} // namespace
