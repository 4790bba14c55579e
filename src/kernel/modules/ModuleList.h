//===- ModuleList.h - the modules of a kernel -----------------------------===//
//
// They hang on `modules`, a list of struct module. Where a module's parts lie
// is in mod->mem[] since 6.4, in core_layout and init_layout since 4.5, and in
// members of struct module itself before. linux include/linux/module.h,
// kernel/module/procfs.c.
//
#pragma once

#include "kernel/context/Kernel.h"

namespace vmpt {

/// What a part of a module holds. Init parts are freed once it is live.
enum class ModulePart : uint8_t {
  Text,
  Data,
  Rodata,
  RoAfterInit,
  InitText,
  InitData,
  InitRodata,
  Init, ///< Before 6.4 the init parts are not told apart.
};

/// A stable word: "text", "ro_after_init".
llvm::StringRef getModulePartName(ModulePart part);

struct ModuleRange {
  ModulePart part;
  VirtAddr start;
  uint64_t sizeBytes = 0;

  bool contains(VirtAddr at) const { return at - start < sizeBytes; }
  bool isInit() const { return part >= ModulePart::InitText; }
  bool operator==(const ModuleRange &) const = default;
};

struct Module {
  VirtAddr address; ///< Of the struct module.
  std::string name;
  /// enum module_state: 0 live, 1 coming, 2 going, 3 unformed.
  unsigned state = 0;
  uint64_t sizeBytes = 0; ///< As /proc/modules: of all parts that are there.
  VirtAddr base;          ///< As /proc/modules: of the text.
  /// Nothing where the kernel cannot unload modules or cannot tell.
  std::optional<uint64_t> references;
  std::vector<std::string> users; ///< Modules that use this one.
  /// Cannot be unloaded: it has no exit. Nothing if that is not known.
  std::optional<bool> isPermanent;
  std::optional<uint64_t> taints; ///< Bit n is TAINT_ number n.
  std::vector<ModuleRange> ranges;

  /// The part that \p at lies in, or null.
  const ModuleRange *findRange(VirtAddr at) const;
};

struct ModuleList {
  std::vector<Module> modules; ///< In the kernel's order: the newest first.
  /// What was lost and why, a sentence each.
  std::vector<std::string> problems;
};

class ModuleReader {
public:
  /// A LookupError names the member that is unknown. \p reader must outlive
  /// the object.
  static llvm::Expected<ModuleReader> create(const TypeSources &types,
                                             const StructReader &reader);

  ModuleList readAll(VirtAddr head) const;
  /// One struct module.
  llvm::Expected<Module> read(VirtAddr at) const;
  /// The head of the list, where no symbol names it (kernels without
  /// KALLSYMS_ALL): a list_head in \p runs whose neighbours are modules.
  std::optional<VirtAddr> findHead(llvm::ArrayRef<MappedRun> runs,
                                   VirtAddr lowest) const;

private:
  /// struct module_layout, or the members that it was made of.
  struct Layout {
    std::optional<Field> base, size, textSize, roSize, roAfterInitSize;
  };

  explicit ModuleReader(const StructReader &reader) : reader_(&reader) {}
  static Layout findLayout(const TypeSources &types, llvm::StringRef member,
                           llvm::StringRef oldPrefix);
  llvm::Error findParts(const TypeSources &types);
  bool isModule(VirtAddr at) const;
  llvm::Error readParts(VirtAddr at, Module &module) const;
  llvm::Error addRange(Module &module, ModulePart part, VirtAddr start,
                       uint64_t sizeBytes) const;
  llvm::Error addLayout(VirtAddr at, const Layout &layout, bool isInit,
                        Module &module) const;
  void readUsers(VirtAddr at, Module &module, ModuleList &list) const;

  const StructReader *reader_;
  Field list_, name_, state_;
  std::optional<Field> taints_, references_, start_, exit_;
  std::optional<Field> users_, userLink_, userModule_;
  /// 6.4 and later: mem[], and where its parts stand.
  std::optional<Field> parts_;
  Field partBase_, partSize_;
  uint64_t partBytes_ = 0;
  std::vector<std::pair<ModulePart, uint64_t>> partIndexes_;
  Layout core_, data_, init_;
};

/// The list of the kernel, found by its symbol or by its shape.
llvm::Expected<ModuleList> readModuleList(const Kernel &kernel);

} // namespace vmpt
