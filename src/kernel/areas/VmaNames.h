//===- VmaNames.h - what /proc/PID/maps calls a memory area ---------------===//
//
// linux v6.12 fs/proc/task_mmu.c get_vma_name(); mm/mmap.c (special
// mappings); arch/x86/entry/vsyscall/vsyscall_64.c, arch/arm/kernel/process.c
// (the gate area).
//
#pragma once

#include "kernel/areas/FilePath.h"
#include "kernel/areas/VmaList.h"
#include "kernel/image/KernelVersion.h"

namespace vmpt {

struct KernelArch;

/// What decides between [heap], [stack] and no name.
struct MmLayout {
  VirtAddr mm;
  uint64_t startBrk = 0, brk = 0, startStack = 0;
};

struct VmaName {
  std::string text; ///< Empty: no name.
  /// Of the file, where there is one.
  std::optional<uint32_t> device;
  std::optional<uint64_t> inode;
  std::string problem; ///< Why something is missing; else empty.
};

class VmaNames {
public:
  /// All but the version must outlive the object.
  static llvm::Expected<VmaNames> create(const TypeSources &types,
                                         const SymbolSource &symbols,
                                         const StructReader &reader,
                                         KernelVersion version);

  llvm::Expected<MmLayout> readLayout(VirtAddr mm) const;
  VmaName describe(const Vma &vma, const MmLayout &layout);

  /// [vsyscall] of x86-64, [vectors] of arm, which belong to no mm_struct.
  /// Nothing if this process has none; an error if that cannot be told.
  llvm::Expected<std::optional<Vma>> findGate(const MmLayout &layout,
                                              const VmaReader &vmas) const;

private:
  VmaNames(const SymbolSource &symbols, const StructReader &reader,
           KernelVersion version)
      : symbols_(&symbols), reader_(&reader), version_(version) {}
  void findSymbols();
  llvm::Expected<std::optional<std::string>>
  findOwnName(const Vma &vma, const MmLayout &layout) const;
  llvm::Expected<std::string> readAnonName(VirtAddr anonName) const;
  bool isHeap(const Vma &vma, const MmLayout &layout) const;

  const SymbolSource *symbols_;
  const StructReader *reader_;
  KernelVersion version_;
  const KernelArch *arch_ = nullptr;
  std::optional<FilePaths> files_;
  Field startBrk_, brk_, startStack_, operationName_, specialName_;
  std::optional<Field> anonNameText_;
  std::optional<Field> contextVdso_;
  /// Which processes have the gate area.
  std::optional<Field> contextFlags_, contextIa32_;
  std::optional<VirtAddr> specialMappingName_;
  std::optional<VirtAddr> gate_, gateMode_, gateCode_;
  bool hasSymbols_ = false;
  std::string types_; ///< What they are called.
};

} // namespace vmpt
