//===- Kernel.h - the dumped kernel, as everything above takes it ---------===//
//
// {evidence, address space, regions, symbols, types}: what the finder found
// (KernelImage), read through its root, with names and layouts.
//
// Every source there is, in the order of trust. The user knows best; then the
// dump, whose own cannot be of another kernel; then files:
//   symbols  --symbol, VMCOREINFO, kallsyms in the dump, vmlinux, System.map;
//            where none of them names init_task, the ring that tasks hang on
//   types    --offset, VMCOREINFO, BTF in the dump, BTF or DWARF of vmlinux, a
//            BTF file; where none of them knows a task, what the tasks in
//            memory look like
// A file is believed if its build-id is the dump's; where one of the two has
// none, if its symbols, moved by the KASLR offset, lie where the dump has them.
//
#pragma once

#include "debuginfo/DebugFiles.h"
#include "kernel/context/LearnedLayout.h"
#include "kernel/context/Structs.h"
#include "kernel/find/KernelImage.h"
#include "kernel/image/DebugData.h"

namespace vmpt {

/// VMCOREINFO's OFFSET() and SIZE() keys.
class VmcoreinfoPlaces final : public PlaceSource {
public:
  explicit VmcoreinfoPlaces(const Vmcoreinfo &info) : info_(info) {}

  std::optional<uint64_t> findSizeBytes(llvm::StringRef name) const override {
    return info_.size(name);
  }
  std::optional<Member> findMember(llvm::StringRef name,
                                   llvm::StringRef path) const override;
  std::string describe() const override { return "VMCOREINFO"; }

private:
  const Vmcoreinfo &info_;
};

class LearnedPlaces;

/// Layouts that are learned when they are first asked for.
class LearnedSource : public PlaceSource {
public:
  /// Learns all, and says what was learned from how many objects, or why not.
  virtual void addTo(Evidence &evidence) const = 0;
};

/// What the user gives beside the dump.
struct DebugInputs {
  GivenSymbols symbols;
  GivenPlaces places;
  std::optional<std::string> vmlinux, systemMap, btf; ///< Paths.
  bool isGiven() const {
    return !symbols.empty() || !places.empty() || vmlinux || systemMap || btf;
  }
  /// Use also what the dump proves to be wrong, and files that are of another
  /// kernel, as far as can be told.
  bool force = false;
  /// Whoever asked names symbols, too: a given one may be of use that vmpt does
  /// not ask for.
  bool takesNames = false;
  /// Stands before the directories where distributions put kernel information.
  std::string searchRoot;
};

class Kernel {
public:
  /// Fails if a file that \p inputs names cannot be used; the error names it.
  /// What else cannot be had is in the evidence, and whoever needs it gets a
  /// LookupError that names the sources. A vmlinux is searched for only where
  /// the dump lacks symbols or types. \p image and \p memory must outlive the
  /// object.
  static llvm::Expected<std::unique_ptr<Kernel>>
  create(const KernelImage &image, const PhysicalMemory &memory,
         DebugInputs inputs, Diagnostics &diagnostics);

  ~Kernel();

  const KernelImage &image() const { return image_; }
  const AddressSpace &memory() const { return memory_; }
  llvm::ArrayRef<KernelRegion> regions() const { return image_.regions; }
  /// Does a source other than the user know it?
  bool hasOwnSymbol(llvm::StringRef name) const;
  bool hasOwnMember(llvm::StringRef type, llvm::StringRef path) const;
  const SymbolSources &symbols() const { return symbols_; }
  const TypeSources &types() const { return types_; }
  const StructReader &reader() const { return reader_; }
  /// With what memory itself shows of structs, which is learned for it.
  Evidence evidence() const;
  /// The dump's own, or null.
  const Kallsyms *kallsyms() const { return kallsyms_.get(); }
  /// Why there are none.
  llvm::StringRef kallsymsProblem() const { return kallsymsProblem_; }

  /// Is there a source that declares all structs (BTF, a vmlinux)?
  bool knowsStructs() const;
  /// The last of the type sources; see kernel/learn/LearnedStructs.h. The error
  /// is a place that the user gave, and that it knows better.
  llvm::Error addLearned(std::unique_ptr<LearnedSource> source,
                         Diagnostics &diagnostics);

  /// The address of a symbol.
  llvm::Expected<VirtAddr> address(llvm::StringRef name) const;

private:
  Kernel(const KernelImage &image, const PhysicalMemory &memory,
         DebugInputs inputs);
  void addKnownPlaces();
  void addKallsyms();
  void addBtf();
  /// Contradicts --symbol or --offset what the dump itself says?
  std::optional<std::string> findContradiction() const;
  std::optional<std::string> findContradiction(const TypeSource &source) const;
  llvm::Error judge(const std::optional<std::string> &contradiction,
                    Diagnostics &diagnostics) const;
  llvm::Error learnMissing(Diagnostics &diagnostics);
  llvm::Error addFile(const std::string &path, Diagnostics &diagnostics);
  /// Why \p file is not of the dumped kernel; nothing if it is.
  std::optional<std::string> findMismatch(const DebugFile &file) const;

  const KernelImage &image_;
  AddressSpace memory_;
  DebugInputs inputs_;
  VmcoreinfoSymbols vmcoreinfoSymbols_;
  VmcoreinfoPlaces vmcoreinfoPlaces_;
  std::unique_ptr<Kallsyms> kallsyms_;
  std::string kallsymsProblem_;
  std::unique_ptr<BtfTypes> btf_;
  std::vector<DebugFile> files_;
  std::unique_ptr<LearnedLayout> learned_;
  std::unique_ptr<LearnedSymbols> learnedSymbols_;
  std::unique_ptr<LearnedPlaces> unlearned_; ///< Only the reason.
  std::unique_ptr<LearnedSource> learnedLater_;
  SymbolSources symbols_;
  TypeSources types_;
  StructReader reader_;
  Evidence evidence_;
};

} // namespace vmpt
