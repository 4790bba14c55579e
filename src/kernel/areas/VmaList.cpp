#include "kernel/areas/VmaList.h"

#include "kernel/context/FieldTable.h"

#include "llvm/ADT/DenseSet.h"

namespace vmpt {

namespace {

constexpr size_t maxProblems = 8;
/// Far beyond vm.max_map_count (65,530 unless raised).
constexpr size_t maxVmas = size_t(1) << 22;

void addProblem(VmaList &list, const llvm::Twine &text) {
  if (list.problems.size() < maxProblems)
    list.problems.push_back(text.str());
}

} // namespace

llvm::Expected<VmaReader> VmaReader::create(const TypeSources &types,
                                            const StructReader &reader) {
  VmaReader vmas(reader);
  constexpr llvm::StringLiteral area = "vm_area_struct";
  const WantedField wanted[] = {
      {&vmas.start_, area, {"vm_start"}},
      {&vmas.end_, area, {"vm_end"}},
      // 6.3 made vm_flags const beside a writable __vm_flags.
      {&vmas.flags_, area, {"vm_flags", "__vm_flags"}},
      {&vmas.pageOffset_, area, {"vm_pgoff"}},
      {&vmas.file_, area, {"vm_file"}},
      {&vmas.operations_, area, {"vm_ops"}},
      {&vmas.privateData_, area, {"vm_private_data"}},
  };
  if (llvm::Error error = findFields(types, wanted))
    return error;
  vmas.anonName_ = findOptionalField(types, area, {"anon_name"});
  std::optional<Field> shared = findOptionalField(types, area, {"shared"});
  vmas.anonNameIsFileless_ =
      vmas.anonName_ && shared && vmas.anonName_->offset >= shared->offset &&
      vmas.anonName_->offset < shared->offset + shared->sizeBytes;
  vmas.mapCount_ = findOptionalField(types, "mm_struct", {"map_count"});

  vmas.treeOffset_ = findOptionalField(types, "mm_struct", {"mm_mt"});
  if (vmas.treeOffset_) {
    llvm::Expected<MapleTree> tree = MapleTree::create(types, reader);
    if (!tree)
      return tree.takeError();
    vmas.tree_ = std::move(*tree);
    return vmas;
  }
  llvm::Expected<Field> first =
      findField(types, "mm_struct", {"mm_mt", "mmap"});
  if (!first)
    return first.takeError();
  llvm::Expected<Field> next = findField(types, area, {"vm_next"});
  if (!next)
    return next.takeError();
  vmas.first_ = *first;
  vmas.next_ = *next;
  return vmas;
}

llvm::Expected<Vma> VmaReader::read(VirtAddr at) const {
  Vma vma;
  vma.address = at;
  struct {
    const Field &field;
    uint64_t *number;
  } const members[] = {
      {start_, &vma.start.value},
      {end_, &vma.end.value},
      {flags_, &vma.flags},
      {pageOffset_, &vma.pageOffset},
      {file_, &vma.file.value},
      {operations_, &vma.operations.value},
      {privateData_, &vma.privateData.value},
  };
  for (const auto &[field, number] : members) {
    llvm::Expected<uint64_t> value = reader_->number(at, field);
    if (!value)
      return value.takeError();
    *number = *value;
  }
  if (anonName_ && !(anonNameIsFileless_ && vma.file.value)) {
    llvm::Expected<VirtAddr> name = reader_->pointer(at, *anonName_);
    if (!name)
      return name.takeError();
    vma.anonName = *name;
  }
  return vma;
}

bool VmaReader::append(VmaList &list, VirtAddr at) const {
  llvm::Expected<Vma> vma = read(at);
  if (!vma) {
    addProblem(list, "memory area " + hex(at) +
                         " cannot be read: " + llvm::toString(vma.takeError()));
    return false;
  }
  const VirtAddr previousEnd =
      list.vmas.empty() ? VirtAddr(0) : list.vmas.back().end;
  if (vma->start >= vma->end || vma->start < previousEnd) {
    addProblem(list, "memory area " + hex(at) + " spans " + hex(vma->start) +
                         ".." + hex(vma->end) +
                         ", which cannot follow an end at " + hex(previousEnd));
    return false;
  }
  list.vmas.push_back(*vma);
  return true;
}

void VmaReader::readList(VirtAddr mm, VmaList &list) const {
  llvm::DenseSet<uint64_t> seen;
  llvm::Expected<VirtAddr> at = reader_->pointer(mm, *first_);
  while (at && at->value) {
    if (at->value % reader_->wordBytes())
      return addProblem(list, "the list of memory areas goes on at " +
                                  hex(*at) + ", which is no pointer");
    if (!seen.insert(at->value).second || list.vmas.size() >= maxVmas)
      return addProblem(list, "the list of memory areas does not end: " +
                                  hex(*at) + " comes again");
    if (!append(list, *at))
      return;
    at = reader_->pointer(*at, *next_);
  }
  if (!at)
    addProblem(list, "the list of memory areas breaks off: " +
                         llvm::toString(at.takeError()));
}

void VmaReader::readTree(VirtAddr mm, VmaList &list) const {
  MapleContents contents = tree_->read(mm + treeOffset_->offset);
  for (const std::string &problem : contents.problems)
    addProblem(list, problem);
  for (const MapleEntry &entry : contents.entries) {
    if (!append(list, entry.value))
      continue;
    const Vma &vma = list.vmas.back();
    if (vma.start.value == entry.first && vma.end.value - 1 == entry.last)
      continue;
    addProblem(list, "memory area " + hex(entry.value) + " spans " +
                         hex(vma.start) + ".." + hex(vma.end) +
                         ", but the tree has it at " + hex(entry.first) + ".." +
                         hex(entry.last + 1));
  }
}

VmaList VmaReader::readAll(VirtAddr mm) const {
  VmaList list;
  if (tree_)
    readTree(mm, list);
  else
    readList(mm, list);
  std::optional<uint64_t> count = reader_->tryNumber(mm, mapCount_);
  if (count && *count != list.vmas.size())
    addProblem(list, "the process has " + llvm::Twine(*count) +
                         " memory areas by its own count, and " +
                         llvm::Twine(list.vmas.size()) + " were found");
  return list;
}

} // namespace vmpt
