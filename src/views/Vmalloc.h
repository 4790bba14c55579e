//===- Vmalloc.h - the text of /proc/vmallocinfo --------------------------===//
//
//   0xffffc90000000000-0xffffc90000005000   20480 start_kernel+... pages=4
//   vmalloc
//
// linux v6.12 mm/vmalloc.c vmalloc_info_show(); a kernel hashes the addresses
// (%pK), we print them.
//
#pragma once

#include "kernel/areas/Vmalloc.h"
#include "kernel/modules/AddressNames.h"
#include "output/RecordWriter.h"

namespace vmpt {

/// One line. \p hasNode: say that all pages are on node 0.
void printVmallocArea(llvm::raw_ostream &os, const VmallocArea &area,
                      AddressNames &names, unsigned wordBytes,
                      unsigned physicalDigits, bool hasNode);

void writeVmalloc(RecordWriter &writer, const VmallocList &list,
                  AddressNames &names, unsigned wordBytes);

} // namespace vmpt
