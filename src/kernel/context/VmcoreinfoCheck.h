//===- VmcoreinfoCheck.h - do VMCOREINFO's values fit the kernel? ---------===//
#pragma once

#include "debuginfo/Symbols.h"
#include "debuginfo/Types.h"
#include "kernel/image/Vmcoreinfo.h"

#include "llvm/ADT/STLExtras.h"

namespace vmpt {

/// Of SYMBOL(), SIZE(), OFFSET() and NUMBER() of an enumerator, those that the
/// kernel's own \p symbols and \p types (either may be null) have otherwise: a
/// sentence with the first, and how many there are. VMCOREINFO is a note in the
/// file or a page of memory, so it may be damaged, or made up, apart from them.
/// \p mayBeAt is asked of a symbol that is elsewhere: may it be right all the
/// same?
std::optional<std::string>
findOtherValues(const Vmcoreinfo &info, const SymbolSource *symbols,
                const TypeSource *types,
                llvm::function_ref<bool(const Symbol &, VirtAddr)> mayBeAt);

} // namespace vmpt
