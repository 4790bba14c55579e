//===- Vmware.h - VMware suspended states and snapshots
//--------------------===//
//
// A .vmss or .vmsn file is a list of groups, a group is a list of tagged
// values. Group "memory" says how the guest's memory is cut into regions and
// may hold it; else it is in the .vmem file beside. Group "cpu" has the
// registers. Little-endian. Source: crash utility's vmware_vmss.{h,c}, the
// part of it that VMware wrote.
//
#pragma once

#include "dump/Dump.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

/// True if the bytes begin with one of the five magic numbers.
bool isVmware(Bytes file);

/// Reads the state and, if need be, the .vmem beside `dump.files.front()`.
llvm::Error readVmware(Bytes file, Dump &dump);

/// The same, where \p openMemory gives the bytes of the .vmem; it is asked only
/// if the state does not hold the memory itself. Both must outlive the dump.
llvm::Error
readVmwareState(Bytes file,
                llvm::function_ref<llvm::Expected<Bytes>()> openMemory,
                Dump &dump);

} // namespace vmpt
