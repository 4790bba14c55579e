//===- QemuMigration.h - QEMU migration and savevm streams as dumps -------===//
//
// The stream has RAM by the names of QEMU's blocks (QemuStream.h); the machine
// type that it names says where the blocks are (RawLayout.h).
//
#pragma once

#include "dump/formats/Dump.h"

namespace vmpt {

/// True for "QEVM", and for libvirt's save file around it.
bool isQemuMigration(Bytes file);

/// Fills format, memory, facts and quirks of \p dump. \p file must outlive
/// the dump.
llvm::Error readQemuMigration(Bytes file, Dump &dump);

} // namespace vmpt
