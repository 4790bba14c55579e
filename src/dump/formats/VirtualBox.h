//===- VirtualBox.h - core files of VirtualBox (debugvm dumpvmcore) -------===//
//
// ELF64, little-endian, but with EI_VERSION 0, for which libelf refuses it:
// the few fields are read here. A PT_LOAD without bytes is device memory.
// Sources: virtualbox src/VBox/VMM/VMMR3/DBGFCoreWrite.cpp,
// include/VBox/vmm/dbgfcorefmt.h.
//
#pragma once

#include "dump/formats/Dump.h"

namespace vmpt {

/// True for an ELF64 core whose first segment begins with a VBCORE note.
bool isVirtualBox(Bytes file);

/// Fills format, memory, machine and notes of \p dump. \p file must outlive
/// the dump.
llvm::Error readVirtualBox(Bytes file, Dump &dump);

} // namespace vmpt
