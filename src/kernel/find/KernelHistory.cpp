#include "kernel/find/KernelHistory.h"

#include "kernel/image/DebugData.h"

namespace vmpt {

namespace {

/// The states behind SYSTEM_RUNNING in which a kernel hands its machine over,
/// kexec's among them (linux include/linux/kernel.h, kernel/kexec_core.c).
constexpr llvm::StringLiteral endStates[] = {"SYSTEM_HALT", "SYSTEM_POWER_OFF",
                                             "SYSTEM_RESTART"};

class HistoryReader {
public:
  HistoryReader(const RootQuery &query, const KernelCandidate &candidate)
      : query_(query), candidate_(candidate),
        memory_(query.memory, candidate.mode.mode, candidate.root,
                getTraits(candidate.arch->arch).order),
        image_(candidate.arch->mapImage(query, memory_)) {}

  KernelHistory read();

private:
  std::optional<uint64_t> number(llvm::StringRef symbol, unsigned bytes) const;
  uint64_t firstEndState() const;
  std::string describeEnd() const;
  std::string describeOrigin() const;
  bool wasBootedByKexec() const;

  const RootQuery &query_;
  const KernelCandidate &candidate_;
  const AddressSpace memory_;
  const std::vector<MappedRun> image_;
  std::unique_ptr<Kallsyms> kallsyms_;
};

std::optional<uint64_t> HistoryReader::number(llvm::StringRef symbol,
                                              unsigned bytes) const {
  const std::optional<Symbol> found = kallsyms_->find(symbol);
  uint8_t raw[8];
  if (!found)
    return std::nullopt;
  if (llvm::Error error = memory_.read(
          found->address, llvm::MutableArrayRef<uint8_t>(raw, bytes))) {
    llvm::consumeError(std::move(error));
    return std::nullopt;
  }
  return bytes == 8 ? loadUnaligned<uint64_t>(raw, memory_.order())
                    : loadUnaligned<uint32_t>(raw, memory_.order());
}

/// Without types: SYSTEM_SCHEDULING came in 4.13, SYSTEM_FREEING_INITMEM in
/// 5.16, each before them.
uint64_t HistoryReader::firstEndState() const {
  std::optional<KernelVersion> version =
      parseKernelVersion(query_.vmcoreinfo.release().value_or(""));
  uint64_t first = 4;
  if (version && *version < KernelVersion{4, 13})
    first = 2;
  else if (version && *version < KernelVersion{5, 16})
    first = 3;
  auto types = readBtf(memory_, kallsyms_.get(), image_);
  if (types)
    first = (*types)->findEnumConstant(endStates[0]).value_or(first);
  llvm::consumeError(types.takeError());
  return first;
}

std::string HistoryReader::describeEnd() const {
  const std::optional<uint64_t> state = number("system_state", 4);
  if (!state)
    return "";
  const uint64_t first = firstEndState();
  if (*state < first || *state - first >= std::size(endStates))
    return "";
  return ("its system_state is " + endStates[*state - first]).str();
}

/// x86 keeps the boot loader's number (linux Documentation/arch/x86/boot.rst,
/// type_of_loader: 0xd is kexec), others a tree of devices to which kexec adds
/// a property (drivers/of/kexec.c).
bool HistoryReader::wasBootedByKexec() const {
  constexpr uint64_t kexec = 0xd;
  if (number("bootloader_type", 4).value_or(0) >> 4 == kexec)
    return true;
  constexpr uint32_t magic = 0xd00dfeed, mostBytes = 1 << 20;
  const unsigned wordBytes = getTraits(candidate_.arch->arch).wordBytes;
  const auto tree = number("initial_boot_params", wordBytes);
  uint8_t header[8];
  if (!tree || *tree == 0)
    return false;
  if (llvm::Error error = memory_.read(VirtAddr(*tree), header)) {
    llvm::consumeError(std::move(error));
    return false;
  }
  const uint32_t size = loadUnaligned<uint32_t>(header + 4, ByteOrder::big);
  if (loadUnaligned<uint32_t>(header, ByteOrder::big) != magic ||
      size > mostBytes)
    return false;
  std::vector<uint8_t> bytes(size);
  if (llvm::Error error = memory_.read(VirtAddr(*tree), bytes)) {
    llvm::consumeError(std::move(error));
    return false;
  }
  return llvm::StringRef(reinterpret_cast<const char *>(bytes.data()), size)
      .contains("linux,booted-from-kexec");
}

/// linux include/linux/crash_dump.h: ELFCORE_ADDR_MAX where there is none,
/// ELFCORE_ADDR_ERR where it was not to be used.
std::string HistoryReader::describeOrigin() const {
  const std::optional<uint64_t> header = number("elfcorehdr_addr", 8);
  if (header && *header && *header < uint64_t(-2))
    return "its elfcorehdr_addr says that it looks after one that crashed";
  return wasBootedByKexec() ? "kexec booted it" : "";
}

KernelHistory HistoryReader::read() {
  auto kallsyms = readKallsyms(memory_, query_.vmcoreinfo, image_);
  if (!kallsyms) {
    llvm::consumeError(kallsyms.takeError());
    return {};
  }
  kallsyms_ = std::move(*kallsyms);
  return {describeEnd(), describeOrigin()};
}

} // namespace

KernelHistory readHistory(const RootQuery &query,
                          const KernelCandidate &candidate) {
  return HistoryReader(query, candidate).read();
}

} // namespace vmpt
