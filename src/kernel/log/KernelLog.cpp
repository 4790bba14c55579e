#include "kernel/log/KernelLog.h"

#include "kernel/image/ImageScan.h"

namespace vmpt {

namespace {

/// Calls \p use with the kernel's memory.
template <class Use> auto withMemory(const Kernel &kernel, Use use) {
  auto read = makeReader(kernel.memory());
  return use(
      LogMemory{read, kernel.reader().wordBytes(), kernel.memory().order()});
}

} // namespace

llvm::Error KernelLog::findRing(VirtAddr pointer) {
  llvm::Expected<uint64_t> ring = kernel_.reader().word(pointer);
  if (!ring)
    return ring.takeError();
  ring_ = VirtAddr(*ring);
  const unsigned wordBytes = kernel_.reader().wordBytes();
  llvm::Expected<RingLayout> known =
      RingLayout::find(kernel_.types(), wordBytes);
  if (known)
    ringLayout_ = *known;
  for (bool hasLastFinalized : {true, false}) {
    RingLayout usual = RingLayout::makeUsual(wordBytes, hasLastFinalized);
    if (!ringLayout_ && withMemory(kernel_, [&](const LogMemory &memory) {
          return isRingBuffer(memory, ring_, usual);
        }))
      ringLayout_ = usual;
  }
  if (!ringLayout_)
    return known.takeError();
  if (!known)
    llvm::consumeError(known.takeError());
  // caller_id is filled in either way; only the text of /dev/kmsg differs.
  printsCallers_ =
      !findBytes(kernel_.memory(), kernel_.image().imageRuns, ",caller=%c%u", 1)
           .empty();
  return llvm::Error::success();
}

llvm::Error KernelLog::findBuffer() {
  const StructReader &reader = kernel_.reader();
  const Field four{0, 4};
  struct {
    const char *name;
    Field field;
    uint64_t *value;
  } const variables[] = {
      {"log_buf", {0, reader.wordBytes()}, &buffer_.start.value},
      {"log_buf_len", four, &buffer_.bytes},
      {"log_first_idx", four, &buffer_.first},
      {"log_next_idx", four, &buffer_.next},
  };
  for (const auto &[name, field, value] : variables) {
    llvm::Expected<VirtAddr> at = kernel_.address(name);
    if (!at)
      return at.takeError();
    llvm::Expected<uint64_t> number = reader.number(*at, field);
    if (!number)
      return number.takeError();
    *value = *number;
  }
  if (auto first = kernel_.symbols().find("log_first_seq"))
    buffer_.firstSequence =
        reader.tryNumber(first->address, Field{0, 8}).value_or(0);
  llvm::Expected<RecordLayout> layout = RecordLayout::find(kernel_.types());
  if (!layout)
    return layout.takeError();
  recordLayout_ = *layout;
  printsCallers_ = layout->caller.has_value();
  // linux v4.10 5aa068ea4082 ("printk: remove games with previous record
  // flags"): pieces of a line are joined before they are stored.
  joinsRecords_ = kernel_.image().version() < KernelVersion{4, 10};
  return llvm::Error::success();
}

llvm::Expected<KernelLog> KernelLog::create(const Kernel &kernel) {
  KernelLog log(kernel);
  llvm::Expected<VirtAddr> ring = kernel.address("prb");
  if (ring) {
    if (llvm::Error error = log.findRing(*ring))
      return error;
    return log;
  }
  // Of a kernel whose log_first_idx is unknown, too, `prb` is what was wanted.
  if (!kernel.symbols().find("log_first_idx"))
    return ring.takeError();
  llvm::consumeError(ring.takeError());
  if (llvm::Error error = log.findBuffer())
    return error;
  return log;
}

llvm::Expected<std::vector<std::string>>
KernelLog::read(LogVisitor visit) const {
  return withMemory(
      kernel_,
      [&](const LogMemory &memory) -> llvm::Expected<std::vector<std::string>> {
        if (ringLayout_)
          return readRingBuffer(memory, ring_, *ringLayout_, visit);
        return readRecordBuffer(memory, buffer_, recordLayout_, visit);
      });
}

} // namespace vmpt
