//===- PageReader.h - struct pages in bulk --------------------------------===//
#pragma once

#include "paging/AddressSpace.h"

#include <string>
#include <vector>

namespace vmpt {

/// Reads struct pages, a page of them at a time. Not safe from several
/// threads.
class PageReader {
public:
  /// \p memory must outlive the object.
  explicit PageReader(const AddressSpace &memory);

  /// \p bytes of the array of struct pages; valid until the next call. Null if
  /// they are not in the dump, and `problem` then says why.
  const uint8_t *read(VirtAddr at, uint64_t bytes);
  const std::string &problem() const { return problem_; }

private:
  struct Chunk {
    uint64_t start = ~uint64_t(0);
    std::vector<uint8_t> bytes; ///< Empty: absent.
    std::string problem;
  };
  const Chunk &chunkAt(uint64_t start);

  const AddressSpace *memory_;
  std::vector<Chunk> chunks_; ///< By their start, modulo.
  std::vector<uint8_t> joined_;
  std::string problem_;
};

} // namespace vmpt
