#include "dump/formats/QemuMigration.h"

#include "support/QemuWriter.h"
#include "support/ReadDump.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

constexpr uint64_t GiB = 1 << 30;
const std::vector<uint8_t> ones(4096, 0x11), twos(4096, 0x22);

uint8_t byteAt(const Dump &dump, uint64_t at) {
  uint8_t byte = 0;
  EXPECT_FALSE(dump.memory->tryRead(PhysAddr(at), byte)) << hex(at);
  return byte;
}

std::string quirksOf(const Dump &dump) {
  std::string all;
  for (const std::string &quirk : dump.quirks)
    all += quirk + "\n";
  return all;
}

TEST(QemuMigration, LaterPagesReplaceEarlierOnes) {
  struct {
    const char *machine, *block;
    uint64_t firstFrame;
  } cases[] = {{"virt-7.2", "mach-virt.ram", GiB >> 12},
               {"virt", "riscv_virt_board.ram", 2 * GiB >> 12},
               {"microvm", "microvm.ram", 0}};
  for (auto [machine, block, firstFrame] : cases)
    for (uint32_t seed = 1; seed <= 3; ++seed) {
      MemoryImage image =
          randomImage(seed, {{firstFrame, 90}}, 4096, {80, 0, 40});
      auto file = writeQemuStream(image, machine, block, firstFrame, 90);
      ASSERT_TRUE(isQemuMigration(Bytes(file)));
      Dump dump = readDump(readQemuMigration, file);
      for (auto &[frame, page] : image.pages) {
        std::vector<uint8_t> read(4096);
        auto absent = dump.memory->tryRead(image.addressOf(frame), read);
        ASSERT_EQ(absent.has_value(), page.state == PageState::Lost);
        if (absent)
          ASSERT_EQ(absent->absence, Absence::Excluded);
        else
          ASSERT_EQ(read, image.bytesOf(frame));
      }
      auto wanted = expectedRanges(image);
      for (MemoryRange &range : wanted)
        if (range.absence) // the stream is whole
          range.absence = Absence::Excluded;
      EXPECT_TRUE(std::equal(wanted.begin(), wanted.end(),
                             dump.memory->ranges().begin(),
                             dump.memory->ranges().end()));
      EXPECT_EQ(dump.memory->knownZeroBytes(), expectedZeroBytes(image));
      EXPECT_EQ(absenceAt(dump, (firstFrame + 90) << 12), Absence::OutsideRam);
    }
}

TEST(QemuMigration, TheMachineTypeTellsTheArchitecture) {
  auto archOf = [](const char *machine, const char *block) {
    auto file = QemuWriter(machine)
                    .start()
                    .blocks({{block, 0x2000}})
                    .endOfSection()
                    .part(3)
                    .endOfSection()
                    .take();
    return readDump(readQemuMigration, file).machine.arch;
  };
  EXPECT_EQ(archOf("virt-10.0", "mach-virt.ram"), Arch::Arm64);
  EXPECT_EQ(archOf("virt", "riscv_virt_board.ram"), Arch::RiscV64);
  EXPECT_EQ(archOf("virt-10.0", "mem0"), Arch::Arm64);
  EXPECT_EQ(archOf("virt", "mem0"), Arch::RiscV64);
  EXPECT_EQ(archOf("pc-q35-9.0", "pc.ram"), std::nullopt); // x86-64 or i386
}

TEST(QemuMigration, PcRamIsSplitAtTheHoleAndFirmwareEndsAt4GiB) {
  auto file = QemuWriter("pc-q35-7.2")
                  .start()
                  .blocks({{"pc.ram", 3 * GiB},
                           {"pc.bios", 0x2000},
                           {"0000:00:01.0/vga.vram", 0x1000}})
                  .endOfSection()
                  .part(3)
                  .page("pc.ram", 0x9f000, ones)
                  .page("pc.ram", 0xa0000, ones)
                  .page("pc.ram", 2 * GiB - 4096, ones)
                  .page("pc.ram", 2 * GiB, twos)
                  .page("pc.bios", 0x1000, twos)
                  .endOfSection()
                  .take();
  Dump dump = readDump(readQemuMigration, file);
  EXPECT_EQ(byteAt(dump, 0x9ffff), 0x11);
  EXPECT_EQ(absenceAt(dump, 0xa0000), Absence::OutsideRam); // video memory
  EXPECT_EQ(absenceAt(dump, 0xc0000), Absence::Excluded);
  EXPECT_EQ(byteAt(dump, 2 * GiB - 1), 0x11);
  EXPECT_EQ(absenceAt(dump, 2 * GiB), Absence::OutsideRam);
  EXPECT_EQ(byteAt(dump, 4 * GiB - 1), 0x22); // firmware
  EXPECT_EQ(byteAt(dump, 4 * GiB), 0x22);
  EXPECT_EQ(absenceAt(dump, 5 * GiB), Absence::OutsideRam);
}

/// qemu hw/i386/pc_piix.c: gigabyte_align is false up to 1.7.
TEST(QemuMigration, OldMachineTypesSplitTheirRamElsewhere) {
  const std::pair<const char *, uint64_t> splits[] = {
      {"pc-i440fx-1.7", 0xe0000000},
      {"pc-q35-1.4", 0xb0000000},
      {"pc-i440fx-2.0", 3 * GiB},
      {"pc-i440fx-10.0", 3 * GiB},
      {"pc-q35-10.1", 2 * GiB}};
  for (const auto &[machine, split] : splits) {
    auto file = QemuWriter(machine)
                    .start()
                    .blocks({{"pc.ram", 4 * GiB}})
                    .endOfSection()
                    .part(3)
                    .page("pc.ram", split - 4096, ones)
                    .page("pc.ram", split, twos)
                    .endOfSection()
                    .take();
    Dump dump = readDump(readQemuMigration, file);
    EXPECT_EQ(byteAt(dump, split - 1), 0x11) << machine;
    EXPECT_EQ(byteAt(dump, 4 * GiB), 0x22) << machine;
    EXPECT_EQ(absenceAt(dump, split), Absence::OutsideRam) << machine;
  }
}

TEST(QemuMigration, WithoutVideoMemoryTheWindowIsRam) {
  auto file = QemuWriter("pc-i440fx-7.2")
                  .start()
                  .blocks({{"pc.ram", 0x200000}})
                  .endOfSection()
                  .part(3)
                  .page("pc.ram", 0xa0000, ones)
                  .endOfSection()
                  .take();
  EXPECT_EQ(byteAt(readDump(readQemuMigration, file), 0xa0000), 0x11);
}

TEST(QemuMigration, OtherMachinesHaveNoFirmwareInTheirRam) {
  auto file = QemuWriter("virt-7.2")
                  .start()
                  .blocks({{"mach-virt.ram", 8 * GiB}, {"pc.bios", 0x40000}})
                  .endOfSection()
                  .part(3)
                  .page("mach-virt.ram", 8 * GiB - 4096, ones)
                  .zeroPage("mach-virt.ram", 4 * GiB)
                  .endOfSection()
                  .take();
  Dump dump = readDump(readQemuMigration, file);
  EXPECT_EQ(byteAt(dump, 9 * GiB - 1), 0x11);
  EXPECT_EQ(dump.memory->knownZeroBytes(), 4096u);
}

TEST(QemuMigration, TheEndOfMicrovmsFirmwareShowsBelow1MiB) {
  auto write = [](uint64_t biosBytes) {
    return QemuWriter("microvm")
        .start()
        .blocks({{"microvm.ram", 0x200000}, {"pc.bios", biosBytes}})
        .endOfSection()
        .part(3)
        .page("microvm.ram", 0xdf000, ones)
        .page("microvm.ram", 0xfe000, ones)
        .page("microvm.ram", 0x100000, ones)
        .page("pc.bios", biosBytes - 0x1000, twos)
        .endOfSection()
        .take();
  };
  auto small = write(0x10000);
  Dump dump = readDump(readQemuMigration, small);
  EXPECT_EQ(byteAt(dump, 0xdf000), 0x11);
  EXPECT_EQ(absenceAt(dump, 0xfe000), Absence::Excluded); // of the firmware
  EXPECT_EQ(byteAt(dump, 0xff000), 0x22);
  EXPECT_EQ(byteAt(dump, 0x100000), 0x11);
  EXPECT_EQ(absenceAt(dump, 4 * GiB - 0x10001), Absence::OutsideRam);
  EXPECT_EQ(byteAt(dump, 4 * GiB - 1), 0x22);
  // Not more than 128 KiB of it.
  auto large = write(0x40000);
  Dump other = readDump(readQemuMigration, large);
  EXPECT_EQ(byteAt(other, 0xdf000), 0x11);
  EXPECT_EQ(byteAt(other, 0xff000), 0x22);
}

TEST(QemuMigration, NumaBlocksFollowEachOtherByNumber) {
  auto file = QemuWriter("virt-7.2")
                  .start()
                  .blocks({{"/objects/ram-node10", 0x1000},
                           {"/objects/ram-node2", 0x1000}})
                  .endOfSection()
                  .part(3)
                  .page("/objects/ram-node10", 0, twos)
                  .page("/objects/ram-node2", 0, ones)
                  .endOfSection()
                  .take();
  Dump dump = readDump(readQemuMigration, file);
  std::vector<uint8_t> both(0x2000);
  ASSERT_FALSE(dump.memory->tryRead(PhysAddr(GiB), both));
  EXPECT_EQ(both.front(), 0x11);
  EXPECT_EQ(both.back(), 0x22);
}

TEST(QemuMigration, MappedRam) {
  const uint64_t first = GiB >> 12;
  MemoryImage image = randomImage(7, {{first, 130}}, 4096, {100, 0, 0});
  auto file = QemuWriter("virt-9.0", {"mapped-ram"})
                  .start()
                  .u64(130 * 4096 | 4)
                  .mappedBlock("mach-virt.ram", image, first, 130)
                  .endOfSection()
                  .part(3)
                  .endOfSection()
                  .take();
  Dump dump = readDump(readQemuMigration, file);
  std::vector<uint8_t> read(4096);
  for (auto &[frame, page] : image.pages) {
    ASSERT_FALSE(dump.memory->tryRead(image.addressOf(frame), read));
    ASSERT_EQ(read, image.bytesOf(frame));
  }
  ASSERT_EQ(dump.memory->ranges().size(), 1u);
  EXPECT_EQ(dump.memory->knownZeroBytes(), expectedZeroBytes(image));
  EXPECT_EQ(dump.quirks.size(), 1u) << quirksOf(dump);

  // Cut off inside the pages: what is behind the cut is not zeros.
  file.resize(file.size() - 40 * 4096);
  Dump cut = readDump(readQemuMigration, file);
  EXPECT_EQ(absenceAt(cut, GiB + 129 * 4096), Absence::Truncated);
  ASSERT_EQ(cut.memory->ranges().size(), 2u);
  EXPECT_FALSE(cut.memory->tryRead(cut.memory->ranges()[1].start - 4096, read));
}

TEST(QemuMigration, LibvirtSaveFile) {
  MemoryImage image = randomImage(3, {{GiB >> 12, 20}}, 4096, {80, 0, 0});
  auto stream =
      writeQemuStream(image, "virt-7.2", "mach-virt.ram", GiB >> 12, 20);
  auto wrap = [&](uint32_t compression) {
    const std::string xml = "<domain type='kvm'/>\n";
    ByteWriter out;
    out.text("LibvirtQemudSave").u32(2).u32(uint32_t(xml.size())).u32(1);
    out.u32(compression).u32(0).zeros(56).text(xml).bytes(stream);
    return out.take();
  };
  auto file = wrap(0);
  ASSERT_TRUE(isQemuMigration(Bytes(file)));
  Dump dump = readDump(readQemuMigration, file);
  std::vector<uint8_t> read(4096);
  ASSERT_FALSE(dump.memory->tryRead(PhysAddr(GiB), read));
  EXPECT_EQ(read, image.bytesOf(GiB >> 12));
  EXPECT_EQ(dump.format, "QEMU migration stream in a libvirt save file");
  // 92 bytes of header and 21 of XML.
  EXPECT_EQ(refusalOf(readQemuMigration, wrap(3)),
            "compressed libvirt save file; unpack the stream in it first with "
            "'tail -c +114 FILE | unxz > STREAM'");
  EXPECT_EQ(refusalOf(readQemuMigration, wrap(6)),
            "libvirt save file with compression 6, which vmpt does not know; "
            "use 'virsh dump --memory-only'");
}

//===- Damage -------------------------------------------------------------===//

/// A stream with one page of two, then what \p more adds.
template <class More> std::vector<uint8_t> broken(More more) {
  QemuWriter out("virt-7.2");
  out.start().blocks({{"mach-virt.ram", 0x2000}}).endOfSection().part();
  out.page("mach-virt.ram", 0, ones);
  more(out);
  return out.take();
}

TEST(QemuMigration, WhatWasSentBeforeTheBreakCounts) {
  struct {
    void (*more)(QemuWriter &);
    const char *reason;
  } cases[] = {
      {[](QemuWriter &) {}, "the file is truncated"},
      {[](QemuWriter &out) { out.endOfSection().start("vfio"); },
       "section 'vfio' stands before the end of RAM"},
      {[](QemuWriter &out) { out.endOfSection().part(2, 9); },
       "section 9 stands before the end of RAM, at offset 0x107e"},
      {[](QemuWriter &out) { out.endOfSection().endOfFile(); },
       "section type 0x0 stands before the end of RAM, before offset 0x107a"},
      {[](QemuWriter &out) { out.word(0x1000 | 1); },
       "unknown page flags 0x1 before offset 0x1074"},
      {[](QemuWriter &out) { out.zeroPage("pc.ram", 0); },
       "a page of the unlisted RAM block 'pc.ram' before offset 0x107b"},
      {[](QemuWriter &out) { out.zeroPage("", 0x2000); },
       "a page at 0x2000 behind the end of RAM block 'mach-virt.ram' before "
       "offset 0x1075"},
      {[](QemuWriter &out) { out.zeroPage("", 0x1000, 0x77); },
       "a zero page filled with 0x77 before offset 0x1075"},
      {[](QemuWriter &out) {
         out.blocks({{"x", 0x1000}});
       },
       "second list of RAM blocks before offset 0x1074"},
  };
  for (auto &[more, reason] : cases) {
    auto file = broken(more);
    Dump dump = readDump(readQemuMigration, file);
    EXPECT_EQ(byteAt(dump, GiB), 0x11);
    EXPECT_EQ(absenceAt(dump, GiB + 0x1000), Absence::Truncated) << reason;
    EXPECT_NE(quirksOf(dump).find(std::string("not read to the end of RAM (") +
                                  reason + "): later pages are missing"),
              std::string::npos)
        << reason << "\n"
        << quirksOf(dump);
  }
}

TEST(QemuMigration, Refusals) {
  auto sentence = [](std::vector<uint8_t> file) {
    return refusalOf(readQemuMigration, file);
  };
  const std::string advice = "; migrate to the file without that capability, "
                             "or take the dump with dump-guest-memory";
  EXPECT_EQ(sentence(broken([](QemuWriter &out) { out.word(0x40); })),
            "QEMU stream with pages sent by XBZRLE" + advice);
  EXPECT_EQ(sentence(broken([](QemuWriter &out) { out.word(0x100); })),
            "QEMU stream with pages sent by compression" + advice);
  EXPECT_EQ(sentence(QemuWriter("pseries-7.2")
                         .start()
                         .blocks({{"ppc_spapr.ram", 0x1000}})
                         .take()),
            "QEMU machine type 'pseries-7.2' puts its RAM where vmpt does not "
            "know (it knows pc-i440fx, pc-q35, microvm, virt); take the dump "
            "with dump-guest-memory");
  EXPECT_EQ(sentence(QemuWriter("virt").endOfFile().take()),
            "QEMU stream without a list of RAM blocks: section type 0x0 stands "
            "before the end of RAM, before offset 0x12");
  EXPECT_EQ(sentence(QemuWriter("virt").subsection("configuration/x").take()),
            "QEMU stream with the unknown subsection 'configuration/x', whose "
            "length nothing tells; take the dump with dump-guest-memory");
  EXPECT_EQ(sentence(QemuWriter("virt").start().word(0x1000 | 4).take()),
            "the list of RAM blocks at offset 0x2a runs past the end at 0x2a, "
            "truncated by 0x1 bytes or more");
  EXPECT_EQ(
      sentence(QemuWriter("virt")
                   .start()
                   .word(0x1000 | 4)
                   .id("r")
                   .u64(0x2000)
                   .take()),
      "RAM block 'r' of 0x2000 bytes before offset 0x34, expected 1 to 0x1000");
  EXPECT_EQ(
      sentence(
          QemuWriter("virt").start().word(~uint64_t(0) - 0xfff + 4).take()),
      "RAM of 0xfffffffffffff000 bytes before offset 0x2a, expected at "
      "most 0x100000000000000");
}

TEST(QemuMigration, TruncationIsHarmless) {
  QemuWriter out("virt-7.2");
  out.subsection("configuration/target-page-bits").u32(10);
  std::vector<uint8_t> page(1024, 1);
  out.start().blocks({{"mach-virt.ram", 2048}}).endOfSection().part();
  out.page("mach-virt.ram", 0, page).endOfSection().part(3);
  out.zeroPage("", 1024).endOfSection().endOfFile();
  expectTruncationsAreHarmless(readQemuMigration, out.take());

  MemoryImage image = randomImage(7, {{0, 2}}, 4096, {0, 0, 0});
  expectTruncationsAreHarmless(readQemuMigration,
                               QemuWriter("microvm", {"mapped-ram"})
                                   .start()
                                   .u64(2 * 4096 | 4)
                                   .mappedBlock("microvm.ram", image, 0, 2)
                                   .endOfSection()
                                   .take());
}

} // namespace
