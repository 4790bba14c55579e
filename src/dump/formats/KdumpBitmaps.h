//===- KdumpBitmaps.h - which pages a kdump file has, checked -------------===//
//
// The n-th set bit of the second bitmap is the n-th descriptor, so one wrong
// bit gives every page behind it the content of its neighbour. The file itself
// can tell: the descriptors end where the page data begins, and no page is in
// the dump that the first bitmap does not take for RAM.
//
#pragma once

#include "dump/formats/KdumpHeader.h"
#include "dump/storage/RankDirectory.h"

namespace vmpt {

/// Both bitmaps as bytes. A version 0 file has one for both purposes.
struct KdumpBitmaps {
  Bytes ram, dumped;
  /// Where they may have bits: bitmaps grow with the highest address, and are
  /// holes in a sparse file where nobody has memory.
  std::vector<RankDirectory::Part> ramParts, dumpedParts;
};

/// The bitmaps as they stand in the file; what has to be gathered goes into
/// \p buffers.
llvm::Expected<KdumpBitmaps> readKdumpBitmaps(const FileImage &file,
                                              const KdumpHeader &header,
                                              Buffers &buffers);

/// How many descriptors there are in front of the page data, where that can be
/// told; \p claimed is what the second bitmap says.
std::optional<uint64_t> countKdumpDescriptors(const FileImage &file,
                                              const KdumpHeader &header,
                                              uint64_t claimed);

/// Makes \p bitmaps agree with the descriptors of \p file, and counts in
/// \p dumped. A difference that the first bitmap explains bit by bit is mended
/// (the new bitmap goes into \p buffers) and named in \p warnings; any other is
/// an error.
llvm::Error checkKdumpBitmaps(const FileImage &file, const KdumpHeader &header,
                              KdumpBitmaps &bitmaps, RankDirectory &dumped,
                              Buffers &buffers,
                              std::vector<std::string> &warnings);

} // namespace vmpt
