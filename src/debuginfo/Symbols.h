//===- Symbols.h - names of kernel addresses, wherever they come from -----===//
//
// One interface for the dump's kallsyms, a vmlinux's symbol table and a
// System.map. Sources know nothing of each other; who asks several keeps them
// in the order of trust.
//
#pragma once

#include "support/Address.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

namespace vmpt {

struct Symbol {
  std::string name;
  /// Run-time address: a KASLR offset is already added.
  VirtAddr address;
  /// The letter of nm(1), upper case for a global symbol; '?' if unknown.
  char type = '?';
  /// In bytes; 0 where the source does not tell.
  uint64_t sizeBytes = 0;

  bool operator==(const Symbol &) const = default;
};

/// Lookups are safe from several threads at once.
class SymbolSource {
public:
  virtual ~SymbolSource();

  /// The symbols called \p names, in that order; nothing for an unknown one.
  /// One pass over the source, however many names. Where a name is used more
  /// than once (static symbols), the first in the order of the source.
  virtual std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const = 0;

  /// For messages and evidence: "kallsyms in the dump", "symbol table of
  /// vmlinux".
  virtual std::string describe() const = 0;

  std::optional<Symbol> find(llvm::StringRef name) const;
};

/// Fills the answers of `findAll` while a source passes over its symbols.
class SymbolQuery {
public:
  explicit SymbolQuery(llvm::ArrayRef<llvm::StringRef> names);

  /// True once each name has an answer.
  bool done() const { return open_ == 0; }
  /// False if no wanted name begins with \p first: spares the comparison.
  bool mayStartWith(char first) const { return starts_[uint8_t(first)]; }
  /// False if no wanted name is \p length characters long.
  bool mayBeLong(size_t length) const {
    return lengths_[std::min(length, maxLength)];
  }
  /// The place of a name that is wanted and still without answer, or null.
  std::optional<Symbol> *findSlot(llvm::StringRef name);
  void answer(std::optional<Symbol> *slot, Symbol symbol);
  std::vector<std::optional<Symbol>> takeAnswers();

private:
  std::vector<size_t> order_; ///< names[i] is answered by slots_[order_[i]].
  std::vector<std::optional<Symbol>> slots_;
  llvm::StringMap<size_t> index_;
  static constexpr size_t maxLength = 255; ///< And all above.
  bool starts_[256] = {};
  bool lengths_[maxLength + 1] = {};
  size_t open_ = 0;
};

/// Symbols given by hand, "NAME=ADDRESS".
class GivenSymbols final : public SymbolSource {
public:
  /// A UsageError says what is wrong.
  llvm::Error add(llvm::StringRef text);
  bool empty() const { return addresses_.empty(); }
  const llvm::StringMap<uint64_t> &addresses() const { return addresses_; }

  std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const override;
  std::string describe() const override { return "--symbol"; }

private:
  llvm::StringMap<uint64_t> addresses_;
};

/// Several sources in the order of trust; the first that knows a name answers.
/// Sources are not owned.
class SymbolSources final : public SymbolSource {
public:
  void add(const SymbolSource &source) { sources_.push_back(&source); }
  bool empty() const { return sources_.empty(); }

  std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const override;
  /// The sources, joined by ", "; "nothing" if there are none.
  std::string describe() const override;

  /// A LookupError names the sources that were tried.
  llvm::Expected<Symbol> get(llvm::StringRef name) const;

private:
  std::vector<const SymbolSource *> sources_;
};

} // namespace vmpt
