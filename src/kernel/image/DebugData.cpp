#include "kernel/image/DebugData.h"

#include "kernel/image/ImageScan.h"
#include "kernel/image/KallsymsFinder.h"

namespace vmpt {

/// The smallest configuration has several hundred thousand bytes; BTF of
/// modules and BPF programs is smaller.
static constexpr uint64_t minKernelBtf = 128 << 10;
static constexpr size_t maxBtfHeaders = 1024;
static constexpr unsigned maxBtfReads = 64;

std::vector<std::optional<Symbol>>
VmcoreinfoSymbols::findAll(llvm::ArrayRef<llvm::StringRef> names) const {
  std::vector<std::optional<Symbol>> found;
  for (llvm::StringRef name : names) {
    std::optional<uint64_t> address = info_.symbol(name);
    found.push_back(
        address ? std::optional<Symbol>(Symbol{name.str(), VirtAddr(*address)})
                : std::nullopt);
  }
  return found;
}

static AddressSpace unrecorded(const AddressSpace &memory) {
  return AddressSpace(memory.physical().forScanning(), memory.mode(),
                      memory.root(), memory.order());
}

llvm::Expected<std::unique_ptr<Kallsyms>>
readKallsyms(const AddressSpace &memory, const Vmcoreinfo &vmcoreinfo,
             llvm::ArrayRef<MappedRun> image) {
  KallsymsMachine machine;
  machine.wordBytes = getTraits(memory.mode().arch).wordBytes;
  machine.order = memory.order();
  if (auto stext = vmcoreinfo.symbol("_stext"))
    machine.stext = VirtAddr(*stext);

  std::string named;
  if (auto tables = KallsymsTables::find(vmcoreinfo)) {
    auto kallsyms = Kallsyms::create(memory, *tables, machine);
    if (kallsyms)
      return kallsyms;
    named = llvm::toString(kallsyms.takeError());
  }
  std::vector<VirtualRange> ranges;
  for (const MappedRun &run : image)
    ranges.push_back({run.start, run.size});
  const AddressSpace scanned = unrecorded(memory);
  auto scan = makeReader(scanned);
  auto found = findKallsyms(scan, ranges, machine);
  if (!found && !named.empty())
    return llvm::make_error<LookupError>(named + "; " +
                                         llvm::toString(found.takeError()));
  if (!found)
    return llvm::make_error<LookupError>(
        llvm::toString(found.takeError()) +
        "; VMCOREINFO does not name all tables of kallsyms");
  if (&memory.physical().forScanning() == &memory.physical())
    return found;
  return Kallsyms::create(memory, (*found)->tables(), machine);
}

/// Megabytes, which are not zeroed before.
static llvm::Expected<std::vector<uint8_t>>
readAll(const AddressSpace &memory, VirtAddr at, uint64_t size) {
  std::vector<uint8_t> bytes;
  bytes.reserve(size);
  const uint64_t inPage = lowBits(memory.mode().pageShift);
  while (bytes.size() < size) {
    const uint64_t count =
        std::min(size - bytes.size(), inPage + 1 - (at.value & inPage));
    // What cannot be viewed read() gives, or says why not.
    const Translation found = memory.find(at);
    const uint8_t *view = found.isMapped()
                              ? memory.physical().tryView(found.address, count)
                              : nullptr;
    if (view) {
      bytes.insert(bytes.end(), view, view + count);
    } else {
      const size_t known = bytes.size();
      bytes.resize(known + count);
      if (llvm::Error error = memory.read(
              at, llvm::MutableArrayRef<uint8_t>(bytes).drop_front(known)))
        return error;
    }
    at += count;
  }
  return bytes;
}

static llvm::Expected<std::unique_ptr<BtfTypes>>
readBtfAt(const AddressSpace &memory, VirtAddr at) {
  // The longer header of 7.1 adds the place of the layout to the size.
  std::vector<uint8_t> start(32);
  if (llvm::Error error = memory.read(at, start))
    return error;
  auto size = getBtfSize(Bytes(start));
  if (!size || *size < minKernelBtf)
    return llvm::make_error<LookupError>("no BTF of a kernel at " + hex(at));
  // What is not mapped is not allocated for either.
  uint8_t last;
  if (llvm::Error error = memory.read(at + (*size - 1), last))
    return error;
  llvm::Expected<std::vector<uint8_t>> blob = readAll(memory, at, *size);
  if (!blob)
    return blob.takeError();
  auto types = BtfTypes::create(std::move(*blob), "BTF in the dump");
  if (types && !(*types)->findSizeBytes("task_struct"))
    return llvm::make_error<LookupError>("BTF at " + hex(at) +
                                         " has no struct task_struct");
  return types;
}

llvm::Expected<std::unique_ptr<BtfTypes>>
readBtf(const AddressSpace &memory, const SymbolSource *symbols,
        llvm::ArrayRef<MappedRun> image) {
  std::string tried = "__start_BTF is no known symbol";
  if (symbols)
    if (auto start = symbols->find("__start_BTF")) {
      auto types = readBtfAt(memory, start->address);
      if (types)
        return types;
      tried = llvm::toString(types.takeError());
    }
  const AddressSpace scanned = unrecorded(memory);
  const char header[] = {char(0x9f), char(0xeb), 1};
  const char swapped[] = {char(0xeb), char(0x9f), 1};
  llvm::StringRef magic(memory.order() == ByteOrder::big ? swapped : header, 3);
  unsigned reads = 0;
  for (VirtAddr at : findBytes(scanned, image, magic, maxBtfHeaders)) {
    std::vector<uint8_t> start(32);
    if (llvm::Error error = scanned.read(at, start)) {
      llvm::consumeError(std::move(error));
      continue;
    }
    if (getBtfSize(Bytes(start)).value_or(0) < minKernelBtf)
      continue;
    if (++reads > maxBtfReads)
      break;
    auto types = readBtfAt(scanned, at);
    if (types)
      return &memory.physical() == &scanned.physical() ? std::move(types)
                                                       : readBtfAt(memory, at);
    llvm::consumeError(types.takeError());
  }
  return llvm::make_error<LookupError>(
      "no BTF in the kernel's memory (" + tried +
      "; none found by its header in " + llvm::Twine(image.size()) +
      " mapped pieces); pass a vmlinux with debug information or a BTF file");
}

} // namespace vmpt
