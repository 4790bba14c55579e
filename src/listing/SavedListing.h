//===- SavedListing.h - a page-table listing, read back from its text -----===//
//
// The text of page_tables/kernel (kernel_page_tables), as a kernel or vmpt
// wrote it: of any architecture, as what is the same everywhere is enough.
//
//   ---[ vmalloc() Area ]---
//   0xffffc90000000000-0xffffc90000004000          16K     RW       NX pte
//
#pragma once

#include "support/Bytes.h"
#include "support/Error.h"

#include "llvm/ADT/StringRef.h"

#include <cstdint>
#include <string>
#include <vector>

namespace vmpt {

struct SavedLine {
  VirtAddr first, last; ///< Both inclusive.
  uint32_t section = 0; ///< Number of its header, from 1; 0: before any.
  std::string level;    ///< "pte", as it is written.
  /// The columns, blanks and dots of fill left out; none for a hole.
  std::vector<std::string> words;
  /// The text does not tell what is mapped here: a table that was not in a
  /// dump, lines that were left out.
  bool isUnknown = false;
  bool isSkipped = false; ///< Unknown, as the kernel left lines out.
};

struct SavedListing {
  std::vector<std::string> sections; ///< Titles, in their order.
  std::vector<SavedLine> lines;
  /// It ends before its end: what follows the last line is not known.
  bool isCut = false;
};

/// Does \p text begin as a listing does?
bool isSavedListing(llvm::StringRef text);

/// A FormatError names the line that makes no sense. What is longer than
/// \p maxLines is cut.
llvm::Expected<SavedListing> parseListing(llvm::StringRef text,
                                          size_t maxLines = size_t(1) << 21);

/// The word of a column says how large a page is, or what the MMU noted of its
/// use; every other one says what may be done with it.
bool isRight(llvm::StringRef word);

} // namespace vmpt
