#include "kernel/modules/LearnedModules.h"

#include "kernel/modules/ModuleList.h"
#include "support/PageObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::Contains;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

namespace {

/// A kernel of which only VMCOREINFO is known, and modules in pages of their
/// own: a page each of text, rodata and what is read-only after init, then
/// data, in which the struct module lies.
class LearnedModulesTest : public ::testing::Test {
protected:
  static constexpr uint64_t partsAt = 0x180, stride = 72;

  LearnedModulesTest() {
    head = pages.objects.allocate(16);
    pages.symbols["modules"] = head;
    ring();
  }
  KernelObjects &objects() { return pages.objects; }
  void setNumber(VirtAddr at, uint32_t value) {
    objects().memory.writeNumber<uint32_t>(objects().physical(at), value);
  }

  VirtAddr addModule(const std::string &name) {
    const VirtAddr base = objects().allocate(0x5000, 4096);
    const VirtAddr at = base + 0x3040;
    objects().memory.writeString(objects().physical(at + 24), name);
    modules.push_back(at);
    ring();
    return at;
  }
  VirtAddr baseOf(VirtAddr module) { return module - 0x3040; }
  /// As 4.5 to 6.3 have it.
  VirtAddr addWithLayout(const std::string &name) {
    const VirtAddr at = addModule(name);
    objects().setWord(at + partsAt, baseOf(at).value);
    for (unsigned i = 0; i < 4; ++i)
      setNumber(at + partsAt + 8 + 4 * i,
                std::array{0x5000u, 0x1000u, 0x2000u, 0x3000u}[i]);
    return at;
  }
  /// As 6.4 has it, with a tree node in each part.
  VirtAddr addWithParts(const std::string &name) {
    const VirtAddr at = addModule(name);
    const std::pair<unsigned, uint64_t> parts[] = {
        {0, 0}, {1, 0x3000}, {2, 0x1000}, {3, 0x2000}};
    for (const auto &[part, offset] : parts) {
      objects().setWord(at + partsAt + part * stride,
                        (baseOf(at) + offset).value);
      setNumber(at + partsAt + part * stride + 8, part == 1 ? 0x2000 : 0x1000);
    }
    return at;
  }
  void ring() {
    VirtAddr last = head;
    for (VirtAddr module : modules) {
      objects().setWord(last, (module + 8).value);
      objects().setWord(module + 16, last.value);
      last = module + 8;
    }
    objects().setWord(last, head.value);
    objects().setWord(head + 8, last.value);
  }
  llvm::Expected<ModuleList> read() { return readModuleList(pages.kernel()); }

  PageObjects pages{"6.1.0", 16};
  VirtAddr head;
  std::vector<VirtAddr> modules;
};

TEST_F(LearnedModulesTest, ALayout) {
  const VirtAddr one = addWithLayout("virtio_blk"), two = addWithLayout("fuse");
  const ModuleList list = valueOf(read());
  ASSERT_EQ(list.modules.size(), 2u);
  EXPECT_EQ(list.modules[0].name, "virtio_blk");
  EXPECT_EQ(list.modules[0].base, baseOf(one));
  EXPECT_EQ(list.modules[1].base, baseOf(two));
  EXPECT_EQ(list.modules[1].sizeBytes, 0x5000u);
  EXPECT_THAT(
      list.modules[0].ranges,
      ElementsAre(
          ModuleRange{ModulePart::Text, baseOf(one), 0x1000},
          ModuleRange{ModulePart::Rodata, baseOf(one) + 0x1000, 0x1000},
          ModuleRange{ModulePart::RoAfterInit, baseOf(one) + 0x2000, 0x1000},
          ModuleRange{ModulePart::Data, baseOf(one) + 0x3000, 0x2000}));
  EXPECT_FALSE(list.modules[0].taints);
  EXPECT_FALSE(list.modules[0].references);
  EXPECT_FALSE(list.modules[0].isPermanent);
  EXPECT_THAT(list.problems,
              Contains(HasSubstr("learned from the 2 modules in memory")));
}

TEST_F(LearnedModulesTest, Parts) {
  const VirtAddr one = addWithParts("virtio_blk");
  const ModuleList list = valueOf(read());
  ASSERT_EQ(list.modules.size(), 1u);
  EXPECT_EQ(list.modules[0].base, baseOf(one));
  EXPECT_EQ(list.modules[0].sizeBytes, 0x5000u);
  EXPECT_EQ(list.modules[0].findRange(one)->part, ModulePart::Data);
}

TEST_F(LearnedModulesTest, NoModuleAtAll) {
  EXPECT_THAT(valueOf(read()).modules, ::testing::IsEmpty());
}

TEST_F(LearnedModulesTest, AModuleOutsideOfItsData) {
  const VirtAddr one = addWithLayout("virtio_blk");
  objects().setWord(one + partsAt, baseOf(one).value + 0x10000);
  EXPECT_THAT(textOf(read()), HasSubstr("0 places fit all 1 modules"));
}

TEST_F(LearnedModulesTest, LengthsThatDoNotAscend) {
  const VirtAddr one = addWithLayout("virtio_blk");
  setNumber(one + partsAt + 12, 0x4000);
  EXPECT_THAT(textOf(read()), HasSubstr("0 places"));
}

TEST_F(LearnedModulesTest, TwoPlacesThatFitAreNone) {
  const VirtAddr one = addWithLayout("virtio_blk");
  objects().setWord(one + partsAt + 64, baseOf(one).value);
  for (unsigned i = 0; i < 4; ++i)
    setNumber(one + partsAt + 64 + 8 + 4 * i, i ? 0x1000 : 0x4000);
  EXPECT_THAT(textOf(read()), HasSubstr(" places fit all 1 modules"));
}

TEST_F(LearnedModulesTest, ANameWithSomethingBehindIt) {
  const VirtAddr one = addWithLayout("virtio_blk");
  objects().setWord(one + 24 + 24, 1);
  EXPECT_THAT(textOf(read()), HasSubstr("no module's name"));
}

TEST_F(LearnedModulesTest, ATornList) {
  const VirtAddr one = addWithLayout("virtio_blk");
  objects().setWord(one + 8, KernelObjects::nowhere().value);
  EXPECT_THAT(textOf(read()), HasSubstr("broken"));
}

/// ptlab.ko of arm: its only function is __init, and was freed.
TEST_F(LearnedModulesTest, AModuleMayHaveNoTextLeft) {
  const VirtAddr one = addWithParts("ptlab");
  objects().setWord(one + partsAt, 0);
  setNumber(one + partsAt + 8, 0);
  const ModuleList list = valueOf(read());
  ASSERT_EQ(list.modules.size(), 1u);
  EXPECT_EQ(list.modules[0].name, "ptlab");
  EXPECT_EQ(list.modules[0].sizeBytes, 0x4000u);
}

} // namespace
