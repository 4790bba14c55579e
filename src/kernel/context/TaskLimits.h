//===- TaskLimits.h - what holds for the tasks of any kernel --------------===//
#pragma once

#include <cstdint>

namespace vmpt {

/// PF_KTHREAD of task_struct.flags: linux include/linux/sched.h.
constexpr uint64_t kernelThreadFlag = 0x00200000;
/// PID_MAX_LIMIT of 64-bit kernels: more tasks there cannot be.
constexpr uint64_t maxPids = 4 * 1024 * 1024;

} // namespace vmpt
