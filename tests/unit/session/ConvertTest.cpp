#include "session/Convert.h"

#include "support/KernelFile.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

std::vector<uint64_t> virtualStarts(llvm::ArrayRef<CoreSegment> segments) {
  std::vector<uint64_t> starts;
  for (const CoreSegment &segment : segments)
    starts.push_back(segment.virtualStart);
  return starts;
}

TEST(PlaceSegments, InTheDirectMap) {
  std::vector<CoreSegment> segments = {{PhysAddr(0x1000), 0x1000, 0x1000},
                                       {PhysAddr(0x5000), 0x1000, 0x1000}};
  const DirectMap map = {0xffff'8880'0000'0000, 0xffff'8880'0000'ffff,
                         0xffff'8880'0000'0000};
  placeSegments(segments, map, 0x1234);
  EXPECT_THAT(virtualStarts(segments),
              ElementsAre(0xffff'8880'0000'1000, 0xffff'8880'0000'5000));
}

// i386: high memory has no address in the kernel.
TEST(PlaceSegments, WhatTheDirectMapDoesNotReachIsASegmentWithoutAddress) {
  std::vector<CoreSegment> segments = {{PhysAddr(0x1000), 0x4000, 0x3000}};
  const DirectMap map = {0xc000'0000, 0xc000'2fff, 0xc000'0000};
  placeSegments(segments, map, std::nullopt);
  ASSERT_EQ(segments.size(), 2u);
  EXPECT_EQ(segments[0].memoryBytes, 0x2000u);
  EXPECT_EQ(segments[0].virtualStart, 0xc000'1000u);
  EXPECT_EQ(segments[1].start, PhysAddr(0x3000));
  EXPECT_EQ(segments[1].storedBytes, 0x1000u);
  EXPECT_EQ(segments[1].virtualStart, noVirtualAddress);
}

TEST(PlaceSegments, AsTheDumpHadThemElseAtTheirPhysicalAddress) {
  std::vector<CoreSegment> segments = {{PhysAddr(0x1000), 0x1000, 0x1000}};
  placeSegments(segments, std::nullopt, 0xffff'0000'0000'0000);
  EXPECT_THAT(virtualStarts(segments), ElementsAre(0xffff'0000'0000'1000));
  placeSegments(segments, std::nullopt, std::nullopt);
  EXPECT_THAT(virtualStarts(segments), ElementsAre(0x1000u));
}

TEST(DropBeyond, CutsTheSegmentThatReachesOver) {
  std::vector<CoreSegment> segments = {{PhysAddr(0x1000), 0x4000, 0x3000},
                                       {PhysAddr(0xfffc0000), 0x1000, 0x1000}};
  EXPECT_EQ(dropBeyond(segments, PhysAddr(0x3000)), 0x2000u);
  ASSERT_EQ(segments.size(), 1u);
  EXPECT_EQ(segments[0].memoryBytes, 0x2000u);
  EXPECT_EQ(dropBeyond(segments, PhysAddr(0x3000)), 0u);
}

constexpr uint64_t megabyte = 1 << 20, imageAt = 0xffff'ffff'8100'0000;

TEST(MakeAliases, NeighboursBothWaysAreOnePiece) {
  std::vector<CoreAlias> aliases =
      makeAliases({{VirtAddr(imageAt), PhysAddr(0x100'0000), megabyte, 1},
                   {VirtAddr(imageAt + megabyte),
                    PhysAddr(0x100'0000 + megabyte), megabyte, 3}});
  ASSERT_EQ(aliases.size(), 1u);
  EXPECT_EQ(aliases[0].virtualStart, imageAt);
  EXPECT_EQ(aliases[0].size, 2 * megabyte);
}

TEST(MakeAliases, PhysicallyApartTheyAreTwo) {
  EXPECT_EQ(makeAliases({{VirtAddr(imageAt), PhysAddr(0x100'0000), megabyte},
                         {VirtAddr(imageAt + megabyte), PhysAddr(0), megabyte}})
                .size(),
            2u);
}

TEST(MakeAliases, ScatteredPagesAreLeftOut) {
  EXPECT_THAT(makeAliases({{VirtAddr(imageAt), PhysAddr(0x1000), 0x1000},
                           {VirtAddr(imageAt + 0x5000), PhysAddr(0x9000),
                            megabyte - 1}}),
              IsEmpty());
}

class ConvertTest : public ::testing::Test {
protected:
  std::unique_ptr<Session> open(const std::string &name,
                                std::optional<Arch> arch = std::nullopt) {
    Request request;
    request.path = folder / name;
    request.kernel.arch = arch;
    return valueOf(Session::open(std::move(request), llvm::nulls()));
  }
  /// To a file in the folder.
  llvm::Error convert(Session &session, const std::string &name) {
    llvm::Expected<Output> output =
        createOutput(session.request(), folder / name, /*force=*/false);
    if (!output)
      return output.takeError();
    return convertDump(session, *output);
  }

  TemporaryFolder folder;
};

TEST_F(ConvertTest, TheKernelIsTheSame) {
  BuiltKernel built = makeRiscV64Kernel();
  writeKernelFile(built, folder / "dump");
  auto session = open("dump");
  EXPECT_EQ(textOf(convert(*session, "out")), "");
  EXPECT_FALSE(session->diagnostics().hasGap());
  auto converted = open("out");
  EXPECT_EQ(converted->dump().vmcoreinfo, session->dump().vmcoreinfo);
  EXPECT_EQ(valueOf(converted->image()).root, built.tables.root());
}

TEST_F(ConvertTest, WithoutAKernelTheArchitectureMustBeKnown) {
  folder.write("dump", std::string(8192, '\1'));
  EXPECT_THAT(textOf(convert(*open("dump"), "out")), HasSubstr("pass --arch"));
  auto session = open("dump", Arch::Arm64);
  EXPECT_EQ(textOf(convert(*session, "out")), "");
  std::vector<Finding> findings = session->diagnostics().findings();
  ASSERT_EQ(findings.size(), 1u);
  EXPECT_EQ(findings[0].kind, "no-kernel");
  EXPECT_EQ(open("out")->dump().machine.arch, Arch::Arm64);
}

TEST_F(ConvertTest, AnOutputThatCannotBeMadeIsNamed) {
  writeKernelFile(makeRiscV64Kernel(), folder / "dump");
  EXPECT_THAT(textOf(convert(*open("dump"), "no/out")), HasSubstr("no/out': "));
}

} // namespace
