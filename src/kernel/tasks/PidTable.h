//===- PidTable.h - the tasks that the pid structures know ----------------===//
//
// init_pid_ns.idr maps numbers to struct pid in a tree of xa_node (radix tree
// nodes up to 4.19), each with up to 64 slots; a struct pid heads the list of
// its tasks. linux kernel/pid.c, lib/xarray.c; an idr since 4.15.
//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

/// Addresses of the task_structs, in the order of their pids.
llvm::Expected<std::vector<VirtAddr>> readPidTable(const Kernel &kernel);

} // namespace vmpt
