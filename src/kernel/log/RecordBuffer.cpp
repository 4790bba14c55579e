#include "kernel/log/RecordBuffer.h"

#include "kernel/context/Problems.h"

namespace vmpt {

llvm::Expected<RecordLayout> RecordLayout::find(const TypeSources &types) {
  RecordLayout layout;
  const char *type =
      types.hasMember("printk_log", "ts_nsec") ? "printk_log" : "log";
  struct {
    uint64_t *offset;
    const char *member;
  } const members[] = {
      {&layout.time, "ts_nsec"},
      {&layout.length, "len"},
      {&layout.textLength, "text_len"},
      {&layout.dictLength, "dict_len"},
  };
  for (const auto &[offset, member] : members) {
    llvm::Expected<uint64_t> found = types.getOffsetBytes(type, member);
    if (!found)
      return found.takeError();
    *offset = *found;
  }
  llvm::Expected<uint64_t> bytes = types.getSizeBytes(type);
  if (!bytes)
    return bytes.takeError();
  layout.bytes = *bytes;
  // VMCOREINFO leaves these out: u16 dict_len; u8 facility; u8 flags:5,
  // level:3.
  layout.facility = layout.dictLength + 2;
  layout.flags = layout.facility + 1;
  if (types.hasMember(type, "caller_id"))
    layout.caller = llvm::cantFail(types.getOffsetBytes(type, "caller_id"));
  if (layout.bytes < 16 || layout.bytes > 4096)
    return llvm::make_error<FormatError>(
        llvm::Twine("struct ") + type + " of " + hex(layout.bytes) +
        " bytes: that of the kernel has at least 16");
  return layout;
}

namespace {

struct Header {
  LogRecord record;
  uint64_t length = 0, textLength = 0, dictLength = 0;
};

llvm::Error readHeader(const LogMemory &memory, VirtAddr at,
                       const RecordLayout &layout, Header &header) {
  uint64_t facility = 0, flags = 0, caller = 0;
  const struct {
    std::optional<uint64_t> offset;
    unsigned bytes;
    uint64_t *value;
  } members[] = {
      {layout.time, 8, &header.record.timeNanoseconds},
      {layout.length, 2, &header.length},
      {layout.textLength, 2, &header.textLength},
      {layout.dictLength, 2, &header.dictLength},
      {layout.facility, 1, &facility},
      {layout.flags, 1, &flags},
      {layout.caller, 4, &caller},
  };
  for (const auto &[offset, bytes, value] : members) {
    if (!offset)
      continue;
    llvm::Expected<uint64_t> number = memory.number(at + *offset, bytes);
    if (!number)
      return number.takeError();
    *value = *number;
  }
  const bool little = memory.order == ByteOrder::little;
  const uint64_t bits = little ? flags : flags >> 3;
  header.record.facility = unsigned(facility);
  header.record.level = unsigned(little ? flags >> 5 : flags & 7);
  header.record.endsLine = bits & 2;
  header.record.beginsLine = bits & 4;
  header.record.isContinuation = bits & 8;
  header.record.caller = uint32_t(caller);
  return llvm::Error::success();
}

/// What is wrong with a record at \p at; nothing if it can be one.
std::optional<std::string> findFault(const Header &header, uint64_t at,
                                     const RecordBuffer &buffer,
                                     const RecordLayout &layout) {
  if (header.length < layout.bytes || !fits(at, header.length, buffer.bytes))
    return "it has " + hex(header.length) + " bytes at " + hex(at) + " of " +
           hex(buffer.bytes);
  if (layout.bytes + header.textLength + header.dictLength > header.length)
    return "its text has " + hex(header.textLength) +
           " bytes and its dictionary " + hex(header.dictLength) +
           ", of a record of " + hex(header.length);
  return std::nullopt;
}

void readRecords(const LogMemory &memory, const RecordBuffer &buffer,
                 const RecordLayout &layout, LogVisitor visit,
                 Problems &problems) {
  uint64_t at = buffer.first, read = 0;
  bool hasWrapped = false;
  for (uint64_t sequence = buffer.firstSequence; at != buffer.next;) {
    auto lost = [&](const llvm::Twine &why) {
      problems.add("record " + llvm::Twine(sequence) +
                   " of the log is lost: " + why);
    };
    // Lengths chain the records: where one is damaged, the next is unknown.
    if (read > buffer.bytes || !fits(at, 2, buffer.bytes))
      return lost("the buffer of " + hex(buffer.bytes) +
                  " bytes ends before log_next_idx, " + hex(buffer.next));
    llvm::Expected<uint64_t> length =
        memory.number(buffer.start + at + layout.length, 2);
    if (!length)
      return lost(llvm::toString(length.takeError()));
    if (*length == 0) {
      if (hasWrapped)
        return lost("it has no length, and the buffer's end was there before");
      hasWrapped = true;
      at = 0;
      continue;
    }
    Header header;
    if (llvm::Error error =
            readHeader(memory, buffer.start + at, layout, header))
      return lost(llvm::toString(std::move(error)));
    if (auto fault = findFault(header, at, buffer, layout))
      return lost(*fault + "; no later record can be found");
    llvm::Expected<std::string> text = memory.text(
        buffer.start + at + layout.bytes, size_t(header.textLength));
    header.record.sequence = sequence;
    if (text) {
      header.record.text = std::move(*text);
      visit(header.record);
    } else
      lost(llvm::toString(text.takeError()));
    at += header.length;
    read += header.length;
    ++sequence;
  }
}

} // namespace

std::vector<std::string> readRecordBuffer(const LogMemory &memory,
                                          const RecordBuffer &buffer,
                                          const RecordLayout &layout,
                                          LogVisitor visit) {
  Problems problems;
  readRecords(memory, buffer, layout, visit, problems);
  return problems.take();
}

} // namespace vmpt
