#include "analysis/SavedRegisters.h"

#include "kernel/find/KernelArch.h"

namespace vmpt {

namespace {

/// Kernel stacks have up to 64 KiB (arm64 with pages of 64K, KASAN).
constexpr uint64_t maxStackBytes = 1 << 18;

/// The bytes [from, end) of a stack, as many as the dump has in one piece.
std::vector<uint8_t> readStack(const Kernel &kernel, VirtAddr from,
                               VirtAddr end) {
  const uint64_t pageBytes = bit(kernel.memory().mode().pageShift);
  std::vector<uint8_t> bytes;
  if (end <= from || end - from > maxStackBytes)
    return bytes;
  while (bytes.size() < end - from) {
    const VirtAddr at = from + bytes.size();
    const uint64_t left = end - at;
    const uint64_t size =
        std::min(left, pageBytes - (at.value & (pageBytes - 1)));
    const size_t old = bytes.size();
    bytes.resize(old + size);
    if (llvm::Error error = kernel.memory().read(
            at, llvm::MutableArrayRef<uint8_t>(&bytes[old], size))) {
      llvm::consumeError(std::move(error));
      bytes.resize(old);
      break;
    }
  }
  return bytes;
}

uint64_t wordAt(const Kernel &kernel, llvm::ArrayRef<uint8_t> bytes,
                uint64_t offset) {
  const Bytes view(bytes, kernel.memory().order());
  return kernel.reader().wordBytes() == 8 ? view.at<uint64_t>(offset)
                                          : view.at<uint32_t>(offset);
}

/// linux arch/arm64/include/asm/pointer_auth.h ptrauth_kernel_pac_mask().
VirtAddr withoutSignature(const Kernel &kernel, VirtAddr at) {
  const KernelImage &image = kernel.image();
  if (!image.arch->crash->signsReturnAddresses || !(at.value & bit(55)))
    return at;
  return VirtAddr(
      at.value |
      ~lowBits(image.virtualBits ? image.virtualBits : image.mode.virtualBits));
}

/// Could it be an address of code?
bool mayBeText(const Kernel &kernel, VirtAddr at) {
  return at >= firstKernelAddress(kernel.image());
}

} // namespace

llvm::Expected<SavedRegistersReader>
SavedRegistersReader::create(const Kernel &kernel) {
  const SavedRegistersShape &shape = kernel.image().arch->crash->saved;
  if (shape.sp.empty())
    return llvm::make_error<UnsupportedError>(
        "this architecture does not save the stack pointer of kernel code");
  SavedRegistersReader reader(kernel);
  const TypeSources &types = kernel.types();
  const std::pair<Field *, llvm::StringRef> wanted[] = {
      {&reader.ip_, shape.ip},
      {&reader.sp_, shape.sp},
      {&reader.mode_, shape.mode}};
  for (const auto &[field, name] : wanted) {
    auto [member, element] = name.split('[');
    llvm::Expected<Field> found = findField(types, "pt_regs", {member});
    if (!found)
      return found.takeError();
    *field = *found;
    if (uint64_t index = 0; !element.consumeInteger(10, index)) {
      const unsigned wordBytes = kernel.reader().wordBytes();
      *field = {found->offset + index * wordBytes, wordBytes};
    }
  }
  if (!shape.code.empty())
    reader.code_ = findOptionalField(types, "pt_regs", {shape.code});
  if (!shape.address.empty())
    reader.address_ = findOptionalField(types, "pt_regs", {shape.address});
  if (!shape.general.empty())
    reader.general_ = findOptionalField(types, "pt_regs", {shape.general});
  llvm::Expected<uint64_t> size = types.getSizeBytes("pt_regs");
  if (!size)
    return size.takeError();
  if (*size < 16 || *size > 4096)
    return llvm::make_error<LookupError>("struct pt_regs cannot have " +
                                         hex(*size) + " bytes");
  reader.sizeBytes_ = alignUp(*size, 8);
  return reader;
}

std::optional<SavedRegisters> SavedRegistersReader::readAt(VirtAddr at) const {
  const SavedRegistersShape &shape = kernel_->image().arch->crash->saved;
  const StructReader &reader = kernel_->reader();
  const std::optional<uint64_t> ip = reader.tryNumber(at, ip_),
                                sp = reader.tryNumber(at, sp_),
                                mode = reader.tryNumber(at, mode_);
  if (!ip || !sp || !mode ||
      !llvm::is_contained(shape.kernelModes, *mode & shape.modeMask))
    return std::nullopt;
  SavedRegisters saved;
  saved.at = at;
  saved.ip = VirtAddr(*ip);
  saved.sp = VirtAddr(*sp);
  saved.code = reader.tryNumber(at, code_);
  if (std::optional<uint64_t> address = reader.tryNumber(at, address_))
    saved.address = VirtAddr(*address);
  const unsigned wordBytes = reader.wordBytes();
  constexpr uint64_t maxGeneral = 64;
  for (uint64_t i = 0;
       general_ && i < maxGeneral && (i + 1) * wordBytes <= general_->sizeBytes;
       ++i)
    saved.general.push_back(
        reader.tryNumber(at, Field{general_->offset + i * wordBytes, wordBytes})
            .value_or(0));
  return saved;
}

std::optional<SavedRegisters>
SavedRegistersReader::findBelow(VirtAddr sp) const {
  const SavedRegistersShape &shape = kernel_->image().arch->crash->saved;
  // RISC-V rounds the space up, arm64's struct is a multiple as it is.
  for (const uint64_t size :
       {sizeBytes_, alignUp(sizeBytes_, shape.alignment)}) {
    const VirtAddr at(alignDown(sp.value, shape.alignment) - size);
    std::optional<SavedRegisters> saved = readAt(at);
    if (saved && saved->sp == sp)
      return saved;
  }
  return std::nullopt;
}

bool SavedRegistersReader::addHandler(SavedRegisters &saved,
                                      AddressNames &names) const {
  llvm::Expected<uint64_t> below = kernel_->reader().word(saved.at - 8);
  if (!below) {
    llvm::consumeError(below.takeError());
    return false;
  }
  const std::optional<AddressName> name = names.find(VirtAddr(*below - 1));
  if (!name)
    return false;
  for (const HandlerTrap &row : kernel_->image().arch->crash->handlers)
    if (row.function == name->symbol) {
      saved.trap = row.trap;
      saved.handler = name->symbol;
      return true;
    }
  return false;
}

std::optional<SavedRegisters>
SavedRegistersReader::findBelow(VirtAddr sp, AddressNames &names) const {
  std::optional<SavedRegisters> saved = findBelow(sp);
  if (!saved || !kernel_->image().arch->crash->saved.hasHandlerBelow ||
      !addHandler(*saved, names))
    return std::nullopt;
  return saved;
}

std::vector<SavedRegisters>
SavedRegistersReader::findAll(VirtAddr from, VirtAddr end,
                              AddressNames &names) const {
  const CrashArch &crash = *kernel_->image().arch->crash;
  const std::vector<uint8_t> bytes = readStack(*kernel_, from, end);
  std::vector<SavedRegisters> found;
  for (uint64_t offset = 8; offset + sizeBytes_ <= bytes.size(); offset += 8) {
    const VirtAddr sp(wordAt(*kernel_, bytes, offset + sp_.offset));
    const VirtAddr at = from + offset;
    // Right above the registers, but for what aligns them.
    const uint64_t above = sp - (at + sizeBytes_);
    if (above >= crash.saved.alignment)
      continue;
    std::optional<SavedRegisters> saved = readAt(at);
    if (!saved)
      continue;
    if (crash.saved.hasHandlerBelow && !addHandler(*saved, names))
      continue;
    found.push_back(std::move(*saved));
  }
  return found;
}

std::vector<std::string> readStackNames(const Kernel &kernel, VirtAddr from,
                                        VirtAddr end, AddressNames &names,
                                        size_t limit) {
  const unsigned wordBytes = kernel.reader().wordBytes();
  const std::vector<uint8_t> bytes = readStack(kernel, from, end);
  std::vector<std::string> found;
  for (uint64_t offset = 0;
       offset + wordBytes <= bytes.size() && found.size() < limit;
       offset += wordBytes) {
    const VirtAddr at =
        withoutSignature(kernel, VirtAddr(wordAt(kernel, bytes, offset)));
    if (!mayBeText(kernel, at))
      continue;
    // A call may be the last of its function, and the address behind it the
    // next one's: %pB looks one byte before, too.
    std::optional<AddressName> name = names.find(at - 1);
    if (!name || name->offset + 1 < 4)
      continue;
    const PagingMode &mode = kernel.memory().mode();
    Translation mapped = kernel.memory().find(at - 1);
    if (!mapped.isMapped() || !mapped.rights(mode).executable)
      continue;
    found.push_back(name->symbol + "+" + hex(name->offset + 1) + "/" +
                    hex(name->sizeBytes) +
                    (name->module.empty() ? "" : " [" + name->module + "]"));
  }
  return found;
}

uint64_t readStackBytes(const Kernel &kernel, bool &isGuess) {
  llvm::Expected<uint64_t> size = kernel.types().getSizeBytes("thread_union");
  isGuess =
      !size || !isPowerOfTwo(*size) || *size < 4096 || *size > maxStackBytes;
  const uint64_t bytes = isGuess ? 16384 : *size;
  llvm::consumeError(size.takeError());
  return bytes;
}

} // namespace vmpt
