#include "kernel/log/RingBuffer.h"

#include "kernel/context/Problems.h"

#include <algorithm>

namespace vmpt {

llvm::Expected<RingLayout> RingLayout::find(const TypeSources &types,
                                            unsigned wordBytes) {
  RingLayout layout;
  struct {
    uint64_t *offset;
    const char *type, *member;
  } const members[] = {
      {&layout.descRing, "printk_ringbuffer", "desc_ring"},
      {&layout.textRing, "printk_ringbuffer", "text_data_ring"},
      {&layout.countBits, "prb_desc_ring", "count_bits"},
      {&layout.descs, "prb_desc_ring", "descs"},
      {&layout.infos, "prb_desc_ring", "infos"},
      {&layout.headId, "prb_desc_ring", "head_id"},
      {&layout.tailId, "prb_desc_ring", "tail_id"},
      {&layout.sizeBits, "prb_data_ring", "size_bits"},
      {&layout.data, "prb_data_ring", "data"},
      {&layout.state, "prb_desc", "state_var"},
      {&layout.textBlock, "prb_desc", "text_blk_lpos"},
      {&layout.begin, "prb_data_blk_lpos", "begin"},
      {&layout.next, "prb_data_blk_lpos", "next"},
      {&layout.sequence, "printk_info", "seq"},
      {&layout.time, "printk_info", "ts_nsec"},
      {&layout.textLength, "printk_info", "text_len"},
      {&layout.caller, "printk_info", "caller_id"},
  };
  for (const auto &[offset, type, member] : members) {
    llvm::Expected<uint64_t> found = types.getOffsetBytes(type, member);
    if (!found)
      return found.takeError();
    *offset = *found;
  }
  for (const auto &[bytes, type] :
       {std::pair(&layout.descBytes, "prb_desc"),
        std::pair(&layout.infoBytes, "printk_info")}) {
    llvm::Expected<uint64_t> found = types.getSizeBytes(type);
    if (!found)
      return found.takeError();
    *bytes = *found;
  }
  // VMCOREINFO leaves these out: u16 text_len; u8 facility; u8 flags:5,
  // level:3.
  layout.facility =
      types.hasMember("printk_info", "facility")
          ? llvm::cantFail(types.getOffsetBytes("printk_info", "facility"))
          : layout.textLength + 2;
  layout.flags = layout.facility + 1;
  if (layout.descBytes < 3 * wordBytes || layout.infoBytes < 16)
    return llvm::make_error<FormatError>(
        "struct prb_desc of " + hex(layout.descBytes) +
        " bytes and struct printk_info of " + hex(layout.infoBytes) +
        " bytes: those of the kernel are larger");
  return layout;
}

RingLayout RingLayout::makeUsual(unsigned wordBytes, bool hasLastFinalized) {
  const uint64_t word = wordBytes;
  RingLayout layout;
  layout.textRing = word * (hasLastFinalized ? 6 : 5);
  layout.descs = layout.data = layout.textBlock = layout.next = word;
  layout.infos = 2 * word;
  layout.headId = 3 * word;
  layout.tailId = 4 * word;
  layout.descBytes = 3 * word;
  layout.infoBytes = 88; // with the 64 bytes of dev_printk_info
  layout.time = 8;
  layout.textLength = 16;
  layout.facility = 18;
  layout.flags = 19;
  layout.caller = 20;
  return layout;
}

namespace {

/// linux kernel/printk/printk_ringbuffer.h: the text of a record that has none,
/// and of one whose text is lost.
constexpr uint64_t emptyPosition = 3, datalessBit = 1;
enum State : uint64_t { Reserved, Committed, Finalized, Reusable };

class RingReader {
public:
  RingReader(const LogMemory &memory, const RingLayout &layout,
             LogVisitor visit)
      : memory_(memory), layout_(layout), visit_(visit),
        idMask_(lowBits(memory.wordBytes * 8 - 2)) {}

  llvm::Error open(VirtAddr ring);
  void readAll();
  bool isInOrder();
  std::vector<std::string> takeProblems() { return problems_.take(); }

private:
  struct Block {
    VirtAddr start; ///< Of its id; the text is behind it.
    uint64_t bytes = 0;
  };

  llvm::Error readInfo(uint64_t index, LogRecord &record, uint64_t &length);
  bool isInOrder(uint64_t id);
  uint64_t stateOf(uint64_t word) const {
    return word >> (memory_.wordBytes * 8 - 2);
  }
  void findFirstSequence(uint64_t used);
  /// How many were read, or are lost together.
  uint64_t readRecord(uint64_t number, uint64_t used);
  void readRecord(uint64_t id, uint64_t sequence, uint64_t stateWord);
  llvm::Error readText(uint64_t id, VirtAddr desc, uint64_t length,
                       std::string &text);
  llvm::Expected<Block> findBlock(uint64_t begin, uint64_t next) const;
  uint64_t wrapOf(uint64_t position) const { return position >> sizeBits_; }
  llvm::Expected<uint64_t> readSequence(uint64_t id) const;
  uint64_t indexOf(uint64_t id) const {
    return id & lowBits(unsigned(countBits_));
  }

  const LogMemory &memory_;
  const RingLayout &layout_;
  LogVisitor visit_;
  const uint64_t idMask_;
  uint64_t countBits_ = 0, sizeBits_ = 0;
  VirtAddr descs_, infos_, data_;
  uint64_t headId_ = 0, tailId_ = 0;
  /// What the oldest record's sequence number has to be, by most of them.
  uint64_t firstSequence_ = 0;
  uint64_t textBytes_ = 0;
  Problems problems_;
};

llvm::Error RingReader::open(VirtAddr ring) {
  // CONFIG_LOG_BUF_SHIFT and log_buf_len= allow 2^31 bytes, and there is a
  // descriptor for each 32 of them.
  constexpr uint64_t maxSizeBits = 31, maxCountBits = 26;
  const VirtAddr descRing = ring + layout_.descRing;
  const VirtAddr textRing = ring + layout_.textRing;
  struct {
    VirtAddr at;
    unsigned bytes;
    uint64_t *value;
  } const members[] = {
      {descRing + layout_.countBits, 4, &countBits_},
      {descRing + layout_.descs, memory_.wordBytes, &descs_.value},
      {descRing + layout_.infos, memory_.wordBytes, &infos_.value},
      {descRing + layout_.headId, memory_.wordBytes, &headId_},
      {descRing + layout_.tailId, memory_.wordBytes, &tailId_},
      {textRing + layout_.sizeBits, 4, &sizeBits_},
      {textRing + layout_.data, memory_.wordBytes, &data_.value},
  };
  for (const auto &[at, bytes, value] : members) {
    llvm::Expected<uint64_t> number = memory_.number(at, bytes);
    if (!number)
      return number.takeError();
    *value = *number;
  }
  if (countBits_ > maxCountBits || sizeBits_ > maxSizeBits)
    return llvm::make_error<FormatError>(
        "no log at " + hex(ring) + ": a ring of 2^" + llvm::Twine(countBits_) +
        " records and 2^" + llvm::Twine(sizeBits_) +
        " bytes is larger than any kernel's");
  return llvm::Error::success();
}

llvm::Error RingReader::readInfo(uint64_t index, LogRecord &record,
                                 uint64_t &length) {
  const VirtAddr info = infos_ + index * layout_.infoBytes;
  uint64_t facility = 0, flags = 0, caller = 0;
  struct {
    uint64_t offset;
    unsigned bytes;
    uint64_t *value;
  } const members[] = {
      {layout_.sequence, 8, &record.sequence},
      {layout_.time, 8, &record.timeNanoseconds},
      {layout_.textLength, 2, &length},
      {layout_.facility, 1, &facility},
      {layout_.flags, 1, &flags},
      {layout_.caller, 4, &caller},
  };
  for (const auto &[offset, bytes, value] : members) {
    llvm::Expected<uint64_t> number = memory_.number(info + offset, bytes);
    if (!number)
      return number.takeError();
    *value = *number;
  }
  record.facility = unsigned(facility);
  record.caller = uint32_t(caller);
  const bool little = memory_.order == ByteOrder::little;
  record.level = unsigned(little ? flags >> 5 : flags & 7);
  const uint64_t bits = little ? flags : flags >> 3;
  record.endsLine = bits & 2;
  record.isContinuation = bits & 8;
  return llvm::Error::success();
}

llvm::Expected<uint64_t> RingReader::readSequence(uint64_t id) const {
  return memory_.number(
      infos_ + indexOf(id) * layout_.infoBytes + layout_.sequence, 8);
}

/// Sequence numbers ascend one by one. Where some are damaged, the majority
/// (Boyer, Moore) tells which.
void RingReader::findFirstSequence(uint64_t used) {
  constexpr uint64_t maxVoters = 1 << 16; // infos that are not there take time
  const uint64_t step = std::max<uint64_t>(used / maxVoters, 1);
  uint64_t votes = 0;
  for (uint64_t i = 0; i < used; i += step) {
    const uint64_t id = (tailId_ + i) & idMask_;
    llvm::Expected<uint64_t> sequence = readSequence(id);
    if (!sequence || indexOf(*sequence) != indexOf(id)) {
      llvm::consumeError(sequence.takeError());
      continue;
    }
    if (!votes)
      firstSequence_ = *sequence - i;
    if (*sequence - i == firstSequence_)
      ++votes;
    else
      --votes;
  }
}

/// linux kernel/printk/printk_ringbuffer.c get_data(), is_blk_wrapped(). A
/// block that ends with the ring has its end in the next wrap (since 6.19).
llvm::Expected<RingReader::Block> RingReader::findBlock(uint64_t begin,
                                                        uint64_t next) const {
  const uint64_t indexMask = lowBits(unsigned(sizeBits_));
  const uint64_t wraps = memory_.wordMask() >> sizeBits_;
  Block block;
  if (wrapOf(begin) == wrapOf((next - 1) & memory_.wordMask())) {
    block.start = data_ + (begin & indexMask);
    block.bytes = next - begin;
  } else if (((wrapOf(begin) + 1) & wraps) == wrapOf(next)) {
    block.start = data_;
    block.bytes = next & indexMask;
  }
  if (begin % memory_.wordBytes || next % memory_.wordBytes ||
      block.bytes < memory_.wordBytes || block.bytes > indexMask + 1)
    return llvm::make_error<FormatError>("its text cannot lie from " +
                                         hex(begin) + " to " + hex(next));
  return block;
}

llvm::Error RingReader::readText(uint64_t id, VirtAddr desc, uint64_t length,
                                 std::string &text) {
  const VirtAddr position = desc + layout_.textBlock;
  llvm::Expected<uint64_t> begin = memory_.word(position + layout_.begin);
  if (!begin)
    return begin.takeError();
  llvm::Expected<uint64_t> next = memory_.word(position + layout_.next);
  if (!next)
    return next.takeError();
  if (*begin == emptyPosition && *next == emptyPosition)
    return llvm::Error::success();
  llvm::Expected<Block> block = findBlock(*begin, *next);
  if (!block)
    return block.takeError();
  llvm::Expected<uint64_t> owner = memory_.word(block->start);
  if (!owner)
    return owner.takeError();
  if (*owner != id)
    return llvm::make_error<FormatError>("its text is overwritten: there is " +
                                         hex(*owner) + " instead of its id " +
                                         hex(id));
  if (length > block->bytes - memory_.wordBytes)
    return llvm::make_error<FormatError>(
        "it has " + hex(length) +
        " bytes of text by its own count, in a block "
        "of " +
        hex(block->bytes));
  llvm::Expected<std::string> bytes =
      memory_.text(block->start + memory_.wordBytes, size_t(length));
  if (!bytes)
    return bytes.takeError();
  textBytes_ += length;
  text = std::move(*bytes);
  return llvm::Error::success();
}

/// \p number counts from the oldest record on.
uint64_t RingReader::readRecord(uint64_t number, uint64_t used) {
  constexpr uint64_t pageBytes = 4096;
  const uint64_t id = (tailId_ + number) & idMask_;
  const VirtAddr desc = descs_ + indexOf(id) * layout_.descBytes;
  llvm::Expected<uint64_t> stateWord = memory_.word(desc + layout_.state);
  if (stateWord) {
    readRecord(id, firstSequence_ + number, *stateWord);
    return 1;
  }
  // A page that is not there takes its other descriptors with it.
  const uint64_t inPage =
      (pageBytes - 1 - desc.value % pageBytes) / layout_.descBytes;
  const uint64_t count = std::min(
      {inPage + 1, used - number, bit(unsigned(countBits_)) - indexOf(id)});
  const uint64_t sequence = firstSequence_ + number;
  std::string why = llvm::toString(stateWord.takeError());
  // A new ring has one in front of record 0, which never held any.
  const uint64_t never = int64_t(sequence) < 0 ? 0 - sequence : 0;
  if (never < count)
    problems_.add("records " + llvm::Twine(sequence + never) + " to " +
                  llvm::Twine(sequence + count - 1) +
                  " of the log are lost: " + why);
  return count;
}

void RingReader::readRecord(uint64_t id, uint64_t sequence,
                            uint64_t stateWord) {
  const VirtAddr desc = descs_ + indexOf(id) * layout_.descBytes;
  auto lost = [&](const llvm::Twine &why) {
    problems_.add("record " + llvm::Twine(sequence) +
                  " of the log is lost: " + why);
  };
  if ((stateWord & idMask_) != id)
    return lost("its descriptor has the id " + hex(stateWord & idMask_) +
                " instead of " + hex(id));
  const uint64_t state = stateOf(stateWord);
  if (state == Reusable) // its text made room for newer ones
    return;
  if (state == Reserved)
    return lost("it was being written when the dump was made");
  LogRecord record;
  uint64_t length = 0;
  if (llvm::Error error = readInfo(indexOf(id), record, length))
    return lost(llvm::toString(std::move(error)));
  if (record.sequence != sequence)
    return lost("it has the sequence number " + llvm::Twine(record.sequence));
  // The kernel had no room for the text; dmesg does not know of it either.
  llvm::Expected<uint64_t> begin =
      memory_.word(desc + layout_.textBlock + layout_.begin);
  if (begin && *begin != emptyPosition && (*begin & datalessBit))
    return;
  llvm::consumeError(begin.takeError());
  if (llvm::Error error = readText(id, desc, length, record.text))
    return lost(llvm::toString(std::move(error)));
  visit_(record);
}

bool RingReader::isInOrder(uint64_t id) {
  const VirtAddr desc = descs_ + indexOf(id) * layout_.descBytes;
  llvm::Expected<uint64_t> stateWord = memory_.word(desc + layout_.state);
  llvm::Expected<uint64_t> sequence = readSequence(id);
  llvm::Expected<uint64_t> begin =
      memory_.word(desc + layout_.textBlock + layout_.begin);
  bool isFine = stateWord && sequence && begin && (*stateWord & idMask_) == id;
  const bool isThere = isFine && stateOf(*stateWord) != Reusable;
  if (isThere && indexOf(*sequence) != indexOf(id))
    isFine = false;
  llvm::consumeError(stateWord.takeError());
  llvm::consumeError(sequence.takeError());
  const bool hasText = begin && !(*begin & datalessBit);
  llvm::consumeError(begin.takeError());
  std::string text;
  if (isFine && isThere && hasText)
    if (llvm::Error error = readText(id, desc, 0, text)) {
      llvm::consumeError(std::move(error));
      return false;
    }
  return isFine;
}

/// A few of the newest: one may be half made.
bool RingReader::isInOrder() {
  constexpr uint64_t asked = 8;
  const uint64_t used = ((headId_ - tailId_) & idMask_) + 1;
  if (headId_ > idMask_ || used > bit(unsigned(countBits_)))
    return false;
  uint64_t fitting = 0;
  for (uint64_t i = 0; i < std::min(used, asked); ++i)
    fitting += isInOrder((headId_ - i) & idMask_);
  return fitting && fitting + 1 >= std::min(used, asked);
}

void RingReader::readAll() {
  const uint64_t count = bit(unsigned(countBits_));
  uint64_t used = ((headId_ - tailId_) & idMask_) + 1;
  if (headId_ > idMask_ || tailId_ > idMask_ || used > count) {
    problems_.add("the log's oldest and newest record, " + hex(tailId_) +
                  " and " + hex(headId_) + ", are not in one ring of " +
                  hex(count) + "; all that the newest one leaves is read");
    headId_ &= idMask_;
    tailId_ = (headId_ - count + 1) & idMask_;
    used = count;
  }
  findFirstSequence(used);
  const uint64_t textBytes = bit(unsigned(sizeBits_));
  for (uint64_t i = 0; i < used;) {
    if (textBytes_ > textBytes)
      return problems_.add("the log has more text than fits into its " +
                           hex(textBytes) + " bytes; " + llvm::Twine(used - i) +
                           " records are not read");
    i += readRecord(i, used);
  }
}

} // namespace

bool isRingBuffer(const LogMemory &memory, VirtAddr ring,
                  const RingLayout &layout) {
  RingReader reader(memory, layout, [](const LogRecord &) {});
  if (llvm::Error error = reader.open(ring)) {
    llvm::consumeError(std::move(error));
    return false;
  }
  return reader.isInOrder();
}

llvm::Expected<std::vector<std::string>>
readRingBuffer(const LogMemory &memory, VirtAddr ring, const RingLayout &layout,
               LogVisitor visit) {
  RingReader reader(memory, layout, visit);
  if (llvm::Error error = reader.open(ring))
    return error;
  reader.readAll();
  return reader.takeProblems();
}

} // namespace vmpt
