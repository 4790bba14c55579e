//===- LearnedModules.h - struct module by what modules look like ---------===//
//
// Every kernel begins a struct module with its state, the list and the name
// (linux v2.6.12 to v6.15 include/linux/module.h). Where its parts lie stands
// at some place behind: one where, for each module, a page-aligned start and
// lengths fit together and hold that very struct module, which is linked into
// the module's data.
//
#pragma once

#include "kernel/context/Kernel.h"
#include "kernel/context/LearnedPlaces.h"

namespace vmpt {

struct LearnedModules {
  LearnedPlaces places;
  VirtAddr head; ///< Of the list.
};

/// The LookupError says what did not fit.
llvm::Expected<LearnedModules> learnModules(const Kernel &kernel);

/// The head of the list of modules, where no symbol names it (kernels without
/// KALLSYMS_ALL): a list_head in \p runs whose neighbours are modules, their
/// own list_head at \p listOffset, none of them below \p lowest.
std::optional<VirtAddr>
findModuleHead(const StructReader &reader, llvm::ArrayRef<MappedRun> runs,
               VirtAddr lowest, uint64_t listOffset,
               llvm::function_ref<bool(VirtAddr)> isModule);

/// What a module may be called.
bool isModuleName(llvm::StringRef name);
/// MODULES_LEN of x86 is 1.5 GiB, the largest of those we know is 2 GiB.
inline constexpr uint64_t maxModulePartBytes = uint64_t(1) << 31;
inline constexpr unsigned maxModuleState = 3; ///< MODULE_STATE_UNFORMED

} // namespace vmpt
