//===- LogRecord.h - one record of the kernel's log -----------------------===//
#pragma once

#include "kernel/image/Kallsyms.h"
#include "support/Bits.h"

#include <string>

namespace vmpt {

struct LogRecord {
  /// Counts from 0 since boot. Of the record buffer before 5.10 in a kernel
  /// that does not tell, since the oldest record that is left.
  uint64_t sequence = 0;
  uint64_t timeNanoseconds = 0; ///< Since boot.
  unsigned facility = 0, level = 0;
  /// LOG_CONT: a piece of a line that another record began.
  bool isContinuation = false;
  /// LOG_NEWLINE: the line ends here.
  bool endsLine = false;
  /// LOG_PREFIX (up to 4.x): the line begins here whatever came before.
  bool beginsLine = false;
  /// Task (bit 31 clear) or CPU; 0 also where the kernel keeps none.
  uint32_t caller = 0;
  std::string text; ///< Any bytes; may have several lines.
};

using LogVisitor = llvm::function_ref<void(const LogRecord &)>;

/// Kernel memory, as the readers of the log need it.
struct LogMemory {
  VirtualReader read;
  unsigned wordBytes = 8;
  ByteOrder order = ByteOrder::little;

  uint64_t wordMask() const { return lowBits(wordBytes * 8); }
  /// An integer of 1, 2, 4 or 8 bytes.
  llvm::Expected<uint64_t> number(VirtAddr at, unsigned bytes) const;
  llvm::Expected<uint64_t> word(VirtAddr at) const {
    return number(at, wordBytes);
  }
  llvm::Expected<std::string> text(VirtAddr at, size_t bytes) const;
};

} // namespace vmpt
