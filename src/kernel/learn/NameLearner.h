//===- NameLearner.h - names that areas have without a file, learned ------===//
//
// [vdso] and its kind come from vm_operations_struct.name, a function whose
// symbol tells which it is; [anon:NAME] from a member that the area has only if
// the kernel was built with CONFIG_ANON_VMA_NAME.
//
// linux v5.10, v6.12 mm/mmap.c special_mapping_name(); v5.17, v6.2
// include/linux/mm_types.h struct anon_vma_name.
//
#pragma once

#include "kernel/learn/AreaLearner.h"

namespace vmpt {

llvm::Expected<LearnedPlaces> learnAreaNames(const Kernel &kernel,
                                             const LearnedAreas &areas);

} // namespace vmpt
