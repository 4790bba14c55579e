//===- KernelDebug.h - symbols and types of the dumped kernel -------------===//
//
// Every source there is, in the order of trust. The dump's own cannot be of
// another kernel; so they go before files. Symbols: VMCOREINFO, kallsyms,
// vmlinux, System.map. Types: BTF in the dump, DWARF of vmlinux, a BTF file.
//
#pragma once

#include "kernel/DebugData.h"
#include "kernel/KernelImage.h"
#include "kernel/Structs.h"

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

class KernelDebug {
public:
  /// Never fails: what cannot be had is in the evidence, and whoever needs it
  /// gets a LookupError that names the sources. \p image and \p memory must
  /// outlive the object.
  static std::unique_ptr<KernelDebug> create(const KernelImage &image,
                                             const PhysicalMemory &memory);

  const KernelImage &image() const { return image_; }
  const VirtualMemory &memory() const { return memory_; }
  const SymbolSources &symbols() const { return symbols_; }
  const TypeSources &types() const { return types_; }
  const StructReader &reader() const { return reader_; }
  const Evidence &evidence() const { return evidence_; }

  /// The address of a symbol.
  llvm::Expected<VirtAddr> address(llvm::StringRef name) const;

private:
  KernelDebug(const KernelImage &image, const PhysicalMemory &memory);
  void addKallsyms();
  void addBtf();

  const KernelImage &image_;
  VirtualMemory memory_;
  VmcoreinfoSymbols vmcoreinfoSymbols_;
  std::unique_ptr<Kallsyms> kallsyms_;
  std::unique_ptr<BtfTypes> btf_;
  SymbolSources symbols_;
  TypeSources types_;
  StructReader reader_;
  Evidence evidence_;
};

} // namespace vmpt
