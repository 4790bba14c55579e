//===- ElfCore.h - ELF vmcores as real producers write them ---------------===//
//
// /proc/vmcore, makedumpfile -E, QEMU dump-guest-memory (paging off and on),
// Cloud Hypervisor. docs/formats/elf-core.md has the layouts and the quirks
// that this reader has to know.
//
#pragma once

#include "dump/formats/Dump.h"
#include "dump/storage/FileImage.h"

namespace vmpt {

/// True if the bytes begin with the ELF magic.
bool isElf(Bytes file);

/// Fills format, memory, machine and notes of \p dump from an ELF core file.
/// \p file must outlive the dump.
llvm::Error readElfCore(Bytes file, Dump &dump);
/// The same, however the file is stored. What was stored must outlive the
/// dump, \p image need not.
llvm::Error readElfCore(const FileImage &image, Dump &dump);

} // namespace vmpt
