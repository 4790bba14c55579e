#include "analysis/SnapshotDiff.h"

#include "analysis/Pieces.h"

#include <gtest/gtest.h>

using namespace vmpt;

namespace {

constexpr uint64_t page = 0x1000;

/// A kernel whose vmalloc space begins at `vmalloc`, and its direct map at
/// `direct`; its image lies in memory at `image`.
class SnapshotDiffTest : public ::testing::Test {
protected:
  struct Built {
    Snapshot snapshot;
    VirtAddr vmalloc, direct;

    void map(VirtAddr at, uint64_t bytes, PhysAddr physical,
             std::vector<std::string> words, bool repeats = false) {
      SnapshotRange range;
      range.first = at;
      range.last = at + (bytes - 1);
      range.words = snapshot.intern("PTE", std::move(words));
      range.physical = physical;
      range.repeats = repeats;
      snapshot.spaces.front().ranges.push_back(range);
    }
    void mapUnknown(VirtAddr at, uint64_t bytes) {
      SnapshotRange range;
      range.first = at;
      range.last = at + (bytes - 1);
      snapshot.spaces.front().ranges.push_back(range);
    }
  };

  static Built build(VirtAddr vmalloc = VirtAddr(0xffffc90000000000),
                     VirtAddr direct = VirtAddr(0xffff888000000000)) {
    Built built;
    built.vmalloc = vmalloc;
    built.direct = direct;
    SnapshotSpace space;
    space.isKernel = true;
    space.pieces = {{"direct_map", direct, direct + 0xffffffff, direct, true},
                    {"vmalloc", vmalloc, vmalloc + 0xffffffff, vmalloc, false}};
    built.snapshot.spaces.push_back(std::move(space));
    built.snapshot.hasTasks = built.snapshot.hasModules = true;
    return built;
  }
  static void makeOneBoot(Built &a, Built &b) {
    a.snapshot.bootMarks = b.snapshot.bootMarks = {12345};
  }
  static SnapshotDiff diff(const Built &a, const Built &b,
                           DiffOptions options = {}) {
    return compareSnapshots(a.snapshot, b.snapshot, options);
  }
  static std::string kinds(const SnapshotDiff &diff) {
    std::string text;
    for (const RangeChange &change : diff.ranges)
      text += getChangeName(change.kind).str() + " ";
    return text;
  }
};

TEST_F(SnapshotDiffTest, NothingChangedInTheSame) {
  Built a = build();
  a.map(a.direct, 16 * page, PhysAddr(0), {"RW", "NX"});
  EXPECT_TRUE(diff(a, a).isSame());
}

TEST_F(SnapshotDiffTest, WhatMovesAsAWholeIsTheSame) {
  Built a = build(),
        b = build(VirtAddr(0xffffd10000000000), VirtAddr(0xffff900000000000));
  for (Built *one : {&a, &b}) {
    one->map(one->direct, 16 * page, PhysAddr(0), {"RW", "NX"});
    one->map(one->vmalloc + page, page, PhysAddr(one == &a ? 0x1000 : 0x5000),
             {"RW", "NX"});
  }
  const SnapshotDiff moved = diff(a, b);
  EXPECT_TRUE(moved.isSame()) << kinds(moved);
  EXPECT_TRUE(moved.skippedTargets);
  EXPECT_EQ(kinds(diff(a, b, {.allTargets = true})), "target ");
  EXPECT_EQ(kinds(diff(a, b, {.isAbsolute = true})),
            "removed added removed added ");
}

TEST_F(SnapshotDiffTest, FindsOnePageInTheMiddle) {
  Built a = build(), b = build();
  makeOneBoot(a, b);
  a.map(a.vmalloc, 3 * page, PhysAddr(0x10000), {"RW", "NX"});
  b.map(b.vmalloc, page, PhysAddr(0x10000), {"RW", "NX"});
  b.map(b.vmalloc + page, page, PhysAddr(0x11000), {"RW", "x"});
  b.map(b.vmalloc + 2 * page, page, PhysAddr(0x20000), {"RW", "NX"});
  b.map(b.vmalloc + 8 * page, page, PhysAddr(0x30000), {"RW", "NX"});
  const SnapshotDiff found = diff(a, b);
  ASSERT_EQ(kinds(found), "rights target added ");
  const RangeChange &rights = found.ranges[0];
  EXPECT_EQ(rights.before->first, a.vmalloc + page);
  EXPECT_EQ(rights.before->last, a.vmalloc + (2 * page - 1));
  EXPECT_EQ(rights.before->physical, PhysAddr(0x11000));
  EXPECT_EQ(rights.after->words->rights, "RW x");
  EXPECT_EQ(found.ranges[1].after->physical, PhysAddr(0x20000));
  EXPECT_EQ(kinds(diff(b, a)), "rights target removed ");
}

TEST_F(SnapshotDiffTest, SizesAndUseAreNoRights) {
  Built a = build(), b = build();
  a.map(a.direct, 512 * page, PhysAddr(0), {"RW", "PSE", "NX"});
  b.map(b.direct, 512 * page, PhysAddr(0), {"RW", "NX", "AF"});
  EXPECT_TRUE(diff(a, b).isSame());
}

TEST_F(SnapshotDiffTest, WhatIsNotKnownIsNoChangeAndNotTheSame) {
  Built a = build(), b = build();
  a.map(a.vmalloc, 4 * page, PhysAddr(0), {"RW"});
  b.mapUnknown(b.vmalloc, 2 * page);
  b.map(b.vmalloc + 2 * page, 2 * page, PhysAddr(2 * page), {"RW"});
  const SnapshotDiff found = diff(a, b);
  EXPECT_TRUE(found.isSame());
  EXPECT_EQ(found.unknownBytes, 2 * page);
}

TEST_F(SnapshotDiffTest, TheImageMovesInTheDirectMap) {
  Built a = build(), b = build();
  for (Built *one : {&a, &b}) {
    const uint64_t image = one == &a ? 2 * page : 8 * page;
    Snapshot &snapshot = one->snapshot;
    snapshot.hasImage = true;
    snapshot.imageFirst = PhysAddr(image);
    snapshot.imageLast = PhysAddr(image + 2 * page - 1);
    const VirtAddr at = one->direct + image;
    one->map(one->direct, image, PhysAddr(0), {"RW"});
    one->map(at, 2 * page, PhysAddr(image), {"ro"});
    one->map(at + 2 * page, 14 * page - image, PhysAddr(image + 2 * page),
             {"RW"});
    PieceMap pieces;
    for (const Piece &piece : snapshot.spaces.front().pieces)
      pieces.add(piece);
    pieces.add({imageAliasKey.str(), at, at + (2 * page - 1), at, true});
    snapshot.spaces.front().pieces = pieces.take();
  }
  EXPECT_EQ(kinds(diff(a, b)), "");
  b.snapshot.spaces.front().ranges[1].words = b.snapshot.intern("PTE", {"RW"});
  EXPECT_EQ(kinds(diff(a, b)), "rights ");
}

TEST_F(SnapshotDiffTest, PagesThatAModuleHasReadOnlyAreSoInTheDirectMap) {
  Built a = build(), b = build();
  a.map(a.direct, 8 * page, PhysAddr(0), {"RW"});
  b.map(b.direct, 2 * page, PhysAddr(0), {"RW"});
  b.map(b.direct + 2 * page, 2 * page, PhysAddr(2 * page), {"ro"});
  b.map(b.direct + 4 * page, 4 * page, PhysAddr(4 * page), {"RW"});
  // Of both pages one is a module's.
  for (Built *one : {&a, &b})
    one->map(one->vmalloc, page, PhysAddr(3 * page), {"ro", "x"});
  const SnapshotDiff found = diff(a, b);
  ASSERT_EQ(kinds(found), "rights ");
  EXPECT_EQ(found.ranges[0].after->first, b.direct + 2 * page);
  EXPECT_EQ(found.ranges[0].after->last, b.direct + (3 * page - 1));
  makeOneBoot(a, b);
  EXPECT_EQ(diff(a, b).ranges[0].after->last, b.direct + (4 * page - 1));
}

TEST_F(SnapshotDiffTest, TasksArePairedByNameInTwoBoots) {
  Built a = build(), b = build();
  a.snapshot.tasks = {
      {.pid = 10, .comm = "kworker/0:1-events", .isKernelThread = true},
      {.pid = 20, .comm = "sh"},
      {.pid = 21, .comm = "sh"}};
  b.snapshot.tasks = {
      {.pid = 11, .comm = "kworker/0:1+mm", .isKernelThread = true},
      {.pid = 30, .comm = "sh"}};
  SnapshotDiff found = diff(a, b);
  ASSERT_EQ(found.tasks.size(), 1u);
  EXPECT_EQ(found.tasks[0].before->pid, 21u);
  makeOneBoot(a, b);
  EXPECT_EQ(diff(a, b).tasks.size(), 5u);
}

TEST_F(SnapshotDiffTest, ModulesAndSectionsComeAndGo) {
  Built a = build(), b = build();
  a.snapshot.modules = {{"fuse", 100, VirtAddr(0x1000)}};
  b.snapshot.modules = {{"fuse", 100, VirtAddr(0x2000)},
                        {"evil", 4096, VirtAddr(0x3000)}};
  a.snapshot.sections = {{"vmalloc() Area", VirtAddr(1)}};
  b.snapshot.sections = {{"vmalloc() Area", VirtAddr(2)}};
  SnapshotDiff found = diff(a, b);
  ASSERT_EQ(found.modules.size(), 1u);
  EXPECT_EQ(found.modules[0].after->name, "evil");
  EXPECT_TRUE(found.sections.empty());
  found = diff(a, b, {.isAbsolute = true});
  EXPECT_EQ(found.modules.size(), 2u);
  EXPECT_EQ(found.sections.size(), 1u);
}

TEST_F(SnapshotDiffTest, RangesThatOverlapAreToldOnce) {
  Built a = build(), b = build();
  b.map(b.vmalloc, 4 * page, PhysAddr(0), {"RW"});
  b.map(b.vmalloc + page, 2 * page, PhysAddr(page), {"RW"});
  const SnapshotDiff found = diff(a, b);
  ASSERT_EQ(kinds(found), "added ");
  EXPECT_EQ(found.ranges[0].after->last, b.vmalloc + (4 * page - 1));
}

TEST(PieceMap, WhatIsAddedLaterStandsInWhatWasThere) {
  PieceMap map;
  map.add({"a", VirtAddr(0x1000), VirtAddr(0x4fff), VirtAddr(0x1000)});
  map.add({"b", VirtAddr(0x2000), VirtAddr(0x2fff), VirtAddr(0x2000)});
  map.add({"c", VirtAddr(0x4000), VirtAddr(0x5fff), VirtAddr(0x4000)});
  map.add({"none", VirtAddr(9), VirtAddr(8), VirtAddr(0)});
  std::string text;
  for (const Piece &piece : map.take())
    text += piece.key + " " + hex(piece.first) + "-" + hex(piece.last) + "\n";
  EXPECT_EQ(text, "a 0x1000-0x1fff\nb 0x2000-0x2fff\na 0x3000-0x3fff\n"
                  "c 0x4000-0x5fff\n");
}

TEST(AreaPieces, AreNamedByTheirOrder) {
  MapsListing maps;
  auto add = [&](uint64_t start, uint64_t end, const char *name) {
    MapsRow row;
    row.start = VirtAddr(start);
    row.end = VirtAddr(end);
    row.name = name;
    maps.rows.push_back(std::move(row));
  };
  add(0x1000, 0x2000, "/bin/sh");
  add(0x2000, 0x3000, "/bin/sh");
  add(0x5000, 0x6000, "");
  add(0x9000, 0xa000, "[stack]");
  add(0xb000, 0xb000, "/empty");
  std::string text;
  for (const Piece &piece : findAreaPieces(maps))
    text += piece.key + " " + hex(piece.anchor) + "\n";
  EXPECT_EQ(text, "/bin/sh #0 0x1000\n/bin/sh #1 0x2000\n"
                  "after /bin/sh #0 0x5000\n[stack] #0 0xa000\n");
}

} // namespace
