//===- MakeSeeds.cpp - writes the first saved inputs of the dump targets
//---===//
//
// make-fuzz-seeds tests/fuzz/corpus: small valid files of each kind, without
// the start that the target puts before its input.
//
#include "DumpBuilder.h"

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
}
