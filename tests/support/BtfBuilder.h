//===- BtfBuilder.h - makes BTF blobs, right or wrong, for tests ----------===//
#pragma once

#include "support/Bytes.h"

#include <string>
#include <vector>

namespace vmpt::testing {

/// Appends integers in a byte order.
class ByteWriter {
public:
  explicit ByteWriter(ByteOrder order = ByteOrder::little) : order_(order) {}

  template <class T> ByteWriter &number(T value) {
    if (order_ != ByteOrder::native)
      value = byteSwap(value);
    const auto *raw = reinterpret_cast<const uint8_t *>(&value);
    out.insert(out.end(), raw, raw + sizeof value);
    return *this;
  }
  ByteWriter &u8(uint8_t value) { return number(value); }
  ByteWriter &u16(uint16_t value) { return number(value); }
  ByteWriter &u32(uint32_t value) { return number(value); }
  ByteWriter &u64(uint64_t value) { return number(value); }
  ByteWriter &bytes(llvm::ArrayRef<uint8_t> data) {
    out.insert(out.end(), data.begin(), data.end());
    return *this;
  }
  ByteWriter &align(size_t to) {
    while (out.size() % to)
      out.push_back(0);
    return *this;
  }

  std::vector<uint8_t> out;

private:
  ByteOrder order_;
};

struct BtfBuilder {
  struct BtfMember {
    std::string name;
    uint32_t type;
    uint32_t offset;
  };

  ByteOrder order = ByteOrder::little;
  uint32_t headerSize = 24;
  /// For a module: how many strings and types its base has.
  uint32_t firstString = 0;
  uint32_t nextId = 1;
  std::vector<uint8_t> layout;

  ByteWriter types{order};
  std::string strings = std::string(1, '\0');

  explicit BtfBuilder(ByteOrder byteOrder = ByteOrder::little)
      : order(byteOrder), types(byteOrder) {}

  uint32_t string(const std::string &text) {
    if (text.empty())
      return 0;
    uint32_t offset = firstString + uint32_t(strings.size());
    strings += text + '\0';
    return offset;
  }

  static uint32_t info(uint32_t kind, uint32_t vlen = 0, bool kflag = false) {
    return kind << 24 | vlen | uint32_t(kflag) << 31;
  }
  uint32_t type(const std::string &name, uint32_t infoWord,
                uint32_t sizeOrType) {
    types.u32(string(name)).u32(infoWord).u32(sizeOrType);
    return nextId++;
  }

  uint32_t integer(const std::string &name, uint32_t size) {
    return integer(name, size, size * 8);
  }
  uint32_t integer(const std::string &name, uint32_t size, uint32_t encoding) {
    uint32_t id = type(name, info(1), size);
    types.u32(encoding);
    return id;
  }
  uint32_t pointer(uint32_t to) { return type("", info(2), to); }
  uint32_t array(uint32_t element, uint32_t count) {
    uint32_t id = type("", info(3), 0);
    types.u32(element).u32(1).u32(count);
    return id;
  }
  uint32_t aggregate(uint32_t kind, const std::string &name, uint32_t size,
                     const std::vector<BtfMember> &members,
                     bool kflag = false) {
    uint32_t id = type(name, info(kind, uint32_t(members.size()), kflag), size);
    for (const auto &member : members)
      types.u32(string(member.name)).u32(member.type).u32(member.offset);
    return id;
  }
  uint32_t structure(const std::string &name, uint32_t size,
                     const std::vector<BtfMember> &members,
                     bool kflag = false) {
    return aggregate(4, name, size, members, kflag);
  }
  uint32_t unionOf(const std::string &name, uint32_t size,
                   const std::vector<BtfMember> &members) {
    return aggregate(5, name, size, members);
  }
  uint32_t
  enumeration(const std::string &name,
              const std::vector<std::pair<std::string, uint32_t>> &values,
              bool isSigned = false) {
    uint32_t id = type(name, info(6, uint32_t(values.size()), isSigned), 4);
    for (const auto &[constant, value] : values)
      types.u32(string(constant)).u32(value);
    return id;
  }
  uint32_t typedefOf(const std::string &name, uint32_t to) {
    return type(name, info(8), to);
  }

  std::vector<uint8_t> build() const {
    ByteWriter blob(order);
    blob.u16(0xeb9f).u8(1).u8(0).u32(headerSize);
    blob.u32(0).u32(uint32_t(types.out.size()));
    blob.u32(uint32_t(types.out.size())).u32(uint32_t(strings.size()));
    if (headerSize >= 32)
      blob.u32(uint32_t(types.out.size() + strings.size()))
          .u32(uint32_t(layout.size()));
    blob.out.resize(headerSize);
    blob.bytes(types.out);
    blob.bytes(
        {reinterpret_cast<const uint8_t *>(strings.data()), strings.size()});
    return std::move(blob.bytes(layout).out);
  }
};

} // namespace vmpt::testing
