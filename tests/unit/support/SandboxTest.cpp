#include "support/Sandbox.h"

#include "gtest/gtest.h"

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <fcntl.h>
#include <filesystem>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <thread>
#include <unistd.h>

using namespace vmpt;

namespace {

namespace fs = std::filesystem;

/// A folder with a file that may be read, one that may not, and a folder for
/// new files.
class SandboxTest : public ::testing::Test {
protected:
  void SetUp() override {
    char name[] = "/tmp/vmpt-sandbox-XXXXXX";
    ASSERT_NE(::mkdtemp(name), nullptr);
    folder_ = name;
    for (const char *file : {"dump", "secret", "folder/below", "out/old"}) {
      fs::create_directories((folder_ / file).parent_path());
      std::fclose(std::fopen((folder_ / file).c_str(), "w"));
    }
  }
  void TearDown() override { fs::remove_all(folder_); }

  enum Exit { Done, Wrong, NoFiles, NoCalls };

  /// In a process of its own: it has no way back.
  template <class Check> int runInside(Check check) {
    const pid_t child = ::fork();
    if (child == 0) {
      const SandboxEffect effect = enterSandbox(
          {{folder_ / "dump"}, {folder_ / "folder"}, {folder_ / "out"}});
      if (!effect.limitsFiles)
        ::_exit(NoFiles);
      if (!effect.limitsCalls)
        ::_exit(NoCalls);
      ::_exit(check() ? Done : Wrong);
    }
    int status = -1;
    ::waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  }

  bool fails(const char *file, int flags) const {
    return ::open((folder_ / file).c_str(), flags, 0600) < 0 && errno == EACCES;
  }
  bool opens(const char *file, int flags) const {
    return ::open((folder_ / file).c_str(), flags, 0600) >= 0;
  }

  fs::path folder_;
};

#define EXPECT_INSIDE(check)                                                   \
  switch (int result = runInside([&] { return check; })) {                     \
  case NoFiles:                                                                \
    GTEST_SKIP() << "this kernel has no Landlock";                             \
  case NoCalls:                                                                \
    GTEST_SKIP() << "this kernel has no seccomp";                              \
  default:                                                                     \
    EXPECT_EQ(result, Done);                                                   \
  }

TEST_F(SandboxTest, FilesThatWereNotNamedCannotBeOpened) {
  EXPECT_INSIDE(opens("dump", O_RDONLY) && opens("folder/below", O_RDONLY) &&
                fails("secret", O_RDONLY) && fails("dump", O_RDWR) &&
                fails("folder/new", O_WRONLY | O_CREAT) &&
                fails("new", O_WRONLY | O_CREAT));
}

TEST_F(SandboxTest, AnOutputIsMadeAndRenamed) {
  EXPECT_INSIDE(opens("out/new", O_WRONLY | O_CREAT) &&
                ::rename((folder_ / "out/new").c_str(),
                         (folder_ / "out/old").c_str()) == 0);
}

TEST_F(SandboxTest, AnOutputWithoutANameGetsOne) {
  const int fd = ::open(folder_.c_str(), O_TMPFILE | O_WRONLY, 0600);
  if (fd < 0)
    GTEST_SKIP() << "this file system has no files without names";
  ::close(fd);
  EXPECT_INSIDE(([&] {
    const int file =
        ::open((folder_ / "out").c_str(), O_TMPFILE | O_WRONLY, 0600);
    const std::string link = "/proc/self/fd/" + std::to_string(file);
    return file >= 0 && ::write(file, "text", 4) == 4 &&
           ::ftruncate(file, 2) == 0 &&
           ::linkat(AT_FDCWD, link.c_str(), AT_FDCWD,
                    (folder_ / "out/new").c_str(), AT_SYMLINK_FOLLOW) == 0;
  })());
}

TEST_F(SandboxTest, ThereIsNoNetwork) {
  EXPECT_INSIDE((::socket(AF_INET, SOCK_STREAM, 0) < 0 && errno == EPERM &&
                 ::socket(AF_UNIX, SOCK_STREAM, 0) < 0 && errno == EPERM));
}

TEST_F(SandboxTest, ThereAreNoProgramsAndNoProcesses) {
  EXPECT_INSIDE(([&] {
    char name[] = "/bin/true";
    char *words[] = {name, nullptr};
    return ::execv(name, words) < 0 && errno == EPERM && ::fork() < 0 &&
           ::system("true") != 0;
  })());
}

TEST_F(SandboxTest, ThereAreThreads) {
  EXPECT_INSIDE(([] {
    bool ran = false;
    std::thread([&] { ran = true; }).join();
    return ran;
  })());
}

TEST_F(SandboxTest, WhatIsOpenStaysOpen) {
  const int fd = ::open((folder_ / "secret").c_str(), O_RDWR);
  EXPECT_INSIDE((::write(fd, "x", 1) == 1));
  ::close(fd);
}

TEST_F(SandboxTest, NamesThatLeadToNothingArePassedOver) {
  const pid_t child = ::fork();
  if (child == 0) {
    enterSandbox({{"/nonexistent/file", ""}, {"0x1000"}, {"-"}});
    ::_exit(0);
  }
  int status = -1;
  ::waitpid(child, &status, 0);
  EXPECT_EQ(status, 0);
}

} // namespace
