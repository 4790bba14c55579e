//===- AddressWords.h - addresses as users write them ---------------------===//
#pragma once

#include "debuginfo/Symbols.h"
#include "support/Error.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

/// "0xffffffff81000000", "vfs_read" and "vfs_read+0x10".
class AddressWords {
public:
  /// \p symbols must outlive the object.
  explicit AddressWords(const SymbolSources &symbols) : symbols_(symbols) {}

  /// A UsageError or a LookupError says what is wrong.
  llvm::Expected<VirtAddr> parse(llvm::StringRef word);

private:
  llvm::Expected<VirtAddr> findSymbol(llvm::StringRef name);

  const SymbolSources &symbols_;
  llvm::StringMap<VirtAddr> known_; ///< A look-up is a pass over all symbols.
};

/// Both inclusive.
struct AddressRange {
  uint64_t first = 0, last = 0;
};

/// "0x1000-0x3000", whose end is the first address behind; 0 is that of all
/// addresses, as in the kernel's listings. \p what names it in the UsageError.
llvm::Expected<AddressRange> parseRange(llvm::StringRef word,
                                        llvm::StringRef what);

/// The lines of standard input, until \p visit says false: without blanks
/// around them, and without empty ones.
void forEachInputLine(llvm::function_ref<bool(llvm::StringRef)> visit);

/// A UsageError where \p words name nothing and nobody feeds standard input.
llvm::Error checkHasWords(llvm::StringRef command, llvm::StringRef what,
                          llvm::ArrayRef<std::string> words);

} // namespace vmpt
