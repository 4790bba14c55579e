// Input: one byte of flags, two u16 (log_first_idx, log_next_idx), kernel
// memory: a ring of 5.10 and later, or the buffer of records before it.

#include "FuzzTarget.h"
#include "kernel/log/RecordBuffer.h"
#include "kernel/log/RingBuffer.h"
#include "views/Log.h"

#include <cstring>

using namespace vmpt;

static RecordLayout bufferLayout() {
  RecordLayout layout;
  layout.bytes = 16;
  layout.length = 8;
  layout.textLength = 10;
  layout.dictLength = 12;
  layout.facility = 14;
  layout.flags = 15;
  return layout;
}

extern "C" int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size) {
  constexpr size_t headerSize = 5;
  if (size < headerSize)
    return 0;
  const VirtAddr start(data[0] & 1 ? 0xc1800000 : 0xffffffff81800000);
  const llvm::ArrayRef<uint8_t> bytes(data + headerSize, size - headerSize);
  auto read = [&](VirtAddr at,
                  llvm::MutableArrayRef<uint8_t> out) -> llvm::Error {
    if (!fits(at - start, out.size(), bytes.size()))
      return llvm::make_error<LookupError>("not mapped");
    std::memcpy(out.data(), bytes.data() + (at - start), out.size());
    return llvm::Error::success();
  };
  const LogMemory memory{read, data[0] & 1 ? 4u : 8u,
                         data[0] & 2 ? ByteOrder::big : ByteOrder::little};
  LogText text({.hasPriorities = true, .joinsRecords = (data[0] & 4) != 0});
  auto visit = [&](const LogRecord &record) { (void)text.print(record); };
  for (bool hasLastFinalized : {true, false}) {
    RingLayout layout =
        RingLayout::makeUsual(memory.wordBytes, hasLastFinalized);
    (void)isRingBuffer(memory, start, layout);
    auto problems = readRingBuffer(memory, start, layout, visit);
    if (!problems)
      llvm::consumeError(problems.takeError());
  }
  RecordBuffer buffer;
  buffer.start = start;
  buffer.bytes = bytes.size();
  buffer.first = loadUnaligned<uint16_t>(data + 1, ByteOrder::little);
  buffer.next = loadUnaligned<uint16_t>(data + 3, ByteOrder::little);
  (void)readRecordBuffer(memory, buffer, bufferLayout(), visit);
  return 0;
}
