#include "dump/formats/Refused.h"

#include "support/Bits.h"

namespace vmpt {

namespace {

struct RefusedFormat {
  llvm::StringLiteral magic; ///< May hold NUL bytes.
  uint64_t offset;           ///< Where it stands in the file.
  llvm::StringLiteral sentence;
};

/// clang wants to hear that a NUL inside a literal is meant.
template <size_t N>
constexpr llvm::StringLiteral withNul(const char (&text)[N]) {
  return llvm::StringLiteral::withInnerNUL(text);
}

constexpr llvm::StringLiteral aff4Sentence =
    "an AFF4 image; write the memory image in it with 'aff4imager -e' or "
    "'pmem -e', or unpack it with 'unzip' where it is not in chunks";

constexpr llvm::StringLiteral zstdSentence =
    "compressed with zstd; unpack it first with 'zstd -d'";
constexpr llvm::StringLiteral cpioSentence =
    "a cpio archive; unpack it first with 'cpio -i'";
constexpr llvm::StringLiteral vmdkSentence =
    "a VMDK disk image; the memory of a VMware guest is in its .vmss, .vmsn "
    "and .vmem files";
constexpr llvm::StringLiteral parallelsSentence =
    "a Parallels disk image; take the memory inside the guest with AVML or "
    "LiME";
constexpr llvm::StringLiteral swapSentence =
    "swap space, or a hibernation image in it, which vmpt does not read; take "
    "a dump of the machine that runs";

// Magic numbers: gzip RFC 1952; zstd RFC 8878; xz-file-format 1.2; lz4 frame
// format; bzip2 and lzop sources; snappy framing_format.txt; LKCD and sadump
// from the crash utility's headers; Windows from MS-DMP as QEMU writes it;
// qcow2 from qemu docs/interop/qcow2.txt; zip APPNOTE.TXT 4.3.7; 7zFormat.txt;
// tar from POSIX ustar and GNU's old form; EWF from libewf's documentation;
// VMDK and VHDX from their published specifications; a sadump medium has a
// header of one block, of 4096 bytes, before the partition's (crash sadump.c);
// squashfs, cpio, swap from Linux's headers (magic.h, cpio.rst, swap.h); ISO
// 9660 from ECMA-119 8; LUKS1 2.3; VDI and Parallels from qemu block/vdi.c,
// parallels.c; Hyper-V: HyperVStorage header. LiME's compress=1 is one zlib
// stream with a 2 KiB window (RFC 1950: 38 8d).
constexpr RefusedFormat refusedFormats[] = {
    {"\x1f\x8b", 0, "compressed with gzip; unpack it first with 'gunzip'"},
    {"\x28\xb5\x2f\xfd", 0, zstdSentence},
    {"\x50\x2a\x4d\x18", 0, zstdSentence},
    {withNul("\xfd"
             "7zXZ\0"),
     0, "compressed with xz; unpack it first with 'unxz'"},
    {"\x04\x22\x4d\x18", 0,
     "compressed with lz4; unpack it first with 'lz4 -d'"},
    {"BZh", 0, "compressed with bzip2; unpack it first with 'bunzip2'"},
    {withNul("\x89LZO\0\r\n\x1a\n"), 0,
     "compressed with lzop; unpack it first with 'lzop -d'"},
    {"\x02\x21\x4c\x18", 0,
     "compressed with lz4 (its old format); unpack it first with 'lz4 -d'"},
    {"LZIP", 0, "compressed with lzip; unpack it first with 'lzip -d'"},
    {withNul("\xff\x06\0\0sNaPpY"), 0,
     "compressed with snappy as a whole; unpack it first (for example with "
     "'python3 -m snappy -d')"},
    {"\x38\x8d", 0,
     "compressed by LiME (compress=1, a zlib stream); unpack it first with "
     "'zlib-flate -uncompress' or 'pigz -dz'"},
    {"\xed\x23\x8f\x61\x73\x01\x19\xa8", 0,
     "an LKCD dump, which vmpt does not read; take the dump with kdump, or "
     "convert it with the crash utility of its time"},
    {"\xa8\x19\x01\x73\x61\x8f\x23\xed", 0,
     "an LKCD dump, which vmpt does not read; take the dump with kdump, or "
     "convert it with the crash utility of its time"},
    {"DISKDUMP", 0,
     "a dump of the diskdump utility that Linux had before kdump; vmpt reads "
     "its successor's files (KDUMP)"},
    {withNul("sadump\0\0"), 0,
     "a Fujitsu sadump file; convert it first with 'makedumpfile -d 0'"},
    {"PAGEDU64", 0,
     "a Windows crash dump; take the memory of a Linux machine in another "
     "format (QEMU: dump-guest-memory without -w)"},
    {"PAGEDUMP", 0,
     "a 32-bit Windows crash dump; take the memory of a Linux machine in "
     "another format (QEMU: dump-guest-memory without -w)"},
    {"\x14\x20\x28\x01", 0,
     "a Hyper-V saved state (.vmrs); vmpt does not read it, take the memory "
     "inside the guest with AVML or LiME"},
    {"QFI\xfb", 0,
     "a qcow2 disk image; for the memory in a snapshot of it start QEMU with "
     "'-loadvm NAME -S' and take the dump with dump-guest-memory"},
    // The first members of AFF4's zip archives (AFF4 standard 1.0, 3.2), or of
    // those that pmem wrote.
    {"container.description", 30, aff4Sentence},
    {"information.turtle", 30, aff4Sentence},
    {"aff4%3A", 30, aff4Sentence},
    {"PK\x03\x04", 0,
     "a zip archive; unpack the memory image in it with 'unzip'"},
    {"Rar!\x1a\x07", 0, "a RAR archive; unpack it first with 'unrar x'"},
    {"070701", 0, cpioSentence},
    {"070702", 0, cpioSentence},
    {"070707", 0, cpioSentence},
    {"!<arch>\n", 0, "an ar archive; unpack it first with 'ar x'"},
    {"hsqs", 0,
     "a squashfs file system; unpack the dump in it with 'unsquashfs'"},
    {"CD001", 32769,
     "an ISO 9660 file system; copy the dump out of it ('mount -o loop,ro', or "
     "'7z x')"},
    {"LUKS\xba\xbe", 0,
     "an encrypted (LUKS) volume; open it with 'cryptsetup open', and copy the "
     "dump out of it"},
    {"Salted__", 0, "encrypted with openssl; decrypt it first"},
    {"-----BEGIN PGP", 0, "encrypted with PGP; decrypt it first ('gpg -d')"},
    {"PK\x05\x06", 0, "a zip archive with nothing in it"},
    {"\x5d", 0, "compressed with lzma; unpack it first with 'unlzma'"},
    {"7z\xbc\xaf\x27\x1c", 0, "a 7z archive; unpack it first with '7z x'"},
    {withNul("ustar\0"), 257, "a tar archive; unpack it first with 'tar -xf'"},
    {"ustar  ", 257, "a tar archive; unpack it first with 'tar -xf'"},
    {withNul("EVF\x09\x0d\x0a\xff\0"), 0,
     "an EWF (E01) image; write the raw image in it with 'ewfexport -f raw', "
     "or mount it with 'ewfmount'"},
    {withNul("EVF2\x0d\x0a\x81\0"), 0,
     "an EWF (Ex01) image; write the raw image in it with 'ewfexport -f raw'"},
    {withNul("LVF\x09\x0d\x0a\xff\0"), 0,
     "an EWF (L01) image of files; write them with 'ewfexport -f files'"},
    {"AFF10\r\n", 0,
     "an AFF image; write the raw image in it with 'affconvert -r' or "
     "'affcat'"},
    {withNul("ADSEGMENTEDFILE\0"), 0,
     "an AD1 image; write the memory image in it with FTK Imager"},
    {"KDMV", 0, vmdkSentence},
    {"# Disk DescriptorFile", 0,
     "the description of a VMDK disk image; the memory of a VMware guest is in "
     "its .vmss, .vmsn and .vmem files"},
    {"COWD", 0, vmdkSentence},
    {"\x7f\x10\xda\xbe", 64,
     "a VDI disk image; take the memory of a VirtualBox guest with "
     "'VBoxManage debugvm NAME dumpvmcore'"},
    {withNul("QED\0"), 0,
     "a QED disk image; take the dump with dump-guest-memory"},
    {"WithoutFreeSpace", 0, parallelsSentence},
    {"WithouFreSpacExt", 0, parallelsSentence},
    {"EFI PART", 512,
     "a disk with partitions (GPT), no memory; copy the dump out of its file "
     "system"},
    {"SWAPSPACE2", 4086, swapSentence},
    {"S1SUSPEND", 4086, swapSentence},
    {"MDMP", 0, "a Windows minidump; vmpt reads the memory of Linux machines"},
    {"vhdxfile", 0,
     "a VHDX disk image; take the memory inside the guest with AVML or LiME"},
    {"conectix", 0,
     "a VHD disk image; take the memory inside the guest with AVML or LiME"},
    {withNul("sadump\0\0"), 4096,
     "a Fujitsu sadump file on a medium of its own; convert it first with "
     "'makedumpfile -d 0'"},
    {"LibvirtQemudPart", 0,
     "an unfinished libvirt save file; take the dump with 'virsh dump "
     "--memory-only'"},
};

// "BZh" is text; a raw image may begin with it.  The level digit and the block
// magic (BCD of pi) tell.
bool isBzip2(Bytes file) {
  return file.size() >= 10 && file.data()[3] >= '1' && file.data()[3] <= '9' &&
         file.clip(4, 6).text() == "1AY&SY";
}

// lzma's usual properties; a dictionary of 2^n bytes; a length that is not
// known, or can be one (lzma-file-format.txt).
bool isLzma(Bytes file) {
  if (file.size() < 14)
    return false;
  const uint64_t dictionary = file.at<uint32_t>(1),
                 length = file.at<uint64_t>(5);
  return dictionary >= 4096 && (dictionary & (dictionary - 1)) == 0 &&
         (length == ~uint64_t(0) || length < uint64_t(1) << 48) &&
         length != 0 && file.data()[13] == 0;
}

// Two bytes are little: gzip's third is the only method there is (deflate),
// and a zlib stream goes on with a deflate block of a type that exists.
bool matches(const RefusedFormat &format, Bytes file) {
  if (file.clip(format.offset, format.magic.size()).text() != format.magic)
    return false;
  if (format.magic == "BZh")
    return isBzip2(file);
  if (format.magic == "\x5d")
    return isLzma(file);
  if (format.magic == "\x1f\x8b")
    return file.size() > 2 && file.data()[2] == 8;
  if (format.magic == "\x38\x8d")
    return file.size() > 2 && (file.data()[2] >> 1 & 3) != 3;
  return true;
}

/// A fixed VHD is a raw disk with a footer of 512 bytes.
constexpr RefusedFormat fixedVhd = {
    "conectix", 0,
    "a VHD disk image; take the memory inside the guest with AVML or LiME"};

const RefusedFormat *findRefused(Bytes file) {
  if (file.size() >= 512 && matches(fixedVhd, file.clip(file.size() - 512, 8)))
    return &fixedVhd;
  for (const RefusedFormat &format : refusedFormats)
    if (matches(format, file))
      return &format;
  return nullptr;
}

} // namespace

bool isRefused(Bytes file) { return findRefused(file) != nullptr; }

llvm::Error refuse(Bytes file, Dump &) {
  const RefusedFormat *format = findRefused(file);
  return llvm::make_error<UnsupportedError>(
      format ? format->sentence : "not a format that vmpt knows");
}

} // namespace vmpt
