//===- Kallsyms.h - the kernel's own symbol table, from its memory --------===//
//
// A kernel with CONFIG_KALLSYMS carries the names of its functions (with
// KALLSYMS_ALL of its data too) in rodata, compressed: linux
// scripts/kallsyms.c writes the tables, kernel/kallsyms.c reads them.
//
//   kallsyms_num_syms       how many; u32 (4.9 to 4.19: a word)
//   kallsyms_names          per symbol a length, then that many token numbers.
//                           Length: one byte; since 6.1, if bit 7 is set, its
//                           low seven bits and the next byte shifted by 7
//   kallsyms_markers        where each 256th symbol starts in names; u32
//                           (4.9 to 4.19: words)
//   kallsyms_token_table    256 NUL-terminated texts; the first character of
//                           an expanded name is its type letter
//   kallsyms_token_index    where each token starts, u16[256]
// and one of
//   kallsyms_addresses      words (until 6.10, KALLSYMS_BASE_RELATIVE=n)
//   kallsyms_offsets        u32 or s32, see KallsymsEncoding; with
//   kallsyms_relative_base  a word (until 6.19)
//
// Which form a dump has is decided by its content: the walk over the names
// has to reproduce the markers, the addresses have to ascend and to name the
// one that is known already. All of it is hostile until then.
//
#pragma once

#include "debuginfo/Symbols.h"
#include "paging/AddressSpace.h"
#include "support/Bytes.h"

#include "llvm/ADT/STLExtras.h"

#include <memory>
#include <mutex>

namespace vmpt {

class Vmcoreinfo;

/// Reads kernel memory: all of the bytes, or why not.
using VirtualReader =
    llvm::function_ref<llvm::Error(VirtAddr, llvm::MutableArrayRef<uint8_t>)>;

/// Where the tables of the names lie.
struct KallsymsNameTables {
  VirtAddr symbolCount; ///< kallsyms_num_syms
  VirtAddr names;
  VirtAddr tokenTable;
  VirtAddr tokenIndex;
};

/// Where the addresses lie: `addresses` alone, or `offsets` with or without a
/// `relativeBase`.
struct KallsymsAddressTables {
  std::optional<VirtAddr> addresses;
  std::optional<VirtAddr> offsets;
  std::optional<VirtAddr> relativeBase;
};

struct KallsymsTables {
  KallsymsNameTables names;
  KallsymsAddressTables addresses;

  /// SYMBOL(kallsyms_*), in VMCOREINFO since 6.0; nothing if one is missing.
  static std::optional<KallsymsTables> find(const Vmcoreinfo &vmcoreinfo);
};

/// What a symbol's 32 bits in kallsyms_offsets mean.
enum class KallsymsEncoding : uint8_t {
  Absolute,       ///< None: kallsyms_addresses has the address itself.
  BaseRelative,   ///< relative_base + u32.
  AbsolutePercpu, ///< s32 >= 0: the address; else relative_base - 1 - s32.
  PlaceRelative,  ///< Address of the field + s32. 64-bit, since 7.0.
  Offset32,       ///< The u32 is the address. 32-bit, since 7.0.
};

/// What is known about the kernel from elsewhere.
struct KallsymsMachine {
  unsigned wordBytes = 8;
  ByteOrder order = ByteOrder::little;
  /// Run-time address of `_stext` (VMCOREINFO has it): decides between
  /// encodings.
  std::optional<VirtAddr> stext;
};

/// A symbol and how far behind its start an address is.
struct NearestSymbol {
  Symbol symbol;
  uint64_t offset = 0;
  /// Bytes up to the next symbol's start, nothing for the last one.
  std::optional<uint64_t> sizeBytes;
};

/// Holds a copy of the names and addresses (about 4 MB), so nothing is read
/// later. Names are hashed when one is first asked for.
class Kallsyms final : public SymbolSource {
public:
  /// Reads the names and those of \p candidates that decode to believable
  /// addresses, the first that does. Reads no more than the tables.
  static llvm::Expected<std::unique_ptr<Kallsyms>>
  create(VirtualReader read, const KallsymsNameTables &names,
         llvm::ArrayRef<KallsymsAddressTables> candidates,
         const KallsymsMachine &machine);
  /// The same for tables whose places are known.
  static llvm::Expected<std::unique_ptr<Kallsyms>>
  create(const AddressSpace &memory, const KallsymsTables &tables,
         const KallsymsMachine &machine);

  std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const override;
  std::string describe() const override { return "kallsyms in the dump"; }

  size_t size() const { return addresses_.size(); }
  const KallsymsTables &tables() const { return tables_; }
  KallsymsEncoding encoding() const { return encoding_; }
  /// True if lengths of names take up to two bytes (since 6.1). Not known,
  /// and false, where no name is that long.
  bool hasWideLengths() const { return wideLengths_; }

  /// The last symbol at or below \p address; of several at one address the
  /// first, as the kernel does. Nothing below the first symbol.
  std::optional<NearestSymbol> findNearest(VirtAddr address) const;
  /// All symbols, ascending, until \p visit says false.
  void forEach(llvm::function_ref<bool(const Symbol &)> visit) const;

private:
  friend class KallsymsLoader;
  Kallsyms() = default;

  /// The token numbers of a symbol's name.
  struct PackedName {
    uint32_t start = 0;
    uint32_t length = 0;
    uint32_t end() const { return start + length; }
  };
  /// The name whose length stands at \p offset. The walk of `create` has
  /// shown that all of them are inside.
  PackedName getPacked(uint32_t offset) const {
    uint32_t length = names_[offset++];
    if (wideLengths_ && length & 0x80)
      length = (length & 0x7f) | uint32_t(names_[offset++]) << 7;
    return {offset, length};
  }
  PackedName findPacked(size_t index) const;
  void hashNames() const;
  std::optional<Symbol> findHashed(llvm::StringRef name,
                                   std::string &buffer) const;
  /// Type letter and name, in \p buffer.
  llvm::StringRef expand(PackedName name, std::string &buffer) const;
  Symbol makeSymbol(size_t index, llvm::StringRef typeAndName) const;

  KallsymsTables tables_;
  KallsymsEncoding encoding_ = KallsymsEncoding::Absolute;
  bool wideLengths_ = false;
  std::vector<uint8_t> names_;
  std::vector<uint32_t> markers_; ///< Where each 256th name starts.
  std::vector<uint8_t> tokenTable_;
  struct Token {
    uint16_t start = 0;
    uint16_t length = 0;
  };
  Token tokens_[256];
  std::vector<uint64_t> addresses_;

  /// The names by hash: chains of symbols, ascending.
  struct NameIndex {
    std::once_flag isMade;
    std::vector<uint32_t> hashes; ///< By symbol.
    std::vector<uint32_t> heads; ///< By the top bits of the hash; a power of 2.
    std::vector<uint32_t> next;  ///< By symbol.
    unsigned shift = 0;
  };
  mutable NameIndex index_;
};

/// VirtualReader over the dump's page tables.
inline auto makeReader(const AddressSpace &memory) {
  return [&memory](VirtAddr at, llvm::MutableArrayRef<uint8_t> out) {
    return memory.read(at, out);
  };
}

} // namespace vmpt
