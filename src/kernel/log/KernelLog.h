//===- KernelLog.h - what the kernel said ---------------------------------===//
//
// The lockless ring of 5.10 and later, or the record buffer before it;
// whichever the dump has.
//
#pragma once

#include "kernel/context/Kernel.h"
#include "kernel/log/RecordBuffer.h"
#include "kernel/log/RingBuffer.h"

namespace vmpt {

class KernelLog {
public:
  /// \p kernel must outlive the object. The LookupError says which symbol or
  /// member is unknown.
  static llvm::Expected<KernelLog> create(const Kernel &kernel);

  /// Calls \p visit for each record from the oldest on; what was lost and
  /// why, a sentence each.
  llvm::Expected<std::vector<std::string>> read(LogVisitor visit) const;

  /// The kernel prints who spoke behind the time (CONFIG_PRINTK_CALLER).
  bool printsCallers() const { return printsCallers_; }
  /// A line may be several records (up to 4.9); later each record is a line.
  bool joinsRecords() const { return joinsRecords_; }

private:
  explicit KernelLog(const Kernel &kernel) : kernel_(kernel) {}
  llvm::Error findRing(VirtAddr pointer);
  llvm::Error findBuffer();

  const Kernel &kernel_;
  VirtAddr ring_;
  std::optional<RingLayout> ringLayout_;
  RecordBuffer buffer_;
  RecordLayout recordLayout_;
  bool printsCallers_ = false, joinsRecords_ = false;
};

} // namespace vmpt
