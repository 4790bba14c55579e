//===- RecordBuffer.h - the kernel's log from 3.5 to 5.9 ------------------===//
//
// One ring of bytes with records of different lengths: struct printk_log (until
// 3.10 struct log), text, dictionary, padding. A record never crosses the end:
// a length of 0 says that the next one is at the start. log_first_idx is the
// oldest, log_next_idx where the next one will be. linux v5.9
// kernel/printk/printk.c.
//
#pragma once

#include "debuginfo/Types.h"
#include "kernel/log/LogRecord.h"

namespace vmpt {

/// Offsets and sizes in bytes, of struct printk_log.
struct RecordLayout {
  uint64_t bytes = 0; ///< The text is behind it.
  uint64_t time = 0, length = 0, textLength = 0, dictLength = 0;
  uint64_t facility = 0, flags = 0;
  std::optional<uint64_t> caller; ///< With CONFIG_PRINTK_CALLER.

  static llvm::Expected<RecordLayout> find(const TypeSources &types);
};

/// Where the buffer is and what it has.
struct RecordBuffer {
  VirtAddr start;
  uint64_t bytes = 0;           ///< log_buf_len
  uint64_t first = 0, next = 0; ///< log_first_idx, log_next_idx
  uint64_t firstSequence = 0;   ///< log_first_seq
};

/// Calls \p visit for each record from the oldest on; what was lost, a
/// sentence each.
std::vector<std::string> readRecordBuffer(const LogMemory &memory,
                                          const RecordBuffer &buffer,
                                          const RecordLayout &layout,
                                          LogVisitor visit);

} // namespace vmpt
