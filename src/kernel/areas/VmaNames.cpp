#include "kernel/areas/VmaNames.h"

#include "kernel/context/FieldTable.h"
#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

/// linux include/linux/prctl.h ANON_VMA_NAME_MAX_LEN is 80; names of special
/// mappings are shorter.
constexpr size_t maxNameBytes = 256;
constexpr llvm::StringLiteral gateCode = "get_gate_vma";

} // namespace

llvm::Expected<VmaNames> VmaNames::create(const TypeSources &types,
                                          const SymbolSource &symbols,
                                          const StructReader &reader,
                                          KernelVersion version) {
  VmaNames names(symbols, reader, version);
  names.types_ = types.describe();
  names.arch_ = findKernelArch(reader.memory().mode().arch);
  const WantedField wanted[] = {
      {&names.startBrk_, "mm_struct", {"start_brk"}},
      {&names.brk_, "mm_struct", {"brk"}},
      {&names.startStack_, "mm_struct", {"start_stack"}},
      {&names.operationName_, "vm_operations_struct", {"name"}},
      {&names.specialName_, "vm_special_mapping", {"name"}},
  };
  if (llvm::Error error = findFields(types, wanted))
    return error;
  llvm::Expected<FilePaths> files = FilePaths::create(types, symbols, reader);
  if (!files)
    return files.takeError();
  names.files_ = std::move(*files);
  names.anonNameText_ = findOptionalField(types, "anon_vma_name", {"name"});
  names.contextVdso_ = findOptionalField(types, "mm_struct", {"context.vdso"});
  names.contextFlags_ =
      findOptionalField(types, "mm_struct", {"context.flags"});
  names.contextIa32_ =
      findOptionalField(types, "mm_struct", {"context.ia32_compat"});

  names.findSymbols();
  return names;
}

void VmaNames::findSymbols() {
  const GateArea gate = arch_->gateArea ? *arch_->gateArea : GateArea();
  struct {
    llvm::StringRef name;
    std::optional<VirtAddr> *address;
  } const wanted[] = {
      {"special_mapping_name", &specialMappingName_},
      {"gate_vma", &gate_},
      {gate.mode, &gateMode_},
      {gateCode, &gateCode_},
  };
  std::vector<llvm::StringRef> query;
  for (const auto &want : wanted)
    query.push_back(want.name);
  query.push_back("vfs_read"); // in every kernel
  std::vector<std::optional<Symbol>> found = symbols_->findAll(query);
  for (size_t i = 0; i < std::size(wanted); ++i)
    if (found[i])
      *wanted[i].address = found[i]->address;
  hasSymbols_ = found.back().has_value();
}

llvm::Expected<MmLayout> VmaNames::readLayout(VirtAddr mm) const {
  MmLayout layout;
  layout.mm = mm;
  struct {
    const Field &field;
    uint64_t *number;
  } const members[] = {{startBrk_, &layout.startBrk},
                       {brk_, &layout.brk},
                       {startStack_, &layout.startStack}};
  for (const auto &[field, number] : members) {
    llvm::Expected<uint64_t> value = reader_->number(mm, field);
    if (!value)
      return value.takeError();
    *number = *value;
  }
  return layout;
}

/// Until 6.7 an area that only touches the heap was the heap, too (linux
/// "mm: fix VMA heap bounds checking"); nothing but the version tells.
bool VmaNames::isHeap(const Vma &vma, const MmLayout &layout) const {
  if (version_ >= KernelVersion{6, 8})
    return vma.start.value < layout.brk && vma.end.value > layout.startBrk;
  return vma.start.value <= layout.brk && vma.end.value >= layout.startBrk;
}

llvm::Expected<std::string> VmaNames::readAnonName(VirtAddr anonName) const {
  if (!anonNameText_)
    return llvm::make_error<LookupError>(
        "struct anon_vma_name has no known layout");
  return reader_->memory().readString(anonName + anonNameText_->offset,
                                      maxNameBytes);
}

/// What vm_ops->name() or arch_vma_name() says.
llvm::Expected<std::optional<std::string>>
VmaNames::findOwnName(const Vma &vma, const MmLayout &layout) const {
  std::optional<std::string> nothing;
  if (arch_->gateArea && vma.start.value == arch_->gateArea->start)
    return std::optional<std::string>(arch_->gateArea->name.str());
  if (vma.operations.value) {
    llvm::Expected<VirtAddr> function =
        reader_->pointer(vma.operations, operationName_);
    if (!function)
      return function.takeError();
    if (function->value) {
      if (specialMappingName_ && *function != *specialMappingName_)
        return llvm::make_error<UnsupportedError>(
            "its name comes from a function at " + hex(*function) +
            " that is not known");
      llvm::Expected<VirtAddr> text =
          reader_->pointer(vma.privateData, specialName_);
      if (!text)
        return text.takeError();
      llvm::Expected<std::string> name =
          reader_->memory().readString(*text, maxNameBytes);
      if (!name)
        return name.takeError();
      return std::optional<std::string>(std::move(*name));
    }
  }
  if (arch_->hasNamelessVdso)
    if (auto vdso = reader_->tryNumber(layout.mm, contextVdso_);
        vdso && *vdso && *vdso == vma.start.value)
      return std::optional<std::string>("[vdso]");
  return nothing;
}

VmaName VmaNames::describe(const Vma &vma, const MmLayout &layout) {
  VmaName result;
  if (vma.file.value) {
    const FileIdentity &file = files_->describe(vma.file);
    result.device = file.device;
    result.inode = file.inode;
    result.problem = file.problem;
    if (!vma.anonName.value) {
      result.text = escapeLineFeeds(file.path);
      return result;
    }
  }
  auto fail = [&](llvm::Error error) {
    result.problem = "the name of the area at " + hex(vma.start) + ": " +
                     llvm::toString(std::move(error));
    result.text = "(unreadable)";
    return result;
  };
  if (!vma.file.value) {
    llvm::Expected<std::optional<std::string>> own = findOwnName(vma, layout);
    if (!own)
      return fail(own.takeError());
    if (*own)
      result.text = std::move(**own);
    else if (isHeap(vma, layout))
      result.text = "[heap]";
    else if (vma.start.value <= layout.startStack &&
             vma.end.value >= layout.startStack)
      result.text = "[stack]";
    if (!result.text.empty())
      return result;
  }
  if (vma.anonName.value) {
    llvm::Expected<std::string> name = readAnonName(vma.anonName);
    if (!name)
      return fail(name.takeError());
    result.text = (vma.file.value ? "[anon_shmem:" : "[anon:") + *name + "]";
  }
  return result;
}

llvm::Expected<std::optional<Vma>>
VmaNames::findGate(const MmLayout &layout, const VmaReader &vmas) const {
  std::optional<Vma> nothing;
  const GateArea *area = arch_->gateArea;
  if (!area || (!gateCode_ && hasSymbols_))
    return nothing;
  const std::string unknown =
      "whether the process has " + area->name.str() + " is not known: ";
  auto noSymbol = [&](llvm::StringRef name) {
    return llvm::make_error<LookupError>(unknown + "no symbol " + name +
                                         " in " + symbols_->describe() +
                                         "; pass --vmlinux or --system-map");
  };
  if (area->mode.empty()) {
    if (!gateCode_)
      return noSymbol(gateCode);
    Vma gate;
    gate.start = VirtAddr(area->start);
    gate.end = gate.start + bit(reader_->memory().mode().pageShift);
    gate.flags = VmRead | VmExec;
    return std::optional<Vma>(gate);
  }
  if (!gate_ || !gateMode_)
    return noSymbol(gate_ ? llvm::StringRef(area->mode) : "gate_vma");
  // enum { EMULATE, XONLY (up to 5.1: NATIVE), NONE }
  constexpr uint64_t none = 2;
  llvm::Expected<uint64_t> mode = reader_->number(*gateMode_, Field{0, 4});
  if (!mode)
    return mode.takeError();
  if (*mode == none)
    return nothing;
  // MM_CONTEXT_HAS_VSYSCALL (5.10); before, any ia32_compat means no.
  if (contextFlags_) {
    llvm::Expected<uint64_t> flags = reader_->number(layout.mm, *contextFlags_);
    if (!flags)
      return flags.takeError();
    if (!(*flags & 2))
      return nothing;
  } else if (reader_->tryNumber(layout.mm, contextIa32_).value_or(0)) {
    return nothing;
  } else if (!contextIa32_ && layout.startStack < uint64_t(1) << 32) {
    // Stacks of 64-bit processes lie above, if personality(2) did not say
    // otherwise. Where neither member is known, no others are surely so.
    return llvm::make_error<LookupError>(
        unknown +
        "its stack is that of a 32-bit one, and mm_struct.context has no known "
        "layout (tried " +
        types_ + "); pass --vmlinux or --btf");
  }
  llvm::Expected<Vma> gate = vmas.read(*gate_);
  if (!gate)
    return gate.takeError();
  return std::optional<Vma>(*gate);
}

} // namespace vmpt
