//===- Workers.h - pieces of work, each in a process of its own -----------===//
//
// A dump is hostile until it is read: what it does to the process that reads it
// must not be done to the rest. Each piece of work is forked off, has a limit
// of time and of memory, and what it has to say comes through a pipe. It has no
// other file of ours, cannot be ended by a terminal's signals, and does not
// outlive us.
//
#pragma once

#include "support/Error.h"

#include <chrono>
#include <functional>
#include <string>
#include <vector>

namespace vmpt {

/// Keeps SIGINT, SIGTERM and SIGHUP from this thread, and tells of them.
class InterruptWatch {
public:
  InterruptWatch();
  ~InterruptWatch();
  InterruptWatch(const InterruptWatch &) = delete;
  InterruptWatch &operator=(const InterruptWatch &) = delete;

  /// Readable when one came; -1: cannot be had, and signals do what they do.
  int descriptor() const { return descriptor_; }
  bool isInterrupted();

private:
  int descriptor_ = -1;
  bool isInterrupted_ = false;
};

struct WorkLimits {
  std::chrono::milliseconds time = std::chrono::minutes(10);
  /// Of memory that belongs to the process alone; a mapped file is none. 0:
  /// none.
  uint64_t memoryBytes = uint64_t(4) << 30;
  uint64_t outputBytes = 16 << 20;
};

/// How a piece of work ended, and what it took.
struct WorkResult {
  enum class End : uint8_t { Done, Time, Memory, Output, Signal, Status };

  size_t job = 0;
  End end = End::Done;
  int number = 0; ///< The signal or the exit status.
  std::string output;
  uint64_t wallMilliseconds = 0, cpuMilliseconds = 0;
  uint64_t peakBytes = 0; ///< Resident, with what is mapped of files.
};

class Workers {
public:
  Workers(unsigned count, const WorkLimits &limits, InterruptWatch &watch)
      : count_(count), limits_(limits), watch_(watch) {}
  /// Ends those that still run.
  ~Workers();
  Workers(const Workers &) = delete;
  Workers &operator=(const Workers &) = delete;

  bool hasRoom() const { return running_.size() < count_; }
  bool isIdle() const { return running_.empty(); }

  /// Calls \p work(fd) in a new process, which then ends; what it writes to
  /// \p fd is its output. To be called while there is one thread.
  llvm::Error start(size_t job, const std::function<void(int fd)> &work);
  /// Waits until work ends, its time is over, or a signal comes; what has
  /// ended.
  std::vector<WorkResult> wait();

private:
  using Clock = std::chrono::steady_clock;
  struct Process {
    int pid = -1, fd = -1;
    Clock::time_point begin;
    WorkResult result;
  };

  /// False: there will be no more.
  bool readOutput(Process &process);
  WorkResult reap(Process &process);

  unsigned count_;
  WorkLimits limits_;
  InterruptWatch &watch_;
  std::vector<Process> running_;
};

} // namespace vmpt
