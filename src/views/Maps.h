//===- Maps.h - the text of /proc/PID/maps --------------------------------===//
//
//   00400000-00401000 r--p 00000000 00:02 6                  /bin/busybox
//
// linux v6.12 fs/proc/task_mmu.c show_map_vma(): addresses with at least 8
// digits, permissions, the offset in the file in bytes, the file's device and
// inode, and the name from column 73 (32-bit kernels: 49) on. A line without a
// name ends with the blank after the inode.
//
#pragma once

#include "analysis/MapsReader.h"
#include "output/RecordWriter.h"

#include "llvm/Support/raw_ostream.h"

namespace vmpt {

/// The line with its line feed. \p wordBytes of the kernel: 8 or 4.
void printMapsRow(llvm::raw_ostream &os, const MapsRow &row,
                  unsigned wordBytes);
/// The line under it, indented, if the row has a census:
///   "    16 pages: 12 present (8 in 2M pages), 1 prot-none, 3 untouched".
void printPages(llvm::raw_ostream &os, const MapsRow &row,
                const PagingMode &mode);
/// Text, or a list of areas and what is missing from it. \p wordBytes of the
/// kernel: 8 or 4.
void writeMaps(RecordWriter &writer, const MapsListing &listing,
               const PagingMode &mode, unsigned wordBytes);

} // namespace vmpt
