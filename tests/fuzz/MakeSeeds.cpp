//===- MakeSeeds.cpp - writes the first saved inputs of the dump targets --===//
//
// make-fuzz-seeds tests/fuzz/corpus: small valid files of each kind, without
// the start that the target puts before its input.
//
#include "DumpBuilder.h"
#include "LimeWriter.h"
#include "QemuWriter.h"
#include "S390Writer.h"
#include "VirtualBoxWriter.h"
#include "VmwareWriter.h"
#include "XenWriter.h"

#include <filesystem>
#include <fstream>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

void save(const std::filesystem::path &path, const FileBytes &bytes,
          long start) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char *>(bytes.data()) + start,
             std::streamsize(bytes.size()) - start);
}

/// Pages of 64 bytes, except where the format fixes them.
void saveForensic(const std::filesystem::path &root, const MemoryImage &image) {
  save(root / "FuzzLime" / "lime", writeLime(image, LimeKind::Lime), 0);
  save(root / "FuzzLime" / "avml", writeLime(image, LimeKind::Avml, 100), 0);
  save(root / "FuzzLime" / "mixed", writeLime(image, LimeKind::Mixed), 0);

  QemuWriter qemu("virt-7.2");
  qemu.subsection("configuration/target-page-bits").u32(10);
  qemu.command().start().blocks({{"mach-virt.ram", 2048}}).endOfSection();
  qemu.part().page("mach-virt.ram", 0, FileBytes(1024, 7)).endOfSection();
  qemu.part(3).zeroPage("", 1024).endOfSection().endOfFile();
  save(root / "FuzzQemu" / "stream", qemu.take(), 8);
  MemoryImage whole;
  whole.setData(0, {1});
  save(root / "FuzzQemu" / "mapped-ram",
       QemuWriter("microvm", {"mapped-ram"})
           .start()
           .u64(4096 | 4)
           .mappedBlock("microvm.ram", whole, 0, 1)
           .endOfSection()
           .part(3)
           .endOfSection()
           .take(),
       8);
  save(root / "FuzzQemu" / "pc",
       QemuWriter("pc-q35-7.2")
           .start()
           .blocks({{"pc.ram", uint64_t(3) << 30}, {"pc.bios", 0x2000}})
           .zeroPage("pc.ram", uint64_t(2) << 30)
           .zeroPage("pc.bios", 0)
           .endOfSection()
           .take(),
       8);

  save(root / "FuzzVmware" / "embedded",
       describeVmware(whole)
           .block("Memory", {0, 0}, writeVmem(whole))
           .group("cpu")
           .item("CR64", {0, 3}, 0x1000, 8)
           .block("CR64", {1}, FileBytes(40))
           .take(),
       4);
  FileBytes cpu(416);
  cpu[144 + 13] = 0x20; // a 64-bit code segment
  save(root / "FuzzVirtualBox" / "core", writeVirtualBox(image, {cpu}), 7);
  save(root / "FuzzS390" / "whole", writeS390Dump(whole, {0x1000}), 8);
  auto xen = makeXenPages(whole);
  save(root / "FuzzXen" / "hvm", writeElfSections(xen), 7);
  xen.push_back({".xen_prstatus", FileBytes(5168)});
  save(root / "FuzzXen" / "registers", writeElfSections(xen), 7);
}

} // namespace

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  const std::filesystem::path root = argv[1];
  MemoryImage image;
  image.pageSize = 1024;
  for (uint64_t frame : {1, 2, 3, 7})
    image.setData(frame, FileBytes(900, uint8_t('a' + frame)));
  image.pages[4].state = PageState::Excluded;
  image.pages[8].state = PageState::Lost;
  const std::vector<Codec> all = {Codec::Zlib, Codec::Lzo, Codec::Snappy,
                                  Codec::Zstd};
  const struct {
    const char *name;
    KdumpShape shape;
  } kdumps[] = {
      {"v6-64", {.codecs = all, .shareZeroPage = false}},
      {"v6-32-packed-big",
       {.wordBits = 32,
        .order = ByteOrder::big,
        .codecs = all,
        .machine = "Unknown",
        .shareZeroPage = false}},
      {"v5-32-padded",
       {.version = 5, .wordBits = 32, .padded = true, .shareZeroPage = false}},
      {"v1-64", {.version = 1, .shareZeroPage = false}},
      {"split", {.shareZeroPage = false, .split = MemoryImage::Run{0, 4}}},
      {"notes",
       {.notes = {vmcoreinfoNote("OSRELEASE=6.1.0\n")},
        .shareZeroPage = false}},
  };
  for (const auto &[name, shape] : kdumps)
    save(root / "FuzzKdump" / name, writeKdump(image, shape), 8);
  save(root / "FuzzFlattened" / "kdump",
       flatten(writeKdump(image, kdumps[0].shape), {.maxRecord = 700}), 4096);

  image = image.without(PageState::Lost);
  image.pageSize = 64;
  for (auto &[frame, page] : image.pages)
    page.bytes.resize(page.bytes.empty() ? 0 : 64);
  const ElfShape elf64 = {.unaligned = true,
                          .notes = {vmcoreinfoNote("OSRELEASE=6.1.0\n")}};
  const ElfShape elf32 = {.is64Bit = false,
                          .order = ByteOrder::big,
                          .machine = 3,
                          .qemuOrder = true,
                          .overlap = true};
  save(root / "FuzzElf" / "elf64", writeElf(image, elf64), 4);
  save(root / "FuzzElf" / "elf32-qemu", writeElf(image, elf32), 4);
  save(root / "FuzzFlattened" / "elf64",
       flatten(writeElf(image, elf64), {.maxRecord = 100}), 4096);
  saveForensic(root, image.without(PageState::Excluded));
}
