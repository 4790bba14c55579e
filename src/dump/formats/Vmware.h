//===- Vmware.h - VMware suspended states and snapshots -------------------===//
//
// A .vmss or .vmsn file is a list of groups, a group is a list of tagged
// values. Group "memory" says how the guest's memory is cut into regions and
// may hold it; else it is in the .vmem file beside. Group "cpu" has the
// registers. Little-endian. Source: crash utility's vmware_vmss.{h,c}, the
// part of it that VMware wrote.
//
#pragma once

#include "dump/formats/Dump.h"

namespace vmpt {

/// True if the bytes begin with one of the five magic numbers.
bool isVmware(Bytes file);

/// Where the memory of the state at \p path should be: the same name, .vmem.
std::string getVmemPath(llvm::StringRef path);

/// Fills format, memory, machine and quirks of \p dump. \p memory is the .vmem,
/// which may be missing where the state holds the memory itself. Both must
/// outlive the dump.
llvm::Error readVmware(Bytes file, std::optional<Bytes> memory, Dump &dump);

} // namespace vmpt
