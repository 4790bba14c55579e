//===- LogBuilder.h - printk's rings, written as the kernel writes them ---===//
//
//   LogRingBuilder log;
//   log.add("hello");
//   log.patchWord(log.desc(0), 7);    // damage
//   readRingBuffer(log.memory(), log.start, log.layout(), ...);
//
#pragma once

#include "kernel/log/RecordBuffer.h"
#include "kernel/log/RingBuffer.h"

namespace vmpt::testing {

/// Bytes at a virtual address.
class LogImage {
public:
  LogImage(unsigned wordBytes, ByteOrder order)
      : wordBytes_(wordBytes), order_(order),
        start(wordBytes == 4 ? 0xc1800000 : 0xffffffff81800000) {}

  LogMemory memory() const { return {*this, wordBytes_, order_}; }
  llvm::Error operator()(VirtAddr at,
                         llvm::MutableArrayRef<uint8_t> out) const {
    if (!fits(at - start, out.size(), bytes.size()))
      return llvm::make_error<LookupError>("nothing maps " + hex(at));
    std::memcpy(out.data(), &bytes[at - start], out.size());
    return llvm::Error::success();
  }
  template <class T> void patch(VirtAddr at, T value) {
    if (order_ != ByteOrder::native)
      value = byteSwap(value);
    std::memcpy(&bytes[at - start], &value, sizeof value);
  }
  void patchWord(VirtAddr at, uint64_t value) {
    if (wordBytes_ == 4)
      patch(at, uint32_t(value));
    else
      patch(at, value);
  }
  uint64_t word(VirtAddr at) const {
    const uint8_t *from = &bytes[at - start];
    return wordBytes_ == 4 ? loadUnaligned<uint32_t>(from, order_)
                           : loadUnaligned<uint64_t>(from, order_);
  }
  void patchText(VirtAddr at, llvm::StringRef text) {
    std::memcpy(&bytes[at - start], text.data(), text.size());
  }

protected:
  const unsigned wordBytes_;
  const ByteOrder order_;

public:
  const VirtAddr start;
  std::vector<uint8_t> bytes;
};

/// struct printk_ringbuffer at the start, then descriptors, infos, text. Writes
/// as linux kernel/printk/printk_ringbuffer.c does.
class LogRingBuilder : public LogImage {
public:
  explicit LogRingBuilder(unsigned wordBytes = 8,
                          ByteOrder order = ByteOrder::little,
                          unsigned countBits = 3, unsigned sizeBits = 8)
      : LogImage(wordBytes, order), countBits_(countBits), sizeBits_(sizeBits),
        layout_(RingLayout::makeUsual(wordBytes, true)) {
    const uint64_t count = bit(countBits);
    descs_ = start + 128;
    infos_ = descs_ + count * layout_.descBytes;
    text_ = VirtAddr(
        alignUp((infos_ + count * layout_.infoBytes).value, wordBytes));
    bytes.resize(text_ - start + bit(sizeBits));
    patch(start + layout_.countBits, uint32_t(countBits));
    patchWord(start + layout_.descs, descs_.value);
    patchWord(start + layout_.infos, infos_.value);
    patch(start + layout_.textRing + layout_.sizeBits, uint32_t(sizeBits));
    patchWord(start + layout_.textRing + layout_.data, text_.value);
    // DESC0_ID: the descriptor before the first, which has lost its text.
    head_ = tail_ = -(count + 1) & idMask();
    setState(head_, 3);
    setPosition(head_, 1, 1);
    patch(info(count - 1) + layout_.sequence, uint64_t(0));
    patch(info(0) + layout_.sequence, -count);
    textHead_ = textTail_ = -bit(sizeBits) & wordMask();
    storeEnds();
  }

  const RingLayout &layout() const { return layout_; }
  /// By sequence number modulo their count, or by index.
  VirtAddr desc(uint64_t number) const {
    return descs_ + (number & lowBits(countBits_)) * layout_.descBytes;
  }
  VirtAddr info(uint64_t number) const {
    return infos_ + (number & lowBits(countBits_)) * layout_.infoBytes;
  }
  /// Of the text block of a record that is there: its id.
  VirtAddr block(uint64_t number) const {
    const uint64_t begin = word(desc(number) + layout_.textBlock),
                   next = word(desc(number) + layout_.textBlock + wordBytes_);
    const bool wraps = begin >> sizeBits_ != next >> sizeBits_;
    return text_ + (wraps ? 0 : begin & lowBits(sizeBits_));
  }

  /// Reserves, writes and finalizes one record.
  void add(llvm::StringRef text, uint64_t time = 0, unsigned level = 6,
           unsigned flags = 2, uint32_t caller = 1, unsigned facility = 0) {
    const uint64_t id = reserve();
    const VirtAddr record = info(id);
    patch(record + layout_.time, time);
    patch(record + layout_.textLength, uint16_t(text.size()));
    patch(record + layout_.facility, uint8_t(facility));
    patch(record + layout_.flags,
          uint8_t(order_ == ByteOrder::little ? level << 5 | flags
                                              : flags << 3 | level));
    patch(record + layout_.caller, caller);
    setPosition(id, 3, 3);
    if (!text.empty()) {
      const VirtAddr at = allocate(id, text.size());
      patchText(at + wordBytes_, text);
    }
    setState(id, 2);
    storeEnds();
  }
  /// \p state: 0 reserved, 1 committed, 2 finalized, 3 reusable.
  void setState(uint64_t id, uint64_t state) {
    patchWord(desc(id), id | state << (wordBytes_ * 8 - 2));
  }
  uint64_t newestId() const { return head_; }
  uint64_t idMask() const { return lowBits(wordBytes_ * 8 - 2); }
  VirtAddr headId() const { return start + layout_.headId; }
  VirtAddr tailId() const { return start + layout_.tailId; }

private:
  uint64_t wordMask() const { return lowBits(wordBytes_ * 8); }
  void setPosition(uint64_t id, uint64_t begin, uint64_t next) {
    patchWord(desc(id) + layout_.textBlock + layout_.begin, begin);
    patchWord(desc(id) + layout_.textBlock + layout_.next, next);
  }
  uint64_t reserve() {
    head_ = (head_ + 1) & idMask();
    if (((head_ - tail_) & idMask()) >= bit(countBits_)) {
      dropTextUpTo(tail_);
      tail_ = (tail_ + 1) & idMask();
    }
    const uint64_t index = head_ & lowBits(countBits_);
    const VirtAddr at = info(index) + layout_.sequence;
    const uint8_t *from = &bytes[at - start];
    const uint64_t old = loadUnaligned<uint64_t>(from, order_);
    patch(at, old == 0 && index ? index : old + bit(countBits_));
    setState(head_, 0);
    return head_;
  }
  VirtAddr allocate(uint64_t id, uint64_t textBytes) {
    const uint64_t size = alignUp(wordBytes_ + textBytes, wordBytes_);
    const uint64_t begin = textHead_;
    uint64_t next = (begin + size) & wordMask();
    VirtAddr at = text_ + (begin & lowBits(sizeBits_));
    const bool wraps = begin >> sizeBits_ != next >> sizeBits_;
    if (wraps)
      next = alignDown(next, bit(sizeBits_)) + size;
    while (((next - textTail_) & wordMask()) > bit(sizeBits_))
      dropOldestText();
    if (wraps) {
      patchWord(at, id);
      at = text_;
    }
    patchWord(at, id);
    setPosition(id, begin, next);
    textHead_ = next;
    return at;
  }
  /// The owner of the oldest block becomes reusable.
  void dropOldestText() {
    const uint64_t id = word(text_ + (textTail_ & lowBits(sizeBits_)));
    textTail_ = word(desc(id) + layout_.textBlock + layout_.next);
    setState(id, 3);
  }
  void dropTextUpTo(uint64_t id) {
    const uint64_t begin = word(desc(id) + layout_.textBlock);
    if (word(desc(id)) >> (wordBytes_ * 8 - 2) == 2 && !(begin & 1))
      dropOldestText();
    setState(id, 3);
  }
  void storeEnds() {
    patchWord(headId(), head_);
    patchWord(tailId(), tail_);
  }

  const unsigned countBits_, sizeBits_;
  const RingLayout layout_;
  VirtAddr descs_, infos_, text_;
  uint64_t head_ = 0, tail_ = 0, textHead_ = 0, textTail_ = 0;
};

/// The buffer of records before 5.10: linux v5.9 log_store().
class LogBufferBuilder : public LogImage {
public:
  static constexpr uint64_t headerBytes = 16;

  explicit LogBufferBuilder(uint64_t size = 256,
                            ByteOrder order = ByteOrder::little)
      : LogImage(8, order) {
    bytes.resize(size);
    buffer.start = start;
    buffer.bytes = size;
  }
  RecordLayout layout() const {
    RecordLayout layout;
    layout.bytes = headerBytes;
    layout.length = 8;
    layout.textLength = 10;
    layout.dictLength = 12;
    layout.facility = 14;
    layout.flags = 15;
    return layout;
  }
  /// Where the next record will stand.
  VirtAddr next() const { return start + buffer.next; }

  void add(llvm::StringRef text, llvm::StringRef dict = "", uint64_t time = 0,
           unsigned level = 6, unsigned flags = 2) {
    const uint64_t size = alignUp(headerBytes + text.size() + dict.size(), 4);
    while (!hasRoom(size))
      dropOldest();
    if (buffer.next + size + headerBytes > buffer.bytes) {
      patch(next() + 8, uint16_t(0)); // the next is at the start
      buffer.next = 0;
    }
    const VirtAddr at = next();
    patch(at, time);
    patch(at + 8, uint16_t(size));
    patch(at + 10, uint16_t(text.size()));
    patch(at + 12, uint16_t(dict.size()));
    patch(at + 14, uint8_t(0));
    patch(at + 15, uint8_t(order_ == ByteOrder::little ? level << 5 | flags
                                                       : flags << 3 | level));
    patchText(at + headerBytes, text);
    patchText(at + headerBytes + text.size(), dict);
    buffer.next += size;
  }

  RecordBuffer buffer;

private:
  bool hasRoom(uint64_t size) const {
    if (buffer.next >= buffer.first)
      return std::max(buffer.bytes - buffer.next, buffer.first) >=
             size + headerBytes;
    return buffer.first - buffer.next >= size + headerBytes;
  }
  void dropOldest() {
    const uint8_t *at = &bytes[buffer.first + 8];
    buffer.first += loadUnaligned<uint16_t>(at, order_);
    if (loadUnaligned<uint16_t>(&bytes[buffer.first + 8], order_) == 0 &&
        buffer.first != buffer.next)
      buffer.first = 0;
    ++buffer.firstSequence;
  }
};

} // namespace vmpt::testing
