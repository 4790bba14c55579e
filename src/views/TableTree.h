//===- TableTree.h - tables as they are, nested ---------------------------===//
//
//   [511] 0000000003e0d067 0xffffff8000000000-0xffffffffffffffff pgd P RW A
//     -> table 0x3e0d000
//
// or the text of a kernel module that prints the tables from CR3 on x86:
//
//   cr3: 0x3e0a000
//   0xffff922e83e0a000
//   entry 0000000003e0d067
//   v ffffff8000000000 ffffffffffffffff W U   A
//     v ffffffff80000000 ffffffffbfffffff W K   A
//
#pragma once

#include "analysis/TableTree.h"
#include "output/RecordWriter.h"

namespace vmpt {

/// What the module says before the entries.
struct ModuleHeading {
  std::string vendor; ///< Empty: not known, and no line.
  unsigned physicalBits = 0;
  PhysAddr root;
  std::optional<VirtAddr> rootAddress; ///< In the direct map.
};

class TreeView {
public:
  TreeView(RecordWriter &writer, const PagingMode &mode);
  void add(const TreeEntry &entry);
  void finish();

private:
  void print(llvm::raw_ostream &os, const TreeEntry &entry) const;

  RecordWriter &writer_;
  const PagingMode &mode_;
};

void printModuleHeading(llvm::raw_ostream &os, const ModuleHeading &heading);
void printModuleEntry(llvm::raw_ostream &os, const TreeEntry &entry,
                      const PagingMode &mode);

} // namespace vmpt
