//===- Lime.h - LiME and AVML files: records of physical memory -----------===//
//
// Both are lists of records, and their tools allow both kinds in one file:
//   LiME v1  u32 "EMiL", u32 1, u64 first, u64 last (inclusive), 8 zero bytes,
//            then the bytes
//   AVML v2  the same with "AVML" and 2, then a snappy frame stream and the
//            stream's length as u64
// Little-endian. Sources: LiME src/{lime.h,main.c}; avml src/image.rs.
//
// Files with holes are normal: LiME skips what it cannot write and goes on
// with the next record, so the next header may stand early; it is looked for.
// AVML leaves out blocks of 16 MiB that are all zeros, see docs/formats.
//
#pragma once

#include "dump/formats/Dump.h"

namespace vmpt {

/// True if the bytes begin with the magic of LiME or AVML.
bool isLime(Bytes file);

/// Fills format, memory, facts and quirks of \p dump. \p file must outlive
/// the dump.
llvm::Error readLime(Bytes file, Dump &dump);

} // namespace vmpt
