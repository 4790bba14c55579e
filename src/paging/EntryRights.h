//===- EntryRights.h - what entries allow, and what their bits are called -===//
//
// Every entry on the way to a page may take rights away, and none gives back
// what one above it took. So a right is said as what takes it away: the tables
// begin with all of them.
//
#pragma once

#include "support/Bits.h"

#include "llvm/ADT/StringRef.h"

#include <array>
#include <cstdint>

namespace vmpt {

/// Rights, a bit each; a set of them is a uint8_t.
enum Right : uint8_t {
  WriteRight = 1,
  KernelExecuteRight = 2,
  UserRight = 4, ///< User code reads (and writes, where that is allowed).
  UserExecuteRight = 8,
  UserRights = UserRight | UserExecuteRight,
  ExecuteRights = KernelExecuteRight | UserExecuteRight,
  AllRights = WriteRight | ExecuteRights | UserRights,
};

/// What an MMU lets code do with a page.
struct PageRights {
  bool writable = false;
  bool executable = false; ///< By user code where `user`, else by the kernel.
  bool user = false;       ///< User code may read or execute it.

  /// What is left when \p denied is taken away.
  static constexpr PageRights without(uint8_t denied) {
    const uint8_t left = AllRights & ~denied;
    const bool user = left & UserRights;
    return {bool(left & WriteRight),
            bool(left & (user ? UserExecuteRight : KernelExecuteRight)), user};
  }
  constexpr bool operator==(const PageRights &) const = default;
};

/// An entry that agrees with `bits` in `mask` takes rights away.
struct RightsRule {
  uint64_t mask = 0, bits = 0;
  uint8_t denied = 0; ///< A set of Right.
};

/// Of one kind of entry; each that fits counts.
using RightsRules = std::array<RightsRule, 6>;

constexpr uint8_t deniedBy(const RightsRules &rules, uint64_t entry) {
  uint8_t denied = 0;
  for (const RightsRule &rule : rules)
    if ((entry & rule.mask) == rule.bits)
      denied |= rule.denied;
  return denied;
}

/// Kinds of entry in which a bit has a name.
enum EntryPlace : uint8_t {
  InTables = 1,
  InLargePages = 2, ///< Pages above the last level.
  InLastLevel = 4,
  InPages = InLargePages | InLastLevel,
  InAll = InTables | InPages,
};

/// A bit, or a value of several bits, by the manual's name.
struct EntryFlag {
  uint64_t mask = 0, bits = 0;
  llvm::StringLiteral name = "";
  uint8_t places = InAll;

  /// One bit, named where it is set.
  static constexpr EntryFlag of(unsigned number, llvm::StringLiteral name,
                                uint8_t places = InAll) {
    return {bit(number), bit(number), name, places};
  }
};

} // namespace vmpt
