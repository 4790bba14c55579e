#include "fleet/Workers.h"

#include "support/Expected.h"

#include "gtest/gtest.h"

#include <csignal>
#include <fcntl.h>
#include <memory>
#include <sys/mman.h>
#include <unistd.h>

using namespace vmpt;
using namespace vmpt::testing;
using namespace std::chrono_literals;
using End = WorkResult::End;

namespace {

void say(int fd, llvm::StringRef text) {
  EXPECT_EQ(::write(fd, text.data(), text.size()), ssize_t(text.size()));
}

class WorkersTest : public ::testing::Test {
protected:
  /// How \p work ends.
  WorkResult run(const std::function<void(int)> &work) {
    Workers workers(1, limits, watch);
    EXPECT_EQ(textOf(workers.start(7, work)), "");
    EXPECT_FALSE(workers.hasRoom());
    std::vector<WorkResult> ended;
    while (ended.empty())
      ended = workers.wait();
    EXPECT_TRUE(workers.isIdle());
    EXPECT_EQ(ended.size(), 1u);
    EXPECT_EQ(ended[0].job, 7u);
    return ended[0];
  }

  WorkLimits limits;
  InterruptWatch watch;
};

TEST_F(WorkersTest, WhatWorkSaysIsItsOutput) {
  const std::string text(1'000'000, 'x');
  const WorkResult result = run([&](int fd) {
    for (size_t at = 0; at < text.size(); at += 1000)
      say(fd, llvm::StringRef(text).substr(at, 1000));
  });
  EXPECT_EQ(result.end, End::Done);
  EXPECT_EQ(result.output, text);
  EXPECT_GT(result.peakBytes, 0u);
}

TEST_F(WorkersTest, TimeIsLimited) {
  limits.time = 50ms;
  const WorkResult result = run([](int fd) {
    say(fd, "begun");
    for (;;)
      ::pause();
  });
  EXPECT_EQ(result.end, End::Time);
  EXPECT_EQ(result.output, "begun");
  EXPECT_GE(result.wallMilliseconds, 50u);
}

TEST_F(WorkersTest, ClosingThePipeIsNoWayAroundTheLimit) {
  limits.time = 100ms;
  const WorkResult result = run([](int fd) {
    ::close(fd);
    for (;;)
      ::pause();
  });
  EXPECT_EQ(result.end, End::Signal);
  EXPECT_EQ(result.number, SIGKILL);
}

#if !defined(__SANITIZE_ADDRESS__) &&                                          \
    !(defined(__clang__) && __has_feature(address_sanitizer))
TEST_F(WorkersTest, MemoryIsLimited) {
  limits.memoryBytes = 32 << 20;
  const WorkResult result = run([](int) {
    std::vector<std::unique_ptr<char[]>> all;
    for (int i = 0; i < 64; ++i)
      all.push_back(std::make_unique<char[]>(1 << 20));
  });
  EXPECT_EQ(result.end, End::Memory);
}

TEST_F(WorkersTest, AMappedFileIsNoMemory) {
  limits.memoryBytes = 32 << 20;
  const WorkResult result = run([](int fd) {
    const int file = ::memfd_create("dump", 0);
    if (::ftruncate(file, 256 << 20) == 0 &&
        ::mmap(nullptr, 256 << 20, PROT_READ, MAP_SHARED, file, 0) !=
            MAP_FAILED)
      say(fd, "mapped");
  });
  EXPECT_EQ(result.output, "mapped");
}
#endif

TEST_F(WorkersTest, OutputIsLimited) {
  limits.outputBytes = 100'000;
  const WorkResult result = run([](int fd) {
    const std::string text(4096, 'x');
    while (::write(fd, text.data(), text.size()) > 0)
      ;
  });
  EXPECT_EQ(result.end, End::Output);
  EXPECT_LT(result.output.size(), 300'000u);
}

TEST_F(WorkersTest, SignalsAndStatuses) {
  const WorkResult killed = run([](int) { ::raise(SIGKILL); });
  EXPECT_EQ(killed.end, End::Signal);
  EXPECT_EQ(killed.number, SIGKILL);
  const WorkResult failed = run([](int) { ::_exit(3); });
  EXPECT_EQ(failed.end, End::Status);
  EXPECT_EQ(failed.number, 3);
}

TEST_F(WorkersTest, NothingOfOursIsOpen) {
  const int other = ::open("/dev/zero", O_RDONLY);
  ASSERT_GE(other, 0);
  const WorkResult result = run([](int fd) {
    std::string open;
    for (int number = 0; number < 256; ++number)
      if (::fcntl(number, F_GETFD) >= 0)
        open += std::to_string(number) + " ";
    say(fd, open);
  });
  EXPECT_EQ(result.output, "0 1 2 3 ");
  ::close(other);
}

TEST_F(WorkersTest, SeveralAtATime) {
  Workers workers(3, limits, watch);
  for (size_t job = 0; job < 3; ++job) {
    EXPECT_TRUE(workers.hasRoom());
    EXPECT_EQ(textOf(workers.start(
                  job, [job](int fd) { say(fd, std::to_string(job)); })),
              "");
  }
  EXPECT_FALSE(workers.hasRoom());
  std::string jobs;
  while (!workers.isIdle())
    for (const WorkResult &result : workers.wait()) {
      EXPECT_EQ(result.output, std::to_string(result.job));
      jobs += result.output;
    }
  EXPECT_EQ(jobs.size(), 3u);
}

TEST_F(WorkersTest, ASignalEndsTheWait) {
  limits.time = 1min;
  Workers workers(1, limits, watch);
  EXPECT_FALSE(watch.isInterrupted());
  EXPECT_EQ(textOf(workers.start(0,
                                 [](int) {
                                   for (;;)
                                     ::pause();
                                 })),
            "");
  ::kill(::getpid(), SIGTERM);
  EXPECT_TRUE(workers.wait().empty());
  EXPECT_TRUE(watch.isInterrupted());
  // What still runs is ended with the object, at once.
}

} // namespace
