//===- MapleTree.h - a maple tree in kernel memory, entry by entry --------===//
//
// A maple tree maps ranges of unsigned long to pointers; since 6.1 it holds
// the VMAs of an mm_struct. Nodes are 256 bytes, aligned to their size, so a
// pointer to one has room for its type in bits 6:3 (linux v6.12
// include/linux/maple_tree.h, lib/maple_tree.c). Layouts come from the types;
// the tree itself is hostile: each node is looked at once, ranges have to lie
// inside their parent's and ascend.
//
#pragma once

#include "kernel/context/Structs.h"

namespace vmpt {

/// [first, last], both inclusive, holds `value`, a pointer.
struct MapleEntry {
  uint64_t first = 0, last = 0;
  VirtAddr value;

  bool operator==(const MapleEntry &) const = default;
};

struct MapleContents {
  std::vector<MapleEntry> entries; ///< Ascending and disjoint.
  /// What could not be followed, a sentence each; not more than a few.
  std::vector<std::string> problems;
};

class MapleTree {
public:
  /// A LookupError names the member or enumerator that no type source knows.
  static llvm::Expected<MapleTree> create(const TypeSources &types,
                                          const StructReader &reader);

  /// All entries of the tree whose `struct maple_tree` is at \p tree. A torn
  /// tree gives what can be reached.
  MapleContents read(VirtAddr tree) const;

private:
  /// Where a type of node keeps its pivots and slots. Slot i ends at pivot i;
  /// the last slot has no pivot and ends where the node does.
  struct NodeShape {
    uint64_t type = 0; ///< enum maple_type
    bool isLeaf = false;
    Field pivots, slots;
    unsigned slotCount = 0;
  };
  class Walk;

  explicit MapleTree(const StructReader &reader) : reader_(&reader) {}

  const StructReader *reader_;
  Field root_;
  std::vector<NodeShape> shapes_;
};

} // namespace vmpt
