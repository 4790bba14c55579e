//===- RawLayout.h - where machines put the bytes of a RAM image ----------===//
//
// An image of "all RAM, one piece after the other" has no holes, the machine
// has. How large each piece is before the next one starts is a rule of the
// machine: the table below has those that are known, by name. A rule is a
// guess where the user could have changed it (QEMU's max-ram-below-4g): who
// opens the image checks it against what is in memory.
//
#pragma once

#include "support/Bytes.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <optional>
#include <vector>

namespace vmpt {

struct Dump;
class FileImage;

/// A piece of an image and the physical address that it is the content of.
struct RawPiece {
  uint64_t offset = 0; ///< In the image.
  PhysAddr start;
  uint64_t size = 0;

  bool operator==(const RawPiece &) const = default;
};

/// Room for RAM in the physical address space: [start, start + size).
struct RamWindow {
  uint64_t start = 0;
  uint64_t size = 0; ///< 0 ends the list.
};

struct RawLayout {
  llvm::StringLiteral name;
  llvm::StringLiteral description;
  /// RAM up to this size lies in one piece at the first window's start, even
  /// where that is larger than the window.
  uint64_t unsplitUpTo = 0;
  /// Filled one after the other.
  RamWindow windows[3];

  /// The pieces of an image of \p imageSize bytes, of which the first \p shift
  /// are no memory; a negative one is how many bytes of memory it lacks in
  /// front. What finds no room in any window is left out.
  std::vector<RawPiece> pieces(uint64_t imageSize, int64_t shift = 0) const;
  /// Where \p at is in a split image of any size; nothing if in no window.
  std::optional<uint64_t> offsetOf(PhysAddr at) const;
};

/// Every layout that has a name.
llvm::ArrayRef<RawLayout> rawLayouts();

/// A layout by name, or a UsageError that lists the names.
llvm::Expected<const RawLayout *> findRawLayout(llvm::StringRef name);

/// Makes \p file the memory of \p dump, piece by piece; \p shift as above.
void readRawLayout(const FileImage &file, const RawLayout &layout,
                   int64_t shift, Dump &dump);

} // namespace vmpt
