//===- VmaList.h - the memory areas of a process --------------------------===//
//
// Up to 6.0 an mm_struct has its areas on a list (`mmap`, `vm_next`), since
// 6.1 in a maple tree (`mm_mt`); the types tell which. Either can be torn.
// linux include/linux/mm_types.h.
//
#pragma once

#include "kernel/areas/MapleTree.h"

namespace vmpt {

/// Bits of vm_flags that never moved: linux include/linux/mm.h.
enum VmaFlag : uint64_t {
  VmRead = 0x1,
  VmWrite = 0x2,
  VmExec = 0x4,
  VmMayShare = 0x80,
  VmGrowsDown = 0x100,
  VmPfnMap = 0x400,
};

struct Vma {
  VirtAddr address; ///< Of the vm_area_struct.
  VirtAddr start;
  VirtAddr end; ///< The first byte behind.
  uint64_t flags = 0;
  uint64_t pageOffset = 0; ///< vm_pgoff, in pages.
  VirtAddr file;           ///< struct file; 0: anonymous.
  VirtAddr operations;     ///< vm_ops
  VirtAddr privateData;    ///< vm_private_data
  /// struct anon_vma_name, where this kernel can have one for this area.
  VirtAddr anonName;
};

struct VmaList {
  std::vector<Vma> vmas; ///< Ascending and disjoint.
  /// What was lost and why, a sentence each.
  std::vector<std::string> problems;
};

class VmaReader {
public:
  /// \p reader must outlive the object. A LookupError names what the type
  /// sources lack.
  static llvm::Expected<VmaReader> create(const TypeSources &types,
                                          const StructReader &reader);

  /// The areas of an mm_struct; what cannot be read is in `problems`.
  VmaList readAll(VirtAddr mm) const;
  /// One vm_area_struct.
  llvm::Expected<Vma> read(VirtAddr at) const;

private:
  explicit VmaReader(const StructReader &reader) : reader_(&reader) {}
  void readList(VirtAddr mm, VmaList &list) const;
  void readTree(VirtAddr mm, VmaList &list) const;
  /// False, and said why, if the area cannot stand where it does.
  bool append(VmaList &list, VirtAddr at) const;

  const StructReader *reader_;
  Field start_, end_, flags_, pageOffset_, file_, operations_, privateData_;
  std::optional<Field> anonName_;
  /// 5.17 to 6.1: the name shares its place with a file's interval tree.
  bool anonNameIsFileless_ = false;
  std::optional<Field> first_, next_; ///< The list ...
  std::optional<Field> treeOffset_;   ///< ... or the tree.
  std::optional<MapleTree> tree_;
  std::optional<Field> mapCount_;
};

} // namespace vmpt
