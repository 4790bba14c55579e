//===- Raw.h - memory images without any metadata -------------------------===//
#pragma once

#include "dump/formats/Dump.h"
#include "dump/storage/FileAccess.h"

namespace vmpt {

/// `--map FILE@PHYS[:LENGTH[:FILE_OFFSET]]`
struct RawMapping {
  std::string path;
  PhysAddr start;
  std::optional<uint64_t> length; ///< To the end of the file when empty.
  uint64_t fileOffset = 0;
};

/// One file that is physical memory from \p base on.
void readRawImage(const FileImage &file, PhysAddr base, Dump &dump);

/// Opens the files of `--map FILE@PHYS[:LENGTH[:FILE_OFFSET]]` and makes their
/// pieces the memory of \p dump.
llvm::Error readMappings(llvm::ArrayRef<RawMapping> mappings, FileAccess access,
                         Dump &dump);

/// Parses the text of one `--map` option. Numbers take 0x and the suffixes
/// K, M, G, T. A file name may contain '@': the last one counts.
llvm::Expected<RawMapping> parseMapping(llvm::StringRef text);

} // namespace vmpt
