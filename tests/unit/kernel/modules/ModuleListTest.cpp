#include "kernel/modules/ModuleList.h"

#include "support/ModuleObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

ModuleList read(ModuleObjects &made) {
  return valueOf(
             ModuleReader::create(made.kernel.types(), made.kernel.reader()))
      .readAll(made.head);
}

std::vector<std::string> names(const ModuleList &list) {
  std::vector<std::string> found;
  for (const Module &module : list.modules)
    found.push_back(module.name);
  return found;
}

TEST(ModuleListTest, Empty) {
  ModuleObjects made(true);
  made.link({});
  ModuleList list = read(made);
  EXPECT_THAT(list.modules, IsEmpty());
  EXPECT_THAT(list.problems, IsEmpty());
}

TEST(ModuleListTest, PartsOf64) {
  ModuleObjects made(true);
  VirtAddr module = made.add("virtio_blk", 3);
  made.setPart(module, 0, 0xffffffffc0000000, 0x2000);
  made.setPart(module, 2, 0xffffffffc0002000, 0x1000);
  made.setPart(module, 1, 0xffffffffc0100000, 0x3000);
  made.set(module, "taints", 0x3000);
  made.link({module});
  ModuleList list = read(made);
  ASSERT_EQ(list.modules.size(), 1u);
  const Module &found = list.modules[0];
  EXPECT_EQ(found.name, "virtio_blk");
  EXPECT_EQ(found.references, 3u);
  EXPECT_EQ(found.taints, 0x3000u);
  EXPECT_EQ(found.sizeBytes, 0x6000u);
  EXPECT_EQ(found.base, VirtAddr(0xffffffffc0000000));
  EXPECT_THAT(
      found.ranges,
      ElementsAre(
          ModuleRange{ModulePart::Text, VirtAddr(0xffffffffc0000000), 0x2000},
          ModuleRange{ModulePart::Data, VirtAddr(0xffffffffc0100000), 0x3000},
          ModuleRange{ModulePart::Rodata, VirtAddr(0xffffffffc0002000),
                      0x1000}));
  EXPECT_EQ(found.findRange(VirtAddr(0xffffffffc0102fff))->part,
            ModulePart::Data);
  EXPECT_EQ(found.findRange(VirtAddr(0xffffffffc0103000)), nullptr);
  EXPECT_THAT(list.problems, IsEmpty());
}

TEST(ModuleListTest, LayoutsBefore) {
  ModuleObjects made(false);
  VirtAddr module = made.add("old", 0);
  made.setLayout(module, 0xffffffffc0000000, {0x5000, 0x1000, 0x2000, 0x3000});
  made.set(module, "init_layout.base", 0xffffffffc0010000);
  made.set(module, "init_layout.size", 0x800);
  made.link({module});
  ModuleList list = read(made);
  ASSERT_EQ(list.modules.size(), 1u);
  const VirtAddr base(0xffffffffc0000000);
  EXPECT_THAT(
      list.modules[0].ranges,
      ElementsAre(ModuleRange{ModulePart::Text, base, 0x1000},
                  ModuleRange{ModulePart::Rodata, base + 0x1000, 0x1000},
                  ModuleRange{ModulePart::RoAfterInit, base + 0x2000, 0x1000},
                  ModuleRange{ModulePart::Data, base + 0x3000, 0x2000},
                  ModuleRange{ModulePart::Init, base + 0x10000, 0x800}));
  EXPECT_EQ(list.modules[0].sizeBytes, 0x5800u);
}

TEST(ModuleListTest, PartsThatOverlapTheirModule) {
  ModuleObjects made(false);
  VirtAddr module = made.add("odd", 0);
  made.setLayout(module, 0xffffffffc0000000, {0x1000, 0x5000, 0, 0x400});
  made.link({module});
  ModuleList list = read(made);
  ASSERT_EQ(list.modules.size(), 1u);
  EXPECT_EQ(list.modules[0].sizeBytes, 0x1000u);
}

TEST(ModuleListTest, Users) {
  ModuleObjects made(true);
  VirtAddr used = made.add("used", 2), one = made.add("one", 0),
           two = made.add("two", 0);
  made.setUsers(used, {one, two});
  made.link({one, two, used});
  ModuleList list = read(made);
  EXPECT_THAT(names(list), ElementsAre("one", "two", "used"));
  EXPECT_THAT(list.modules.at(2).users, ElementsAre("one", "two"));
  EXPECT_THAT(list.problems, IsEmpty());
}

TEST(ModuleListTest, WithoutAnExitItStays) {
  ModuleObjects made(true);
  VirtAddr permanent = made.add("permanent", 0), other = made.add("other", 0),
           built = made.add("without_init", 0);
  made.set(permanent, "init", 0xffffffffc0000000);
  made.set(other, "init", 0xffffffffc0001000);
  made.set(other, "exit", 0xffffffffc0001100);
  made.link({permanent, other, built});
  ModuleList list = read(made);
  EXPECT_EQ(list.modules.at(0).isPermanent, true);
  EXPECT_EQ(list.modules.at(1).isPermanent, false);
  EXPECT_EQ(list.modules.at(2).isPermanent, false);
}

TEST(ModuleListTest, TornItIsFollowedBackward) {
  ModuleObjects made(true);
  std::vector<VirtAddr> modules = {made.add("a", 0), made.add("b", 0),
                                   made.add("c", 0)};
  made.link(modules);
  made.kernel.setWord(made.linkOf(modules[0]), 0x1000);
  ModuleList list = read(made);
  EXPECT_THAT(names(list), ElementsAre("a", "b", "c"));
  EXPECT_THAT(list.problems,
              ElementsAre(HasSubstr("the list of modules is broken after 1 ")));
}

TEST(ModuleListTest, WhatIsNoModuleIsNamed) {
  ModuleObjects made(true);
  VirtAddr good = made.add("good", 0), state = made.add("state", 0),
           name = made.add("na\nme", 0), size = made.add("size", 0);
  made.set(state, "state", 9);
  made.setPart(size, 0, 0xffffffffc0000000, 0xffffffff);
  made.link({state, good, name, size});
  ModuleList list = read(made);
  EXPECT_THAT(names(list), ElementsAre("good"));
  EXPECT_THAT(list.problems,
              ElementsAre(HasSubstr("its name and its state, 0x9"),
                          HasSubstr("its name and its state, 0x0"),
                          HasSubstr("larger than any module")));
}

TEST(ModuleListTest, TheHeadIsFoundByItsShape) {
  ModuleObjects made(true);
  VirtAddr page = made.kernel.allocate(4096, 4096);
  made.head = page + 0x128;
  made.link({made.add("a", 0), made.add("b", 0)});
  MappedRun image;
  image.start = page;
  image.physical = made.kernel.physical(page);
  image.size = 4096;
  auto reader =
      valueOf(ModuleReader::create(made.kernel.types(), made.kernel.reader()));
  EXPECT_EQ(reader.findHead({image}, VirtAddr(bit(63))), made.head);
  made.kernel.setWord(page + 0x128, 0xffff888000000000); // next is no module
  EXPECT_EQ(reader.findHead({image}, VirtAddr(bit(63))), std::nullopt);
}

} // namespace
