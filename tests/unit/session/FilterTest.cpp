//===- FilterTest.cpp - dumps that a filter took too much out of ----------===//
#include "session/Session.h"

#include "support/DumpBuilder.h"
#include "support/KernelFile.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

/// A kdump file of a riscv64 kernel with one page of its data left out.
class FilterTest : public ::testing::Test {
protected:
  FilterTest() { shape.machine = "riscv64"; }

  uint64_t dataFrame() const {
    return (built.physical.value + BuiltKernel::dataOffset) / 4096;
  }
  std::unique_ptr<Session> open(llvm::StringRef release) {
    MemoryImage image;
    for (const MemoryRange &range : built.memory->ranges())
      for (uint64_t at = 0; at < range.size; at += image.pageSize) {
        std::vector<uint8_t> bytes(image.pageSize);
        EXPECT_FALSE(built.memory->tryRead(range.start + at, bytes));
        image.setData((range.start.value + at) / image.pageSize, bytes);
      }
    if (isLeftOut)
      image.pages[dataFrame()] = {PageState::Excluded, {}};
    shape.release = release.str();
    shape.notes = {vmcoreinfoNote(built.info(release))};
    const FileBytes file = writeKdump(image, shape);
    Request request;
    request.path = folder.write("dump", std::string(file.begin(), file.end()));
    return valueOf(Session::open(std::move(request), llvm::nulls()));
  }
  /// What the kernel has in its data, asked twice.
  void readData(Session &session) {
    const KernelImage &kernel = valueOf(session.image());
    for (uint64_t offset : {0, 8}) {
      uint8_t word[8];
      const VirtAddr at = built.image + BuiltKernel::dataOffset + offset;
      if (llvm::Error error =
              kernel.addressSpace(session.memory()).read(at, word))
        session.gap("task-list", std::move(error));
    }
  }
  static std::vector<std::string> kindsOf(Session &session) {
    std::vector<std::string> kinds;
    for (const Finding &finding : session.finalFindings())
      kinds.push_back(finding.kind);
    return kinds;
  }

  BuiltKernel built = makeRiscV64Kernel();
  KdumpShape shape;
  bool isLeftOut = true;
  TemporaryFolder folder;
};

TEST_F(FilterTest, AFilterThatIsTooOldForTheKernelIsSaidOnce) {
  auto session = open("7.1.0");
  readData(*session);
  EXPECT_THAT(kindsOf(*session),
              ElementsAre("filter-too-old", "task-list", "task-list"));
  const Finding finding = session->finalFindings().front();
  EXPECT_EQ(finding.severity, Severity::Warning);
  EXPECT_THAT(finding.sentence, HasSubstr("does not know Linux 7.1"));
}

TEST_F(FilterTest, SoItIsWhereTheCommandEndsWithIt) {
  auto session = open("7.2.0-rc1");
  uint8_t word[8];
  llvm::Error error = valueOf(session->image())
                          .addressSpace(session->memory())
                          .read(built.image + BuiltKernel::dataOffset, word);
  EXPECT_THAT(textOf(session->endWith(std::move(error))), HasSubstr("dump': "));
  EXPECT_THAT(kindsOf(*session), ElementsAre("filter-too-old"));
}

TEST_F(FilterTest, OlderKernelsHaveTailPagesThatEachFilterKnows) {
  auto session = open("7.0.12");
  readData(*session);
  EXPECT_THAT(kindsOf(*session), ElementsAre("task-list", "task-list"));
}

TEST_F(FilterTest, WithAllPagesThereIsNothingToSay) {
  isLeftOut = false;
  auto session = open("7.1.0");
  readData(*session);
  session->gap("task-list", "a list has no end");
  EXPECT_THAT(kindsOf(*session), ElementsAre("task-list"));
}

TEST_F(FilterTest, LeavingOutPagesOfZerosTakesNoneOfTheKernels) {
  shape.dumpLevel = 1;
  auto session = open("7.1.0");
  readData(*session);
  EXPECT_THAT(kindsOf(*session), ::testing::Not(::testing::Contains(
                                     std::string("filter-too-old"))));
}

TEST_F(FilterTest, PagesOfUsersAreLeftOutOnPurpose) {
  auto session = open("7.1.0");
  EXPECT_EQ(valueOf(session->image()).version(), (KernelVersion{7, 1}));
  session->gap("memory-absent",
               "virtual address 0x400000: physical address 0x80201000 is not "
               "in the dump (" +
                   getAbsenceName(Absence::Excluded) + ")");
  EXPECT_THAT(kindsOf(*session), ElementsAre("memory-absent"));
}

TEST_F(FilterTest, WithoutAKernelNobodyKnows) {
  auto session = open("7.1.0");
  session->gap("task-list", getAbsenceName(Absence::Excluded));
  EXPECT_THAT(kindsOf(*session), ElementsAre("task-list"));
}

} // namespace
