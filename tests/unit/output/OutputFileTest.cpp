// OutputFileTest.cpp - nothing that was there is lost
#include "output/OutputFile.h"
#include "support/Expected.h"

#include "gmock/gmock.h"
#include "gtest/gtest.h"

#include <fcntl.h>
#include <filesystem>
#include <fstream>
#include <sys/stat.h>
#include <unistd.h>

using namespace vmpt;
using namespace vmpt::testing;
namespace fs = std::filesystem;
using ::testing::HasSubstr;

namespace {

class OutputFileTest : public ::testing::Test {
protected:
  OutputFileTest() {
    std::string name = ::testing::TempDir() + "vmpt-output-XXXXXX";
    folder = ::mkdtemp(name.data());
    mask = ::umask(022);
  }
  ~OutputFileTest() override {
    ::umask(mask);
    fs::remove_all(folder);
  }

  std::string make(const std::string &name, const std::string &text,
                   mode_t mode = 0644) {
    const std::string path = folder / name;
    std::ofstream(path) << text;
    ::chmod(path.c_str(), mode);
    return path;
  }
  static std::string read(const std::string &path) {
    std::ifstream file(path);
    return {std::istreambuf_iterator<char>(file), {}};
  }
  static mode_t modeOf(const std::string &path) {
    struct stat status = {};
    ::stat(path.c_str(), &status);
    return status.st_mode & 07777;
  }
  /// "", or why not.
  static std::string write(const OutputRequest &request) {
    auto file = OutputFile::create(request);
    if (!file)
      return textOf(std::move(file));
    const uint8_t text[] = {'n', 'e', 'w'};
    if (llvm::Error error = (*file)->write(text))
      return textOf(std::move(error));
    llvm::Error error = (*file)->commit();
    return error ? textOf(std::move(error)) : "";
  }
  size_t countFiles() const {
    return size_t(std::distance(fs::directory_iterator(folder), {}));
  }

  fs::path folder;
  mode_t mask;
};

TEST_F(OutputFileTest, AnInputIsNeverTheOutput) {
  const std::string dump = make("dump", "dump"), part = make("part", "part"),
                    symbols = make("symbols", "symbols");
  fs::create_hard_link(dump, folder / "hard");
  fs::create_symlink("part", folder / "soft");
  for (const char *name : {"dump", "part", "symbols", "hard", "soft"})
    for (bool force : {false, true})
      EXPECT_THAT(write({.path = folder / name,
                         .dumpFiles = {dump, part},
                         .otherInputs = {symbols},
                         .force = force}),
                  ::testing::MatchesRegex("is the input( '.*')? itself, which "
                                          "would be lost; name another file"))
          << name;
  EXPECT_EQ(read(dump), "dump");
  EXPECT_EQ(read(part), "part");
  EXPECT_EQ(read(symbols), "symbols");
}

TEST_F(OutputFileTest, AFileThatExistsIsReplacedByForceOnly) {
  const std::string old = make("old", "old");
  EXPECT_EQ(write({.path = old}),
            "exists; name another file, or pass --force to replace it");
  EXPECT_EQ(read(old), "old");
  EXPECT_EQ(write({.path = old, .force = true}), "");
  EXPECT_EQ(read(old), "new");
  EXPECT_EQ(countFiles(), 1u);
}

TEST_F(OutputFileTest, AFileThatAppearsMeanwhileStays) {
  const std::string path = folder / "out";
  auto file = valueOf(OutputFile::create({.path = path}));
  make("out", "somebody else's");
  EXPECT_THAT(textOf(file->commit()), HasSubstr("File exists"));
  file.reset();
  EXPECT_EQ(read(path), "somebody else's");
  EXPECT_EQ(countFiles(), 1u);
}

TEST_F(OutputFileTest, WithoutACommitNothingIsLeft) {
  const std::string old = make("old", "old");
  valueOf(OutputFile::create({.path = old, .force = true})).reset();
  valueOf(OutputFile::create({.path = folder / "new"})).reset();
  EXPECT_EQ(read(old), "old");
  EXPECT_EQ(countFiles(), 1u);
}

TEST_F(OutputFileTest, LinksAreFollowedAndStay) {
  const std::string old = make("old", "old");
  fs::create_directory(folder / "inner");
  fs::create_symlink("../old", folder / "inner" / "link");
  fs::create_symlink("inner/link", folder / "link");
  fs::create_symlink("inner/later", folder / "dangling");
  EXPECT_THAT(write({.path = folder / "link"}), HasSubstr("--force"));
  EXPECT_EQ(write({.path = folder / "link", .force = true}), "");
  EXPECT_TRUE(fs::is_symlink(folder / "link"));
  EXPECT_TRUE(fs::is_symlink(folder / "inner" / "link"));
  EXPECT_EQ(read(old), "new");
  EXPECT_EQ(write({.path = folder / "dangling"}), "");
  EXPECT_TRUE(fs::is_symlink(folder / "dangling"));
  EXPECT_EQ(read(folder / "inner" / "later"), "new");
  fs::create_symlink("loop", folder / "loop");
  EXPECT_THAT(write({.path = folder / "loop"}), HasSubstr("cannot create"));
}

TEST_F(OutputFileTest, WhatIsNoRegularFileIsWrittenToOrRefused) {
  EXPECT_EQ(write({.path = "/dev/null"}), "");
  EXPECT_TRUE(fs::is_character_file("/dev/null"));
  EXPECT_THAT(write({.path = "/dev/full"}), HasSubstr("No space left"));
  EXPECT_THAT(write({.path = folder}),
              HasSubstr("is a directory and not a regular file"));
  EXPECT_THAT(write({.path = folder / "no" / "out"}),
              HasSubstr("cannot create: No such file"));

  const std::string fifo = folder / "fifo";
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
  auto file = valueOf(OutputFile::create({.path = fifo}));
  ASSERT_FALSE(file->skip(3));
  ASSERT_FALSE(file->commit());
  char text[8];
  EXPECT_EQ(::read(reader, text, sizeof text), 3);
  ::close(reader);
  EXPECT_TRUE(fs::is_fifo(fifo));
}

TEST_F(OutputFileTest, StandardOutputIsWrittenToWhateverItIs) {
  const std::string path = make("redirected", "");
  const int saved = ::dup(STDOUT_FILENO);
  for (const char *name : {"-", "/dev/stdout", "/proc/self/fd/1"}) {
    const int target = ::open(path.c_str(), O_WRONLY | O_TRUNC);
    ::dup2(target, STDOUT_FILENO);
    ::close(target);
    const std::string problem = write({.path = name});
    ::dup2(saved, STDOUT_FILENO);
    EXPECT_EQ(problem, "") << name;
    EXPECT_EQ(read(path), "new") << name;
  }
  ::close(saved);
  EXPECT_EQ(countFiles(), 1u);
}

TEST_F(OutputFileTest, ATerminalIsRefused) {
  const int terminal = ::posix_openpt(O_RDWR | O_NOCTTY);
  if (terminal < 0 || ::grantpt(terminal) || ::unlockpt(terminal))
    GTEST_SKIP() << "no terminals here";
  EXPECT_THAT(write({.path = ::ptsname(terminal)}), HasSubstr("is a terminal"));
  ::close(terminal);
}

TEST_F(OutputFileTest, NobodyMayReadMoreThanBefore) {
  const std::string shared = make("shared", "", 0666),
                    own = make("own", "", 0600),
                    group = make("group", "", 0640);
  const struct {
    std::vector<std::string> dumpFiles;
    mode_t mode;
  } cases[] = {{{}, 0644},
               {{shared}, 0644},
               {{group}, 0640},
               {{own}, 0600},
               {{shared, group, own}, 0600}};
  for (const auto &[dumpFiles, mode] : cases) {
    const std::string path = folder / "out";
    EXPECT_EQ(write({.path = path, .dumpFiles = dumpFiles}), "");
    EXPECT_EQ(modeOf(path), mode);
    ::unlink(path.c_str());
  }
  const std::string old = make("old", "old", 0600);
  EXPECT_EQ(write({.path = old, .dumpFiles = {shared}, .force = true}), "");
  EXPECT_EQ(modeOf(old), 0600u);
}

} // namespace
