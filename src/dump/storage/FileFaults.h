//===- FileFaults.h - mapped files that cannot be read any more -----------===//
//
// Reading a mapped file that became shorter, or whose disk fails, is a SIGBUS
// in the thread that reads. A library may not own that signal: the handler is
// installed with the first mapping, looks at the address, and passes on what is
// not in one of our mappings to whoever was there before. In ours it puts a
// page of zeros in the place, so that the reader goes on, and remembers the
// place, so that whoever hands out the bytes can take them back: wasLost()
// after a copy, or before a view is given away.
//
#pragma once

#include "llvm/ADT/ArrayRef.h"

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>

namespace vmpt {

namespace faults {

/// Set for good by the first fault in any of our mappings.
extern std::atomic<bool> anyFault;
bool wasLostSlow(const uint8_t *data, uint64_t size);

} // namespace faults

/// True if bytes of [\p data, \p data + \p size) could not be read since their
/// file was mapped; what was copied from there is then not the file's.
inline bool wasLost(const uint8_t *data, uint64_t size) {
  // The handler runs in this thread: the copy comes before the question.
  std::atomic_signal_fence(std::memory_order_seq_cst);
  return faults::anyFault.load(std::memory_order_relaxed) &&
         faults::wasLostSlow(data, size);
}

/// Reads a byte of each page of [\p data, \p data + \p size), so that a fault
/// happens here and not where the view is used; then as wasLost().
inline bool isLost(const uint8_t *data, uint64_t size) {
  constexpr uint64_t page = 4096;
  for (uint64_t at = 0; at < size; at += page)
    (void)*static_cast<const volatile uint8_t *>(data + at);
  if (size)
    (void)*static_cast<const volatile uint8_t *>(data + size - 1);
  return wasLost(data, size);
}

/// The mapping that a byte lies in, and the file behind it.
struct MappedPlace {
  int fd = -1;
  uint64_t offset = 0; ///< Of the byte in the file, and in the mapping.
  uint64_t size = 0;   ///< Of both.
};
/// Nothing for memory that is no mapped file.
std::optional<MappedPlace> findMappedPlace(const uint8_t *data);

struct WatchedMapping;

/// Watches a mapping of the file \p fd from its start, as long as it lives.
class MappingWatch {
public:
  MappingWatch(llvm::ArrayRef<uint8_t> mapping, int fd);
  ~MappingWatch();
  MappingWatch(const MappingWatch &) = delete;
  MappingWatch &operator=(const MappingWatch &) = delete;

  /// What is wrong with the file since it was mapped, a sentence that begins
  /// with a verb; nothing if it is as it was. Also finds a file that is shorter
  /// although nobody read what is gone.
  std::optional<std::string> describe() const;

private:
  WatchedMapping *watched_;
};

/// What describe() said of the last mapping that ended after its file had
/// changed: for a program that has printed what it read, and ends.
std::optional<std::string> describeLastFault();

} // namespace vmpt
