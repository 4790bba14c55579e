#include "kernel/areas/MapleTree.h"

#include "llvm/ADT/DenseSet.h"

namespace vmpt {

namespace {

/// linux lib/maple_tree.c: MAPLE_NODE_MASK, MAPLE_NODE_TYPE_SHIFT and _MASK,
/// MAPLE_HEIGHT_MAX.
constexpr uint64_t nodeBytes = 256;
constexpr unsigned typeShift = 3, typeMask = 0xf;
constexpr unsigned maxHeight = 31;
constexpr size_t maxProblems = 8;
/// More nodes than a sane machine has VMAs (vm.max_map_count is 65,530 unless
/// raised); what a hostile one can make us read.
constexpr size_t maxNodes = size_t(1) << 22;

/// linux include/linux/xarray.h xa_is_internal(): bits 1:0 are 10.
bool isInternal(uint64_t entry) { return (entry & 3) == 2; }

} // namespace

llvm::Expected<MapleTree> MapleTree::create(const TypeSources &types,
                                            const StructReader &reader) {
  MapleTree tree(reader);
  llvm::Expected<Field> root = findField(types, "maple_tree", {"ma_root"});
  if (!root)
    return root.takeError();
  tree.root_ = *root;

  struct Wanted {
    llvm::StringRef enumerator, type;
    bool isLeaf;
  };
  for (const Wanted &want :
       {Wanted{"maple_leaf_64", "maple_range_64", true},
        Wanted{"maple_range_64", "maple_range_64", false},
        Wanted{"maple_arange_64", "maple_arange_64", false}}) {
    NodeShape shape;
    shape.isLeaf = want.isLeaf;
    llvm::Expected<uint64_t> type = types.getEnumConstant(want.enumerator);
    if (!type)
      return type.takeError();
    shape.type = *type;
    llvm::Expected<Field> pivots = findField(types, want.type, {"pivot"});
    if (!pivots)
      return pivots.takeError();
    llvm::Expected<Field> slots = findField(types, want.type, {"slot"});
    if (!slots)
      return slots.takeError();
    shape.pivots = *pivots;
    shape.slots = *slots;
    const unsigned word = reader.wordBytes();
    shape.slotCount = unsigned(shape.slots.sizeBytes / word);
    if (!fits(shape.pivots.offset, shape.pivots.sizeBytes, nodeBytes) ||
        !fits(shape.slots.offset, shape.slots.sizeBytes, nodeBytes) ||
        shape.slotCount < 2 ||
        shape.pivots.sizeBytes / word + 1 != shape.slotCount)
      return llvm::make_error<LookupError>(
          "struct " + want.type + " is laid out as no maple node we know: " +
          hex(shape.pivots.sizeBytes) + " bytes of pivots, " +
          hex(shape.slots.sizeBytes) + " of slots");
    tree.shapes_.push_back(shape);
  }
  return tree;
}

class MapleTree::Walk {
public:
  Walk(const MapleTree &tree, MapleContents &contents)
      : tree_(tree), reader_(*tree.reader_), contents_(contents) {}

  void run(VirtAddr tree) {
    const uint64_t last = lowBits(reader_.wordBytes() * 8);
    llvm::Expected<VirtAddr> root = reader_.pointer(tree, tree_.root_);
    if (!root)
      return problem("the root cannot be read: " +
                     llvm::toString(root.takeError()));
    if (isInternal(root->value))
      return visit(root->value, 0, last, 0);
    if (root->value) // a lone entry at index 0
      contents_.entries.push_back({0, 0, *root});
  }

private:
  void problem(const llvm::Twine &text) {
    if (contents_.problems.size() < maxProblems)
      contents_.problems.push_back(("maple tree: " + text).str());
  }

  const NodeShape *findShape(uint64_t encoded) const {
    for (const NodeShape &shape : tree_.shapes_)
      if (shape.type == (encoded >> typeShift & typeMask))
        return &shape;
    return nullptr;
  }

  uint64_t word(const std::array<uint8_t, nodeBytes> &node,
                uint64_t offset) const {
    const ByteOrder order = reader_.memory().order();
    return reader_.wordBytes() == 8
               ? loadUnaligned<uint64_t>(node.data() + offset, order)
               : loadUnaligned<uint32_t>(node.data() + offset, order);
  }

  /// False, and said why, if the node is no use.
  bool load(uint64_t encoded, uint64_t first, unsigned depth,
            std::array<uint8_t, nodeBytes> &node) {
    const VirtAddr at(alignDown(encoded, nodeBytes));
    const std::string where =
        "node " + hex(at) + ", for " + hex(first) + " and what follows, ";
    if (depth > maxHeight || seen_.size() >= maxNodes) {
      problem(where + "is too deep or one too many");
      return false;
    }
    if (!findShape(encoded)) {
      problem(where + "is of unknown type " +
              llvm::Twine(encoded >> typeShift & typeMask));
      return false;
    }
    if (!seen_.insert(at.value).second) {
      problem(where + "was met before");
      return false;
    }
    if (llvm::Error error = reader_.memory().read(at, node)) {
      problem(where + "cannot be read: " + llvm::toString(std::move(error)));
      return false;
    }
    // The parent comes first; a freed node is its own (ma_dead_node()).
    if (word(node, 0) == at.value) {
      problem(where + "is dead: it was freed while the tree was changed");
      return false;
    }
    return true;
  }

  void visit(uint64_t encoded, uint64_t first, uint64_t last, unsigned depth) {
    std::array<uint8_t, nodeBytes> node;
    if (!load(encoded, first, depth, node))
      return;
    const NodeShape &shape = *findShape(encoded);
    const unsigned bytes = reader_.wordBytes();
    uint64_t from = first;
    for (unsigned i = 0; i < shape.slotCount; ++i) {
      // An unset pivot, or none, ends the node; slots behind it are unused
      // (or hold the node's own bookkeeping).
      uint64_t to = last;
      if (i + 1 < shape.slotCount) {
        uint64_t pivot = word(node, shape.pivots.offset + i * bytes);
        to = pivot || i == 0 ? pivot : last;
      }
      if (to < from || to > last)
        return problem("node " + hex(alignDown(encoded, nodeBytes)) +
                       " has pivot " + hex(to) + " outside of " + hex(from) +
                       ".." + hex(last));
      take(word(node, shape.slots.offset + i * bytes), from, to, shape.isLeaf,
           depth);
      if (to == last)
        return;
      from = to + 1;
    }
  }

  void take(uint64_t value, uint64_t from, uint64_t to, bool isLeaf,
            unsigned depth) {
    if (!isLeaf)
      return visit(value, from, to, depth + 1);
    if (!value)
      return;
    // A reserved entry of a fork that failed, or rubbish.
    if (value & 3)
      return problem("entry " + hex(value) + " at " + hex(from) +
                     " is no pointer");
    contents_.entries.push_back({from, to, VirtAddr(value)});
  }

  const MapleTree &tree_;
  const StructReader &reader_;
  MapleContents &contents_;
  llvm::DenseSet<uint64_t> seen_;
};

MapleContents MapleTree::read(VirtAddr tree) const {
  MapleContents contents;
  Walk(*this, contents).run(tree);
  return contents;
}

} // namespace vmpt
