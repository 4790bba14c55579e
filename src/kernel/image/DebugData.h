//===- DebugData.h - symbols and types that the dumped kernel carries -----===//
//
// Both lie in the kernel's own rodata. What is already known (VMCOREINFO's
// symbols, `__start_BTF` in kallsyms) is used; else they are found by their
// structure. The looking is not recorded, the reading is (RecordingMemory).
//
#pragma once

#include "debuginfo/BtfTypes.h"
#include "kernel/image/Kallsyms.h"
#include "kernel/image/Vmcoreinfo.h"

namespace vmpt {

/// VMCOREINFO's SYMBOL() keys.
class VmcoreinfoSymbols final : public SymbolSource {
public:
  explicit VmcoreinfoSymbols(const Vmcoreinfo &info) : info_(info) {}

  std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const override;
  std::string describe() const override { return "VMCOREINFO"; }

private:
  const Vmcoreinfo &info_;
};

/// kallsyms, by VMCOREINFO where it names the tables and they hold, else found
/// in \p image, the kernel's mapped rodata. The LookupError says what was
/// tried, what tells most in front of "; ".
llvm::Expected<std::unique_ptr<Kallsyms>>
readKallsyms(const AddressSpace &memory, const Vmcoreinfo &vmcoreinfo,
             llvm::ArrayRef<MappedRun> image);

/// The kernel's own BTF, by `__start_BTF` of \p symbols (may be null), else
/// found in \p image. It is believed if it has a `struct task_struct`.
llvm::Expected<std::unique_ptr<BtfTypes>>
readBtf(const AddressSpace &memory, const SymbolSource *symbols,
        llvm::ArrayRef<MappedRun> image);

} // namespace vmpt
