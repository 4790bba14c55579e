// Input: one byte of flags, seven u16 (where the tables are), kernel memory.

#include "FuzzTarget.h"
#include "kernel/image/KallsymsFinder.h"

#include <cstring>

using namespace vmpt;

static void ask(const Kallsyms &kallsyms, VirtAddr start) {
  (void)kallsyms.findAll({"_stext", "_end", "sys_call_1", "nothing", ""});
  for (uint64_t offset : {uint64_t(0), uint64_t(1) << 24, ~uint64_t(0)})
    (void)kallsyms.findNearest(start - offset);
  size_t count = 0;
  kallsyms.forEach([&](const Symbol &) { return ++count < 4096; });
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  constexpr size_t headerSize = 15;
  if (size < headerSize)
    return 0;
  KallsymsMachine machine;
  machine.wordBytes = data[0] & 1 ? 4 : 8;
  machine.order = data[0] & 2 ? ByteOrder::big : ByteOrder::little;
  const VirtAddr start(data[0] & 1 ? 0xc1800000 : 0xffffffff81800000);
  const llvm::ArrayRef<uint8_t> memory(data + headerSize, size - headerSize);
  auto read = [&](VirtAddr at,
                  llvm::MutableArrayRef<uint8_t> out) -> llvm::Error {
    if (!fits(at - start, out.size(), memory.size()))
      return llvm::make_error<LookupError>("not mapped");
    std::memcpy(out.data(), memory.data() + (at - start), out.size());
    return llvm::Error::success();
  };

  auto place = [&](unsigned i) {
    return start + loadUnaligned<uint16_t>(data + 1 + i * 2, ByteOrder::little);
  };
  KallsymsNameTables names = {place(0), place(1), place(2), place(3)};
  KallsymsAddressTables addresses[] = {
      {.offsets = place(4), .relativeBase = place(5)},
      {.offsets = place(4)},
      {.addresses = place(6)}};
  auto named = Kallsyms::create(read, names, addresses, machine);
  if (named)
    ask(**named, start);
  else
    llvm::consumeError(named.takeError());

  VirtualRange range = {start, memory.size()};
  auto found = findKallsyms(read, range, machine);
  if (found)
    ask(**found, start);
  else
    llvm::consumeError(found.takeError());
  return 0;
}
