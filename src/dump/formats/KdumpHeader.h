//===- KdumpHeader.h - the headers of a kdump-compressed file -------------===//
//
// The file is a memory image of C structs, so the place of a field depends on
// the word size and the alignment rules of the machine that wrote it: three
// layouts, each in both byte orders, and nothing in the file names the layout.
// Source: makedumpfile 1.7.2 diskdump_mod.h (disk_dump_header,
// kdump_sub_header), qemu include/sysemu/dump.h, docs/formats/kdump.md.
//
#pragma once

#include "dump/storage/FileImage.h"

#include <optional>

namespace vmpt {

struct KdumpLayout;

/// Bytes [offset, offset + size) of the file; size 0 for nothing.
struct KdumpPiece {
  uint64_t offset = 0;
  uint64_t size = 0;
};

/// Both headers, whatever the layout. Checked: the block size is a power of
/// two, the bitmaps cover all page frames and lie inside the file. Not
/// checked: where the notes lie.
struct KdumpHeader {
  /// `status`: the disk was full, descriptors and pages are missing.
  static constexpr uint32_t statusIncomplete = 8;
  static constexpr uint64_t descriptorSize = 24;

  const KdumpLayout *layout = nullptr;
  ByteOrder order = ByteOrder::little;
  uint32_t version = 0;
  /// struct new_utsname; QEMU leaves all empty but machine.
  std::string sysname, release, machine;
  /// The bytes of utsname and timestamp: the same in all parts of a dump.
  std::string identity;
  uint32_t status = 0;
  uint32_t blockSize = 0; ///< Bytes per page frame; not always PAGESIZE.
  uint32_t subHeaderBlocks = 0;
  uint32_t bitmapBlocks = 0;
  uint64_t maxMapnr = 0; ///< Page frames, from 0.

  std::optional<uint32_t> dumpLevel; ///< Version 1 and later.
  /// This file has the pages [startPfn, endPfn) only.
  bool isSplit = false;
  uint64_t startPfn = 0, endPfn = 0;
  KdumpPiece vmcoreinfo; ///< The text itself.
  KdumpPiece notes;      ///< ELF notes; the text is in one of them.

  uint64_t bitmapOffset() const {
    return uint64_t(blockSize) * (1 + uint64_t(subHeaderBlocks));
  }
  uint64_t bitmapBytes() const { return uint64_t(blockSize) * bitmapBlocks; }
  /// Two bitmaps (RAM, in the dump), or one for both (version 0).
  bool hasTwoBitmaps() const;
  uint64_t descriptorOffset() const { return bitmapOffset() + bitmapBytes(); }
  /// "64-bit", "32-bit packed", "32-bit padded".
  const char *getLayoutName() const;
  /// The field that shows that \p other is no part of the same split dump; null
  /// if none does.
  const char *findDifference(const KdumpHeader &other) const;
};

/// True if \p file starts with the signature.
bool isKdump(const FileImage &file);

/// Finds byte order and layout and reads the headers. The error is about the
/// likeliest layout.
llvm::Expected<KdumpHeader> readKdumpHeader(const FileImage &file);

} // namespace vmpt
