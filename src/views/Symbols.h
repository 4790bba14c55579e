//===- Symbols.h - names and their addresses ------------------------------===//
#pragma once

#include "output/RecordWriter.h"
#include "support/Address.h"

#include <optional>

namespace vmpt {

/// What is known of a name, or of an address.
struct SymbolReport {
  std::string query; ///< As it was asked.
  std::string name;
  VirtAddr address;                  ///< Where the symbol starts.
  uint64_t offset = 0;               ///< Of the address that was asked for.
  std::optional<uint64_t> sizeBytes; ///< Up to the next symbol.
  char type = '?';                   ///< The letter of nm(1); '?': not known.
  std::string module;                ///< Empty: the kernel itself.
};

class SymbolsView {
public:
  explicit SymbolsView(RecordWriter &writer);
  void add(const SymbolReport &report);
  void finish();

private:
  RecordWriter &writer_;
};

} // namespace vmpt
