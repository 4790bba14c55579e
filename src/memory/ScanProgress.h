//===- ScanProgress.h - how far a look through all of memory has come -----===//
#pragma once

#include "memory/PhysicalMemory.h"
#include "support/Diagnostics.h"

namespace vmpt {

/// Counts the bytes that were looked at; says so every 64 MiB.
class ScanProgress {
public:
  ScanProgress(Diagnostics &diagnostics, const PhysicalMemory &memory,
               llvm::StringRef what, uint64_t passes = 1)
      : diagnostics_(diagnostics), what_(what),
        total_(memory.presentBytes() * passes) {}
  ~ScanProgress() { diagnostics_.progress(what_, total_, total_); }
  ScanProgress(const ScanProgress &) = delete;
  ScanProgress &operator=(const ScanProgress &) = delete;

  void advance(uint64_t bytes) { reach(done_ + bytes); }
  void reach(uint64_t done) {
    done_ = done;
    if (done_ - said_ < step)
      return;
    said_ = done_;
    diagnostics_.progress(what_, done_, total_);
  }

private:
  static constexpr uint64_t step = uint64_t(64) << 20;
  Diagnostics &diagnostics_;
  llvm::StringRef what_;
  const uint64_t total_;
  uint64_t done_ = 0, said_ = 0;
};

} // namespace vmpt
