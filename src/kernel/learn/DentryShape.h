//===- DentryShape.h - struct dentry, learned -----------------------------===//
#pragma once

#include "kernel/learn/Samples.h"

namespace vmpt {

/// Offsets in struct dentry; the order of the members has been the same since
/// 2.6.38: d_hash, d_parent, d_name, d_inode, the short name, d_op, d_sb.
struct DentryShape {
  uint64_t name = 0; ///< d_name.name; hash and length are in 8 bytes before.
  uint64_t parent = 0, inode = 0, operations = 0, super = 0;
  bool operator==(const DentryShape &) const = default;
  uint64_t hash(unsigned word) const { return parent - word; } ///< pprev
};

/// Where the length of the name at \p name is: linux include/linux/dcache.h
/// HASH_LEN_DECLARE, which has the hash in the lower half of 64 bits.
uint64_t nameLengthBefore(const StructReader &reader, uint64_t name);

/// A name of as many bytes as its length says, then a NUL.
std::optional<std::string> readDentryName(const StructReader &reader,
                                          VirtAddr dentry, uint64_t name);

/// From \p dentry up: itself, its parent, ...; empty if they do not end at one
/// that is its own parent, or one has no name.
std::vector<VirtAddr> followParents(const StructReader &reader, VirtAddr dentry,
                                    const DentryShape &shape);

/// All shapes that fit every pair {dentry, superblock}.
std::vector<DentryShape>
findDentryShapes(const StructReader &reader,
                 llvm::ArrayRef<std::pair<VirtAddr, uint64_t>> dentries);

} // namespace vmpt
