//===- TaskStates.h - the state letter of /proc/PID/stat ------------------===//
//
// The bits of task_struct.__state and exit_state, and the letters that they
// stand for. Which bit has which letter is in task_state_array[], whose n-th
// string belongs to bit n - 1; the rest are macros, of which nothing in a dump
// speaks. linux include/linux/sched.h, fs/proc/array.c.
//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

class TaskStates {
public:
  /// By the kernel's own array where it has a symbol, else by its version.
  static TaskStates find(const Kernel &kernel);
  /// Of a release. The first letter is that of no bit.
  explicit TaskStates(KernelVersion version);

  static constexpr char running = 'R', unknown = '?';
  /// `unknown` for bits that have no letter.
  char letter(uint64_t state, uint64_t exitState) const;

private:
  bool readArray(const Kernel &kernel);

  std::string
      letters_; ///< By the number of the highest bit that is shown, + 1.
  uint64_t reported_ = 0; ///< TASK_REPORT
  uint64_t idle_ = 0;     ///< TASK_IDLE: both bits; 0 where it is shown as D.
  uint64_t blocked_ = 0;  ///< Shown as D: TASK_RTLOCK_WAIT, TASK_FROZEN.
  uint64_t parked_ = 0;   ///< Shown as S before 4.14.
};

} // namespace vmpt
