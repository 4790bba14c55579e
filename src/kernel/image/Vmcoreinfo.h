//===- Vmcoreinfo.h - the kernel's own KEY=VALUE text about itself --------===//
//
// linux kernel/vmcore_info.c (kernel/crash_core.c before 6.9) writes it; the
// keys by version are in docs/references.md. Numbers come in three spellings:
// SYMBOL() and KERNELOFFSET are hex without 0x, NUMBER() is signed decimal or
// 0x-hex, SIZE/OFFSET/LENGTH are decimal.
//
#pragma once

#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"

#include <optional>
#include <string>

namespace vmpt {

class Vmcoreinfo {
public:
  Vmcoreinfo() = default;
  /// Takes any bytes: what is not KEY=VALUE is passed over, text after the
  /// first NUL is ignored, and of a key given twice the last one counts.
  static Vmcoreinfo parse(llvm::StringRef text);

  /// The text as it was in the dump.
  llvm::StringRef text() const { return text_; }
  std::optional<llvm::StringRef> find(llvm::StringRef key) const;
  bool has(llvm::StringRef key) const { return find(key).has_value(); }

  /// SYMBOL(name): a virtual address.
  std::optional<uint64_t> symbol(llvm::StringRef name) const;
  /// NUMBER(name); negative numbers come as their two's complement.
  std::optional<uint64_t> number(llvm::StringRef name) const;
  std::optional<uint64_t> size(llvm::StringRef name) const;
  std::optional<uint64_t> offset(llvm::StringRef name) const;
  /// A key whose value is hex without 0x (KERNELOFFSET).
  std::optional<uint64_t> hexValue(llvm::StringRef key) const;
  /// A key whose value is decimal (PAGESIZE).
  std::optional<uint64_t> decimal(llvm::StringRef key) const;

  /// The highest SYMBOL() in [first, last].
  std::optional<uint64_t> lastSymbol(uint64_t first, uint64_t last) const;

  std::optional<llvm::StringRef> release() const { return find("OSRELEASE"); }

private:
  std::string text_;
  llvm::StringMap<std::string> values_;
};

} // namespace vmpt
