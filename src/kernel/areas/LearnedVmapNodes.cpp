//===- LearnedVmapNodes.cpp - lists that are where they say they are ------===//
//
// linux v6.9, v6.18 mm/vmalloc.c:
//
//   struct vmap_node {
//     struct vmap_pool { list_head head; unsigned long len; } pool[256];
//     spinlock_t pool_lock; bool skip_populate;
//     struct rb_list { rb_root root; list_head head; spinlock_t lock; }
//       busy, lazy;
//     list_head purge_list; work_struct purge_work; unsigned long nr_purged;
//   }
//
// A list_head is known by its neighbours, which point back to it, and an
// rb_list by a root that is empty where the list is. Locks differ in size.
//
#include "kernel/areas/LearnedVmapNodes.h"

#include "kernel/areas/VmapNodes.h"
#include "kernel/context/ListWalk.h"
#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

/// MAX_VA_SIZE_PAGES is 256; vmap_init_nodes() makes no more than 128 nodes.
constexpr uint64_t leastPools = 64, mostPools = 4096, mostNodes = 1024;
/// What locks with all their debugging take, in words.
constexpr uint64_t mostWords = 128;

class NodeLearner {
public:
  explicit NodeLearner(const Kernel &kernel)
      : kernel_(kernel), reader_(kernel.reader()),
        word_(kernel.reader().wordBytes()),
        lowest_(firstKernelPointer(kernel.image())) {}

  llvm::Expected<LearnedVmapNodes> learn();

private:
  std::optional<uint64_t> number(VirtAddr at) const {
    return reader_.tryNumber(at, Field{0, unsigned(word_)});
  }
  bool isHead(VirtAddr at) const;
  bool isRbList(VirtAddr head) const;
  uint64_t countPools(VirtAddr node) const;
  bool isNode(VirtAddr at) const;
  llvm::Error readSymbols();
  llvm::Error findLists();
  llvm::Error findSize();

  const Kernel &kernel_;
  const StructReader &reader_;
  const uint64_t word_;
  const VirtAddr lowest_;
  uint64_t pools_ = 0;
  LearnedVmapNodes nodes_;
};

bool NodeLearner::isHead(VirtAddr at) const {
  const auto next = number(at), previous = number(at + word_);
  return next && previous && VirtAddr(*next) >= lowest_ &&
         VirtAddr(*previous) >= lowest_ &&
         isInRing(reader_, at, VirtAddr(*next), VirtAddr(*previous));
}

bool NodeLearner::isRbList(VirtAddr head) const {
  const auto root = number(head - word_), next = number(head);
  return root && next && isHead(head) &&
         (*root ? VirtAddr(*root) >= lowest_ && *next != head.value
                : *next == head.value);
}

uint64_t NodeLearner::countPools(VirtAddr node) const {
  uint64_t count = 0;
  while (count < mostPools) {
    const VirtAddr at = node + count * 3 * word_;
    const auto length = number(at + 2 * word_);
    if (!isHead(at) || !length || (*length == 0) != (number(at) == at.value))
      break;
    ++count;
  }
  return count;
}

bool NodeLearner::isNode(VirtAddr at) const {
  return countPools(at) == pools_ && isRbList(at + nodes_.busyHead) &&
         isRbList(at + nodes_.lazyHead);
}

llvm::Error NodeLearner::readSymbols() {
  llvm::Expected<VmapNodeArray> found =
      findVmapNodes(kernel_.symbols(), reader_);
  if (!found)
    return found.takeError();
  if (found->count == 0 || found->count > mostNodes)
    return llvm::make_error<LookupError>(
        "vmap_nodes and nr_vmap_nodes are not those of Linux 6.9 and later");
  nodes_.first = found->first;
  nodes_.count = found->count;
  return llvm::Error::success();
}

/// Behind the pools: busy, then lazy, which is not nearer than busy is large.
llvm::Error NodeLearner::findLists() {
  pools_ = countPools(nodes_.first);
  const uint64_t start = pools_ * 3 * word_;
  for (uint64_t i = 1; i < mostWords && pools_ >= leastPools; ++i) {
    const uint64_t offset = start + i * word_;
    if (nodes_.busyHead && offset - nodes_.busyHead < 4 * word_)
      continue;
    if (!isRbList(nodes_.first + offset))
      continue;
    if (nodes_.busyHead) {
      nodes_.lazyHead = offset;
      return llvm::Error::success();
    }
    nodes_.busyHead = offset;
  }
  return llvm::make_error<LookupError>(
      "what vmap_nodes points to, at " + hex(nodes_.first) + ", has " +
      std::to_string(pools_) + " pools and not the lists behind them");
}

/// As far as all nodes are nodes.
llvm::Error NodeLearner::findSize() {
  const uint64_t least = nodes_.lazyHead + 2 * word_;
  if (nodes_.count == 1) {
    nodes_.bytes = least;
    return llvm::Error::success();
  }
  for (uint64_t i = 0; i < mostWords; ++i) {
    nodes_.bytes = least + i * word_;
    if (!isHead(nodes_.first + nodes_.bytes))
      continue;
    bool areNodes = true;
    for (uint64_t n = 1; areNodes && n < nodes_.count; ++n)
      areNodes = isNode(nodes_.first + n * nodes_.bytes);
    if (areNodes)
      return llvm::Error::success();
  }
  return llvm::make_error<LookupError>("no size of a vmap_node fits all " +
                                       std::to_string(nodes_.count));
}

llvm::Expected<LearnedVmapNodes> NodeLearner::learn() {
  if (llvm::Error error = readSymbols())
    return error;
  if (llvm::Error error = findLists())
    return error;
  if (llvm::Error error = findSize())
    return error;
  return nodes_;
}

} // namespace

llvm::Expected<LearnedVmapNodes> learnVmapNodes(const Kernel &kernel) {
  return NodeLearner(kernel).learn();
}

} // namespace vmpt
