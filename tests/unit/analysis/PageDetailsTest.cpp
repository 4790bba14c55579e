#include "analysis/PageDetails.h"

#include "analysis/VmallocNodes.h"

#include "support/PageObjects.h"

#include "gmock/gmock.h"

using namespace vmpt;
using namespace vmpt::testing;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

namespace {

/// A 6.1 kernel whose struct pages, inodes, zones and cgroups the test builds;
/// their layouts come as VMCOREINFO's would.
class PageDetailsTest : public ::testing::Test {
protected:
  void SetUp() override {
    pages.places["index"] = 32;
    pages.places["memcg_data"] = 56;
    pages.more = "SIZE(zone)=64\n";
    for (const char *place :
         {"pglist_data.node_zones=64", "zone.zone_start_pfn=0",
          "zone.spanned_pages=8", "zone.name=16", "address_space.host=0",
          "inode.i_ino=0", "inode.i_sb=8", "inode.i_dentry.first=16",
          "super_block.s_dev=0", "dentry.d_parent=0", "dentry.d_name.name=8",
          "dentry.d_u.d_alias=16", "mem_cgroup.css.cgroup=0", "cgroup.kn=0",
          "obj_cgroup.memcg=8", "kernfs_node.parent=0", "kernfs_node.name=8",
          "list_head.next=0"}) {
      auto [name, offset] = llvm::StringRef(place).split('=');
      pages.more += ("OFFSET(" + name + ")=" + offset + "\n").str();
    }
    // The node's zones: frames 1 to 15, and 16 to 63.
    node = objects().allocate(64 + 16 * 64, 4096);
    pages.symbols["contig_page_data"] = node;
    objects().setWord(node + 8, pages.frameCount);
    addZone(0, 1, 15, "DMA");
    addZone(1, 16, 48, "Normal");
  }
  KernelObjects &objects() { return pages.objects; }

  void addZone(unsigned index, uint64_t first, uint64_t count,
               const char *name) {
    const VirtAddr zone = node + 64 + index * 64;
    objects().setWord(zone, first);
    objects().setWord(zone + 8, count);
    objects().setWord(zone + 16, objects().text(name).value);
  }
  VirtAddr object(std::initializer_list<uint64_t> words) {
    const VirtAddr at = objects().allocate(8 * words.size());
    uint64_t offset = 0;
    for (uint64_t word : words)
      objects().setWord(at + std::exchange(offset, offset + 8), word);
    return at;
  }
  VirtAddr named(VirtAddr parent, const char *name) {
    return object({parent.value, objects().text(name).value, 0});
  }
  /// Makes \p frame the page at \p index of /usr/bin/ls.
  void makeFilePage(uint64_t frame, uint64_t index) {
    top = named(VirtAddr(0), "/");
    objects().setWord(top, top.value);
    const VirtAddr folder = named(named(top, "usr"), "bin");
    file = named(folder, "ls");
    const VirtAddr super = object({8 << 20 | 1});
    inode = object({1234, super.value, file.value + 16});
    pages.setWord(frame, "mapping", object({inode.value}).value);
    pages.setWord(frame, "index", index);
    pages.setNumber(frame, "_refcount", 2);
  }
  PageDetails explore(uint64_t frame) {
    flags.emplace(pages.flags());
    return PageExplorer(pages.kernel(), *flags).explore(frame);
  }

  PageObjects pages{"6.1.0", 64};
  VirtAddr node, top, file, inode;
  std::optional<PageFlags> flags;
};

TEST_F(PageDetailsTest, APageOfAFile) {
  makeFilePage(20, 3);
  const PageDetails details = explore(20);
  EXPECT_EQ(details.owner, PageOwner::File);
  EXPECT_EQ(details.inode, inode);
  EXPECT_EQ(details.inodeNumber, 1234u);
  EXPECT_EQ(details.device, uint32_t(8 << 20 | 1));
  EXPECT_EQ(details.path, "/usr/bin/ls");
  EXPECT_EQ(details.fileOffset, 3u * 4096);
  EXPECT_THAT(details.problems, IsEmpty());
}

TEST_F(PageDetailsTest, WhatIsLeftOfAFreedPageIsNoFile) {
  makeFilePage(20, 3);
  pages.setNumber(20, "_refcount", 0);
  EXPECT_EQ(explore(20).owner, PageOwner::None);
}

TEST_F(PageDetailsTest, DentriesThatLeadInCirclesEnd) {
  makeFilePage(20, 3);
  objects().setWord(top, file.value);
  const PageDetails details = explore(20);
  EXPECT_THAT(details.path, HasSubstr("(unreadable)"));
  EXPECT_THAT(details.problems, Contains(HasSubstr("path")));
}

TEST_F(PageDetailsTest, AFileThatIsNotInTheDump) {
  pages.setWord(20, "mapping", KernelObjects::nowhere().value);
  pages.setNumber(20, "_refcount", 1);
  const PageDetails details = explore(20);
  EXPECT_EQ(details.owner, PageOwner::File);
  EXPECT_THAT(details.problems, Contains(HasSubstr("which file")));
}

TEST_F(PageDetailsTest, AnonymousMemoryHasItsFirstAddress) {
  pages.setWord(21, "mapping", 0xffff888000123001);
  pages.setWord(21, "index", 0x7ff5);
  const PageDetails details = explore(21);
  EXPECT_EQ(details.owner, PageOwner::Anonymous);
  EXPECT_EQ(details.mapping, VirtAddr(0xffff888000123000));
  EXPECT_EQ(details.fileOffset, 0x7ff5000u);
  EXPECT_EQ(details.path, "");
}

TEST_F(PageDetailsTest, APageBehindAHeadCountsFromThere) {
  pages.makeCompound(32, 3);
  pages.setWord(32, "mapping", 0xffff888000123001);
  pages.setWord(32, "index", 0x100);
  EXPECT_EQ(explore(37).fileOffset, 0x105000u);
}

// linux 6.8 "mm/hugetlb: convert hugetlb page cache to base pages": before
// that its index counts huge pages.
TEST_F(PageDetailsTest, HugetlbCountsHugePages) {
  pages.makeCompound(32, 3);
  objects().memory.writeNumber<uint8_t>(
      objects().physical(pages.page(33) + pages.places.at("compound_dtor")), 2);
  pages.setWord(32, "mapping", 0xffff888000123001);
  pages.setWord(32, "index", 2);
  EXPECT_EQ(explore(33).fileOffset, (2u * 8 + 1) * 4096);
}

TEST_F(PageDetailsTest, ZonesAreThoseThatSpanTheFrame) {
  EXPECT_EQ(explore(15).zone, "DMA");
  EXPECT_EQ(explore(16).zone, "Normal");
  EXPECT_EQ(explore(16).node, 0u);
  const PageDetails first = explore(0);
  EXPECT_FALSE(first.node);
  EXPECT_THAT(first.problems, IsEmpty());
}

TEST_F(PageDetailsTest, NodesHaveTheirNumbers) {
  pages.symbols.erase("contig_page_data");
  pages.symbols["max_mapnr"] = pages.maxFrame;
  const VirtAddr other = objects().allocate(64 + 16 * 64, 4096);
  // Node 1 is not there.
  pages.symbols["node_data"] = object({other.value, 0, node.value});
  const VirtAddr count = objects().allocate(8);
  objects().memory.writeNumber<uint32_t>(objects().physical(count), 3);
  pages.symbols["nr_node_ids"] = count;
  EXPECT_EQ(explore(20).node, 2u);
}

/// Node 0 has frames up to 39, node 1 those from 40 on.
class VmallocNodesTest : public PageDetailsTest {
protected:
  void SetUp() override {
    PageDetailsTest::SetUp();
    addZone(1, 16, 24, "Normal");
    const VirtAddr other = objects().allocate(64 + 16 * 64, 4096);
    objects().setWord(other + 64, 40);
    objects().setWord(other + 64 + 8, 24);
    pages.symbols.erase("contig_page_data");
    pages.symbols["max_mapnr"] = pages.maxFrame;
    pages.symbols["node_data"] = object({node.value, other.value, 0});
  }
  VmallocList count(VmallocArea area) {
    VmallocList list;
    list.areas = {std::move(area)};
    countVmallocNodes(pages.kernel(), list);
    return list;
  }
  VmallocArea areaOf(std::initializer_list<uint64_t> frames) {
    VmallocArea area;
    area.pages = objects().allocate(8 * frames.size());
    for (uint64_t frame : frames)
      objects().setWord(area.pages + 8 * area.pageCount++,
                        pages.page(frame).value);
    return area;
  }
};

TEST_F(VmallocNodesTest, PagesAreCountedByTheirNode) {
  const VmallocList list = count(areaOf({20, 41, 42}));
  EXPECT_THAT(list.problems, IsEmpty());
  EXPECT_THAT(list.areas[0].nodePages,
              ::testing::ElementsAre(std::pair(0u, 1u), std::pair(1u, 2u)));
}

TEST_F(VmallocNodesTest, HugePagesAreCountedWhole) {
  VmallocArea area = areaOf({40, 41, 42, 43});
  area.pageOrder = 2;
  EXPECT_THAT(count(area).areas[0].nodePages,
              ::testing::ElementsAre(std::pair(1u, 4u)));
}

TEST_F(VmallocNodesTest, APageOfNoZone) {
  const VmallocList list = count(areaOf({20, 0}));
  EXPECT_THAT(list.areas[0].nodePages, IsEmpty());
  EXPECT_THAT(list.problems, Contains(HasSubstr("lies in no zone")));
}

TEST_F(VmallocNodesTest, AnArrayThatIsNotInTheDump) {
  VmallocArea area = areaOf({20});
  area.pages = KernelObjects::nowhere();
  EXPECT_THAT(count(area).problems, Contains(HasSubstr("cannot be read")));
}

TEST_F(VmallocNodesTest, MorePagesThanTheMachineHas) {
  VmallocArea area = areaOf({20});
  area.pageCount = uint64_t(1) << 40;
  EXPECT_THAT(count(area).problems, Contains(HasSubstr("more pages")));
}

TEST_F(PageDetailsTest, ZonesThatAreNotInTheDump) {
  pages.symbols.erase("contig_page_data");
  pages.symbols["max_mapnr"] = pages.maxFrame;
  pages.symbols["node_data"] = object({KernelObjects::nowhere().value, 0});
  EXPECT_THAT(explore(20).problems, Contains(HasSubstr("node and zone")));
}

TEST_F(PageDetailsTest, CgroupsHaveTheirPath) {
  const VirtAddr slice = named(named(VirtAddr(0), ""), "system.slice");
  const VirtAddr unit = named(slice, "ssh.service");
  const VirtAddr memcg = object({object({unit.value}).value});
  pages.setWord(22, "memcg_data", memcg.value);
  EXPECT_EQ(explore(22).cgroup, "/system.slice/ssh.service");
  EXPECT_EQ(explore(22).memcg, memcg);
  // Memory of the kernel's own: through its obj_cgroup.
  pages.setWord(23, "memcg_data", object({0, memcg.value}).value | 2);
  EXPECT_EQ(explore(23).memcg, memcg);
  EXPECT_EQ(explore(23).cgroup, "/system.slice/ssh.service");
  EXPECT_EQ(explore(24).cgroup, "");
  EXPECT_THAT(explore(24).problems, IsEmpty());
}

TEST_F(PageDetailsTest, ACgroupThatIsNotInTheDumpIsSaid) {
  pages.setWord(22, "memcg_data", KernelObjects::nowhere().value);
  EXPECT_THAT(explore(22).problems, Contains(HasSubstr("cgroup")));
  // A chain of names without an end.
  const VirtAddr one = named(VirtAddr(0), "a"), two = named(one, "b");
  objects().setWord(one, two.value);
  pages.setWord(23, "memcg_data", object({object({two.value}).value}).value);
  EXPECT_THAT(explore(23).problems, Contains(HasSubstr("cgroup")));
}

TEST_F(PageDetailsTest, AbsentAndMissingPagesHaveNoDetails) {
  EXPECT_EQ(explore(64).facts.state, PageFacts::State::NoPage);
  EXPECT_THAT(explore(64).problems, IsEmpty());
  objects().setWord(pages.memMap, KernelObjects::nowhere().value);
  EXPECT_EQ(explore(20).facts.state, PageFacts::State::Absent);
}

} // namespace
