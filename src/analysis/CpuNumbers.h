//===- CpuNumbers.h - which CPU a crash note is of ------------------------===//
//
// /proc/vmcore leaves out the notes of CPUs that did not answer, so the n-th
// note need not be CPU n's. What the note has of the CPU itself tells: the base
// of its per-CPU data, or the task that runs on it.
//
#pragma once

#include "kernel/context/Kernel.h"
#include "memory/Machine.h"

namespace vmpt {

/// Numbers the CPUs of \p machine that have no number, as far as the kernel
/// tells.
void findCpuNumbers(const Kernel &kernel, Machine &machine);

} // namespace vmpt
