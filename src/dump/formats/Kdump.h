//===- Kdump.h - kdump-compressed ("diskdump") files, whole or split ------===//
//
// What makedumpfile -c/-l/-p/-z and QEMU's kdump-* formats write, in header
// versions 0 to 6. docs/formats/kdump.md has the layout as implemented here.
//
#pragma once

#include "dump/formats/Dump.h"
#include "dump/storage/FileImage.h"

namespace vmpt {

/// Fills \p dump from a kdump-compressed file, or from the parts of a split
/// one, in any order. \p files must not be empty; the stored bytes under them
/// must outlive the dump. Parts that are missing become a quirk, and their
/// pages are Absence::Truncated.
llvm::Error readKdump(std::vector<std::unique_ptr<FileImage>> files,
                      Dump &dump);

} // namespace vmpt
