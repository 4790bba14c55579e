#include "dump/formats/Refused.h"

#include "support/ReadDump.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

std::vector<uint8_t> startingWith(std::initializer_list<uint8_t> bytes) {
  std::vector<uint8_t> file(bytes);
  file.resize(64);
  return file;
}

std::vector<uint8_t> startingWith(const char *text) {
  std::vector<uint8_t> file(text, text + std::strlen(text));
  file.resize(64);
  return file;
}

std::vector<uint8_t> having(llvm::StringRef text, uint64_t offset) {
  std::vector<uint8_t> file(offset + 512);
  llvm::copy(text, file.begin() + long(offset));
  return file;
}

TEST(Refused, EveryFormatHasItsSentence) {
  const std::pair<std::vector<uint8_t>, const char *> cases[] = {
      {startingWith({0x1f, 0x8b, 8}), "compressed with gzip"},
      {startingWith({0x28, 0xb5, 0x2f, 0xfd}), "compressed with zstd"},
      {startingWith({0xfd, '7', 'z', 'X', 'Z', 0}), "compressed with xz"},
      {startingWith({4, 0x22, 0x4d, 0x18}), "compressed with lz4"},
      {startingWith("BZh91AY&SY"), "compressed with bzip2"},
      {startingWith({0x89, 'L', 'Z', 'O', 0, 13, 10, 26, 10}),
       "compressed with lzop"},
      {startingWith({0xff, 6, 0, 0, 's', 'N', 'a', 'P', 'p', 'Y'}),
       "compressed with snappy"},
      {startingWith({0x38, 0x8d, 0xec}), "compressed by LiME"},
      {startingWith({0xed, 0x23, 0x8f, 0x61, 0x73, 1, 0x19, 0xa8}), "an LKCD"},
      {startingWith({0xa8, 0x19, 1, 0x73, 0x61, 0x8f, 0x23, 0xed}), "an LKCD"},
      {startingWith("DISKDUMP"), "a dump of the diskdump utility"},
      {startingWith("sadump"), "a Fujitsu sadump"},
      {startingWith("PAGEDU64"), "a Windows crash dump"},
      {startingWith("PAGEDUMP"), "a 32-bit Windows crash dump"},
      {startingWith({0x14, 0x20, 0x28, 1}), "a Hyper-V saved state"},
      {startingWith({'Q', 'F', 'I', 0xfb, 0, 0, 0, 3}), "a qcow2 disk image"},
      {startingWith("LibvirtQemudPart"), "an unfinished libvirt save"},
      {startingWith({'P', 'K', 3, 4}), "a zip archive; "},
      {startingWith({'7', 'z', 0xbc, 0xaf, 0x27, 0x1c}), "a 7z archive"},
      {having("ustar", 257), "a tar archive"},
      {having("ustar  ", 257), "a tar archive"},
      {startingWith({'E', 'V', 'F', 9, 13, 10, 0xff, 0}), "an EWF (E01)"},
      {startingWith({'E', 'V', 'F', '2', 13, 10, 0x81, 0}), "an EWF (Ex01)"},
      {startingWith("KDMV"), "a VMDK disk image"},
      {startingWith("# Disk DescriptorFile"), "the description of a VMDK"},
      {startingWith("vhdxfile"), "a VHDX disk image"},
      {startingWith("conectix"), "a VHD disk image"},
      {having("sadump", 4096), "a Fujitsu sadump file on a medium"},
      {startingWith({0x50, 0x2a, 0x4d, 0x18}), "compressed with zstd"},
      {startingWith({2, 0x21, 0x4c, 0x18}), "compressed with lz4 (its old"},
      {startingWith("LZIP"), "compressed with lzip"},
      {startingWith({0x5d, 0, 0, 0x80, 0, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                     0xff, 0xff, 0, 0x3f}),
       "compressed with lzma"},
      {startingWith({'P', 'K', 5, 6}), "a zip archive with nothing"},
      {startingWith({'R', 'a', 'r', '!', 0x1a, 7, 1, 0}), "a RAR archive"},
      {startingWith("070701"), "a cpio archive"},
      {startingWith("070702"), "a cpio archive"},
      {startingWith("070707"), "a cpio archive"},
      {startingWith("!<arch>\n"), "an ar archive"},
      {startingWith("hsqs"), "a squashfs file system"},
      {having("CD001", 32769), "an ISO 9660 file system"},
      {startingWith({'L', 'U', 'K', 'S', 0xba, 0xbe}), "an encrypted (LUKS)"},
      {startingWith("Salted__"), "encrypted with openssl"},
      {startingWith("-----BEGIN PGP MESSAGE"), "encrypted with PGP"},
      {startingWith({'L', 'V', 'F', 9, 13, 10, 0xff, 0}), "an EWF (L01)"},
      {startingWith("AFF10\r\n"), "an AFF image"},
      {startingWith("ADSEGMENTEDFILE"), "an AD1 image"},
      {startingWith("COWD"), "a VMDK disk image"},
      {having("\x7f\x10\xda\xbe", 64), "a VDI disk image"},
      {startingWith("QED"), "a QED disk image"},
      {startingWith("WithoutFreeSpace"), "a Parallels disk image"},
      {startingWith("WithouFreSpacExt"), "a Parallels disk image"},
      {having("EFI PART", 512), "a disk with partitions"},
      {having("SWAPSPACE2", 4086), "swap space"},
      {having("S1SUSPEND", 4086), "swap space"},
      {startingWith("MDMP"), "a Windows minidump"},
      {having("conectix", 4096), "a VHD disk image"}, // in its last sector
  };
  for (const auto &[file, sentence] : cases) {
    EXPECT_TRUE(isRefused(Bytes(file))) << sentence;
    EXPECT_EQ(refusalOf(refuse, file).find(sentence), 0u) << sentence;
  }
  EXPECT_EQ(refusalOf(refuse, cases[0].first),
            "compressed with gzip; unpack it first with 'gunzip'");
}

TEST(Refused, RawImagesThatOnlyResembleAreNot) {
  for (const auto &file : {startingWith({0x1f, 0x8b, 9}),
                           startingWith("BZh3llo"),
                           startingWith({0x38, 0x8d, 0x07}),
                           startingWith({0x5d, 0, 0, 0x81}),
                           startingWith({0}),
                           {}})
    EXPECT_FALSE(isRefused(Bytes(file)));
}

} // namespace
