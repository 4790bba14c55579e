//===- S390Dump.h - S/390 dump format of stand-alone dumps ----------------===//
//
// What IBM's stand-alone dump tools write (zipl -d, zgetdump -f s390): a header
// of 4096 bytes, big-endian, then all of memory from its start on, then
// "DUMP_END". No page is left out. The header has the prefix of each CPU; the
// CPU's registers lie where the architecture stores them, in memory behind the
// prefix.
//
// linux v5.2 drivers/s390/char/zcore.c struct zcore_header; s390-tools
// zdump/df_s390.h struct df_s390_hdr; [ibm/pop] "Store Status".
//
#pragma once

#include "dump/formats/Dump.h"

namespace vmpt {

/// True for a file that begins with the magic number, compressed or not.
bool isS390Dump(Bytes file);

/// Fills format, memory and machine of \p dump. \p file must outlive the dump.
llvm::Error readS390Dump(Bytes file, Dump &dump);

} // namespace vmpt
