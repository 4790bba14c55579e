//===- Structs.h - members of kernel structs, read by name ----------------===//
//
// A `Field` is resolved once, by presence: where a member changed its name,
// all names are given, newest first, and the one that the types know is it.
//
#pragma once

#include "debuginfo/Types.h"
#include "paging/AddressSpace.h"

#include <initializer_list>

namespace vmpt {

/// Where a member stands in its struct.
struct Field {
  uint64_t offset = 0;    ///< Bytes.
  uint64_t sizeBytes = 0; ///< Of the whole member; of an array, all of it.
  /// Bit fields: from the lowest bit of the byte at `offset`; on a big-endian
  /// machine from its highest.
  unsigned bitShift = 0;
  unsigned bitCount = 0; ///< 0: no bit field.
};

/// The first of \p names (paths with dots) that \p type has. The LookupError
/// names the struct, the members and the sources.
llvm::Expected<Field> findField(const TypeSources &types, llvm::StringRef type,
                                std::initializer_list<llvm::StringRef> names);

/// The same for what only says more.
std::optional<Field>
findOptionalField(const TypeSources &types, llvm::StringRef type,
                  std::initializer_list<llvm::StringRef> names);

/// Reads fields of objects in kernel memory. Integers are zero-extended from
/// the member's own size, which has to be 1, 2, 4 or 8.
class StructReader {
public:
  explicit StructReader(const AddressSpace &memory, unsigned wordBytes = 8)
      : memory_(memory), wordBytes_(wordBytes) {}

  const AddressSpace &memory() const { return memory_; }
  unsigned wordBytes() const { return wordBytes_; }

  llvm::Expected<uint64_t> number(VirtAddr object, const Field &field) const;
  /// A machine word at \p at.
  llvm::Expected<uint64_t> word(VirtAddr at) const;
  llvm::Expected<VirtAddr> pointer(VirtAddr object, const Field &field) const {
    llvm::Expected<uint64_t> value = word(object + field.offset);
    if (!value)
      return value.takeError();
    return VirtAddr(*value);
  }
  /// For what only says more: nothing if the kernel has no such member, or if
  /// it cannot be read.
  std::optional<uint64_t> tryNumber(VirtAddr object,
                                    const std::optional<Field> &field) const;
  /// A char array: up to its NUL or its end.
  llvm::Expected<std::string> text(VirtAddr object, const Field &field) const;

private:
  const AddressSpace &memory_;
  unsigned wordBytes_;
};

} // namespace vmpt
