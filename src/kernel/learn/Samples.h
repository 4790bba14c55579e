//===- Samples.h - objects of one kind, as bytes --------------------------===//
#pragma once

#include "kernel/context/Kernel.h"

#include <set>

namespace vmpt {

/// Objects of one kind, each once, that layouts are learned from.
class Samples {
public:
  /// Of each object \p bytes are looked at, which may be more than it has.
  Samples(const StructReader &reader, uint64_t bytes)
      : reader_(reader), bytes_(bytes), word_(reader.wordBytes()) {}

  /// False if it was there already, or if its beginning cannot be read. What
  /// cannot be read behind is zero.
  bool add(VirtAddr at);

  size_t size() const { return objects_.size(); }
  bool empty() const { return objects_.empty(); }
  VirtAddr address(size_t i) const { return objects_[i].at; }
  /// Bytes from one object to the next: they are no longer. At most what is
  /// looked at.
  uint64_t bound() const;
  bool has(VirtAddr at) const { return known_.count(at.value); }

  uint64_t word(size_t i, uint64_t offset) const {
    return number(i, offset, word_);
  }
  /// Of 1, 2, 4 or 8 bytes; zero behind what was looked at.
  uint64_t number(size_t i, uint64_t offset, unsigned bytes) const;

  /// Is it so of all of them?
  template <class Fits> bool all(Fits fits) const {
    for (size_t i = 0; i < objects_.size(); ++i)
      if (!fits(i))
        return false;
    return true;
  }
  template <class Fits> size_t count(Fits fits) const {
    size_t found = 0;
    for (size_t i = 0; i < objects_.size(); ++i)
      found += fits(i);
    return found;
  }
  /// Offsets in [from, to), a multiple of \p step, of which \p fits is true.
  template <class Fits>
  std::vector<uint64_t> find(uint64_t from, uint64_t to, unsigned step,
                             Fits fits) const {
    std::vector<uint64_t> found;
    for (uint64_t at = from; at < to; at += step)
      if (fits(at))
        found.push_back(at);
    return found;
  }

private:
  struct Object {
    VirtAddr at;
    std::vector<uint8_t> bytes;
  };

  const StructReader &reader_;
  const uint64_t bytes_;
  const unsigned word_;
  std::vector<Object> objects_;
  std::set<uint64_t> known_;
};

/// A word that could be the address of an object: aligned, and mapped.
bool isObject(const StructReader &reader, uint64_t value);

/// "the areas in memory do not show WHAT", or that so many places fit.
llvm::Error notShown(const llvm::Twine &objects, const llvm::Twine &what,
                     size_t fits = 0);

/// The only one, else the error of notShown().
llvm::Expected<uint64_t> takeOnly(llvm::ArrayRef<uint64_t> found,
                                  const llvm::Twine &objects,
                                  const llvm::Twine &what);

} // namespace vmpt
