//===- RingBuffer.h - the kernel's log since 5.10 -------------------------===//
//
// Three rings (linux kernel/printk/printk_ringbuffer.c):
//   descriptors  {state_var, text_blk_lpos}; a record's id, modulo their
//                number, is its place; ids from tail_id to head_id are in use
//   infos        beside them: sequence, time, length, level, ...
//   text         blocks {id, bytes}; a block that would cross the end starts
//                anew at the beginning, its id left at the end
// The two highest bits of state_var are the state, the others the id.
//
// Readers need no lock, because what another CPU changes meanwhile shows: the
// same checks find what is damaged in a dump. Nothing here is believed: every
// id, position and length may be anything.
//
#pragma once

#include "debuginfo/Types.h"
#include "kernel/log/LogRecord.h"

namespace vmpt {

/// Offsets and sizes in bytes.
struct RingLayout {
  uint64_t descRing = 0, textRing = 0;          ///< printk_ringbuffer
  uint64_t countBits = 0, descs = 0, infos = 0; ///< prb_desc_ring ...
  uint64_t headId = 0, tailId = 0;
  uint64_t sizeBits = 0, data = 0;                  ///< prb_data_ring
  uint64_t descBytes = 0, state = 0, textBlock = 0; ///< prb_desc
  uint64_t begin = 0, next = 0;                     ///< prb_data_blk_lpos
  uint64_t infoBytes = 0, sequence = 0, time = 0;   ///< printk_info ...
  uint64_t textLength = 0, facility = 0, flags = 0, caller = 0;

  /// VMCOREINFO has what is needed, since 5.10; so have BTF and DWARF.
  static llvm::Expected<RingLayout> find(const TypeSources &types,
                                         unsigned wordBytes);
  /// As all kernels since 5.10 have it; \p hasLastFinalized since 6.9. For
  /// kernels that do not tell: isRingBuffer() shows whether it fits.
  static RingLayout makeUsual(unsigned wordBytes, bool hasLastFinalized);
};

/// True if the newest records at \p ring, read by \p layout, have the ids and
/// the sequence numbers that they must have.
bool isRingBuffer(const LogMemory &memory, VirtAddr ring,
                  const RingLayout &layout);

/// Calls \p visit for each record from the oldest on. Records whose text had
/// to make room for newer ones are passed over, as by dmesg. Gives what was
/// lost and why, a sentence each; fails if \p ring is no ring.
llvm::Expected<std::vector<std::string>>
readRingBuffer(const LogMemory &memory, VirtAddr ring, const RingLayout &layout,
               LogVisitor visit);

} // namespace vmpt
