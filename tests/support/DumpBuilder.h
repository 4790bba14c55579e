//===- DumpBuilder.h - dump files made in memory --------------------------===//
//
// Writers of the formats that QEMU, makedumpfile and /proc/vmcore write, in
// all the variants that a reader must understand. They know the C structs
// (word size, alignment) and not the offsets that the readers use, so that a
// wrong offset shows.
//
#pragma once

#include "MemoryImage.h"

#include <span>
#include <string>

namespace vmpt::testing {

using FileBytes = std::vector<uint8_t>;

struct NoteText {
  std::string name;
  uint32_t type = 0;
  FileBytes desc;
};
/// A note segment, names and descriptions padded to 4 bytes.
FileBytes writeNotes(const std::vector<NoteText> &notes, ByteOrder order);
NoteText vmcoreinfoNote(const std::string &text);

//===- kdump-compressed ---------------------------------------------------===//

enum class Codec : uint8_t { Raw, Zlib, Lzo, Snappy, Zstd };
/// The page as makedumpfile stores it, whether or not it got smaller.
FileBytes compress(Codec codec, const FileBytes &page);

struct KdumpShape {
  unsigned version = 6;
  unsigned wordBits = 64;
  /// 32-bit only: 64-bit numbers are aligned to 8 bytes, not 4.
  bool padded = false;
  ByteOrder order = ByteOrder::little;
  /// In a 64-bit header this is where a 32-bit one has the block size.
  uint32_t timestampMicroseconds = 4096;
  /// The n-th page with data uses codec n modulo their number; a page that
  /// does not shrink is stored as it is.
  std::vector<Codec> codecs = {Codec::Zlib};
  uint32_t dumpLevel = 31;
  std::string sysname = "Linux", release = "6.1.0", machine = "x86_64";
  uint64_t physBase = 0;
  std::vector<NoteText> notes;
  /// Pages of zeros share one; else each is stored (compressed).
  bool shareZeroPage = true;
  bool incomplete = false; ///< Bit 3 of status.
  /// Pages [first, first + count) only.
  std::optional<MemoryImage::Run> split;
};
FileBytes writeKdump(const MemoryImage &image, const KdumpShape &shape);

/// Where things are in a file that writeKdump made.
struct KdumpPlaces {
  uint64_t subHeader, bitmaps, descriptors, data;
};
KdumpPlaces findPlaces(const MemoryImage &image, const KdumpShape &shape);

//===- flattened ----------------------------------------------------------===//

struct FlattenShape {
  uint32_t seed = 1;
  /// Records are up to this long, of random sizes.
  uint64_t maxRecord = 3000;
  bool shuffle = true;
  /// Garbage comes first and is overwritten later.
  bool overwrite = true;
  /// Records of zeros are left out.
  bool skipZeros = true;
  bool endMarker = true;
};
FileBytes flatten(const FileBytes &file, const FlattenShape &shape);

//===- ELF ----------------------------------------------------------------===//

struct ElfShape {
  bool is64Bit = true;
  ByteOrder order = ByteOrder::little;
  uint16_t machine = 62; ///< EM_X86_64
  /// QEMU 7.2 and later: section headers before program headers, e_ehsize 8.
  bool qemuOrder = false;
  /// Data starts at an odd offset.
  bool unaligned = false;
  /// A second segment over the middle of the first run (as kdump's text).
  bool overlap = false;
  /// A segment without physical address (p_paddr all ones).
  bool unknownAddress = false;
  /// 65,600 program headers: the count is in section header 0.
  bool manySegments = false;
  std::vector<NoteText> notes;
};
/// Excluded pages behind others become p_filesz < p_memsz. The image must not
/// have lost pages.
FileBytes writeElf(const MemoryImage &image, const ElfShape &shape);

} // namespace vmpt::testing
