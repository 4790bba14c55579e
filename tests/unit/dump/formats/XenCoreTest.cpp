#include "dump/formats/XenCore.h"

#include "support/ReadDump.h"
#include "support/XenWriter.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

TEST(XenCore, ReadsBackWhatWasWritten) {
  for (uint32_t seed = 1; seed <= 4; ++seed) {
    MemoryImage image = smallImage(seed).without(PageState::Excluded);
    auto file = writeElfSections(makeXenPages(image));
    ASSERT_TRUE(isXenCore(Bytes(file)));
    Dump dump = readDump(readXenCore, file);
    expectSameMemory(*dump.memory, image);
    EXPECT_TRUE(dump.quirks.empty());
  }
}

TEST(XenCore, RegistersOfEachCpu) {
  MemoryImage image = smallImage(1);
  auto sections = makeXenPages(image);
  std::vector<uint8_t> state(5168);
  patch(state, 648, uint64_t(0xffffffff81000042));
  patch(state, 5008, uint64_t(0x1234000));
  sections.push_back({".xen_prstatus", state});
  auto file = writeElfSections(sections);
  Dump dump = readDump(readXenCore, file);
  ASSERT_EQ(dump.machine.cpus.size(), 1u);
  EXPECT_EQ(dump.machine.cpus[0].find("rip"), 0xffffffff81000042);
  EXPECT_EQ(dump.machine.cpus[0].find("cr3"), 0x1234000u);

  sections.back().bytes.resize(2800); // i386's state is shorter
  file = writeElfSections(sections);
  dump = readDump(readXenCore, file);
  EXPECT_TRUE(dump.machine.cpus.empty());
  EXPECT_TRUE(hasQuirk(dump, "registers of 1 CPUs in 0xaf0 bytes are not of "
                             "x86-64 and were left out"));
}

TEST(XenCore, FramesBehindTheAddressSpaceAreNone) {
  ByteWriter frames;
  frames.u64(~uint64_t(0) / 4096).u64(~uint64_t(0) / 4096 + 1).u64(1);
  auto file = writeElfSections({makeXenHeader(3),
                                {".xen_pages", std::vector<uint8_t>(0x3000)},
                                {".xen_pfn", frames.take()}});
  Dump dump = readDump(readXenCore, file);
  ASSERT_EQ(dump.memory->ranges().size(), 2u);
  EXPECT_EQ(dump.memory->ranges()[1].start, PhysAddr(~uint64_t(0xfff)));
  EXPECT_EQ(dump.memory->ranges()[1].size, 0x1000u);
}

TEST(XenCore, ATruncatedFileIsNamed) {
  MemoryImage image = randomImage(3, {{1, 4}}, 4096, {0, 0, 0});
  auto sections = makeXenPages(image);
  std::swap(sections[1], sections[2]); // the pages last
  auto file = writeElfSections(sections);
  file.resize(file.size() - 2 * 4096);
  Dump dump = readDump(readXenCore, file);
  EXPECT_EQ(absenceAt(dump, 0x2000), Absence::Truncated);
  EXPECT_TRUE(hasQuirk(dump, "the file is truncated: physical memory from "
                             "0x2000 to 0x3000 is cut off"));
}

/// `xl dump-core` writes the names of the sections last, the frame numbers
/// before them.
TEST(XenCore, WithoutTheNamesOfItsSectionsItIsCutOff) {
  MemoryImage image = randomImage(3, {{1, 4}}, 4096, {0, 0, 0});
  auto file = writeElfSections(makeXenPages(image));
  const uint64_t sections = 3;
  patch(file, 64 + 64 * (sections + 1) + 24, uint64_t(file.size()));
  EXPECT_TRUE(isXenCore(Bytes(file)));
  EXPECT_EQ(refusalOf(readXenCore, file),
            "Xen dump without the names of its sections, which end it, and so "
            "without the numbers of its pages; its sections run past the end "
            "at " +
                hex(file.size()) + ", truncated by 0x29 bytes or more");
}

TEST(XenCore, Refusals) {
  auto sentence = [](std::vector<XenSection> sections) {
    return refusalOf(readXenCore, writeElfSections(sections));
  };
  XenSection pages{".xen_pages", std::vector<uint8_t>(4096)};
  EXPECT_EQ(sentence({makeXenHeader(1, 4096, 1, 0xf00febed), pages}),
            "dump of a paravirtual Xen guest, whose page tables hold machine "
            "frames; vmpt reads HVM and PVH guests");
  EXPECT_EQ(sentence({makeXenHeader(1, 4096, 1, 0x1234), pages}),
            "Xen dump of the unknown kind 0x1234, expected 0xf00febee");
  EXPECT_EQ(sentence({makeXenHeader(1, 4097), pages}),
            "pages of 0x1001 bytes, expected 0x1000 to 0x10000");
  EXPECT_EQ(sentence({pages}), "Xen dump without a header note");
  EXPECT_EQ(sentence({makeXenHeader(1), pages}),
            "Xen dump without its .xen_pfn and .xen_pages sections");
}

TEST(XenCore, TruncationIsHarmless) {
  MemoryImage image;
  image.setData(1, {1, 2, 3});
  auto file = writeElfSections(makeXenPages(image));
  for (size_t size = 0; size < file.size(); ++size)
    (void)isXenCore(Bytes({file.data(), size}));
  expectTruncationsAreHarmless(readXenCore, file);
}

} // namespace
