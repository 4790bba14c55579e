#include "debuginfo/BtfTypes.h"

#include "support/Bits.h"

#include "llvm/Support/xxhash.h"

#include <algorithm>
#include <array>

namespace vmpt {

namespace {

constexpr uint16_t btfMagic = 0xeb9f;
constexpr uint64_t recordSize = 12;
/// KSYM_NAME_LEN is 512; the names of types are shorter still.
constexpr size_t maxNameLength = 512;
/// Definitions of one name that differ: a handful in a kernel.
constexpr size_t maxNamesakes = 64;
/// Typedefs and qualifiers on top of each other.
constexpr unsigned maxTypedefDepth = 64;

/// BTF_KIND_*, linux include/uapi/linux/btf.h.
enum Kind : uint8_t {
  Void = 0,
  Int = 1,
  Ptr = 2,
  Array = 3,
  Struct = 4,
  Union = 5,
  Enum = 6,
  Fwd = 7,
  Typedef = 8,
  Volatile = 9,
  Const = 10,
  Restrict = 11,
  Func = 12,
  FuncProto = 13,
  Var = 14,
  Datasec = 15,
  Float = 16,
  DeclTag = 17,
  TypeTag = 18,
  Enum64 = 19,
};

/// What follows a type's record: fixed bytes, and bytes for each of vlen.
struct Tail {
  uint8_t fixed;
  uint8_t perElement;
};

constexpr std::array<Tail, 20> tails = {{
    {0, 0},  // Void
    {4, 0},  // Int: u32 encoding
    {0, 0},  // Ptr
    {12, 0}, // Array: u32 element type, index type, count
    {0, 12}, // Struct: {u32 name, type, offset}
    {0, 12}, // Union
    {0, 8},  // Enum: {u32 name, s32 value}
    {0, 0},  // Fwd
    {0, 0},  // Typedef
    {0, 0},  // Volatile
    {0, 0},  // Const
    {0, 0},  // Restrict
    {0, 0},  // Func
    {0, 8},  // FuncProto: {u32 name, type}
    {4, 0},  // Var: u32 linkage
    {0, 12}, // Datasec: {u32 type, offset, size}
    {0, 0},  // Float
    {4, 0},  // DeclTag: s32 component
    {0, 0},  // TypeTag
    {0, 12}, // Enum64: {u32 name, low, high}
}};

std::optional<Tail> findTail(uint8_t kind, Bytes layout) {
  if (kind < tails.size())
    return tails[kind];
  uint64_t offset = uint64_t(kind) * 4;
  if (!fits(offset, 4, layout.size()))
    return std::nullopt;
  return Tail{layout.at<uint8_t>(offset), layout.at<uint8_t>(offset + 1)};
}

bool isLong(llvm::StringRef name) {
  return name == "long unsigned int" || name == "unsigned long" ||
         name == "long int" || name == "long";
}

struct Header {
  ByteOrder order = ByteOrder::little;
  uint64_t size = 0;
  uint32_t typeOffset = 0, typeSize = 0;
  uint32_t stringOffset = 0, stringSize = 0;
  uint32_t layoutOffset = 0, layoutSize = 0;

  uint64_t blobSize() const {
    uint64_t end = std::max(uint64_t(typeOffset) + typeSize,
                            uint64_t(stringOffset) + stringSize);
    return size + std::max(end, uint64_t(layoutOffset) + layoutSize);
  }
};

llvm::Expected<Header> readHeader(Bytes blob) {
  Header header;
  Cursor magic(blob.withOrder(ByteOrder::little));
  uint16_t value = magic.u16();
  if (value == byteSwap(btfMagic))
    header.order = ByteOrder::big;
  else if (value != btfMagic)
    return llvm::make_error<FormatError>("no BTF: magic is " + hex(value) +
                                         ", expected 0xeb9f");
  Cursor cursor(blob.withOrder(header.order), 2);
  uint8_t version = cursor.u8();
  cursor.u8(); // flags: none defined
  header.size = cursor.u32();
  header.typeOffset = cursor.u32();
  header.typeSize = cursor.u32();
  header.stringOffset = cursor.u32();
  header.stringSize = cursor.u32();
  if (header.size >= 32) {
    header.layoutOffset = cursor.u32();
    header.layoutSize = cursor.u32();
  }
  if (auto error = cursor.takeError("BTF header"))
    return error;
  if (version != 1)
    return llvm::make_error<UnsupportedError>("BTF version " +
                                              llvm::Twine(unsigned(version)) +
                                              "; version 1 is understood");
  if (header.size < 24)
    return llvm::make_error<FormatError>(
        "BTF header length is " + hex(header.size) + ", expected 0x18 or more");
  return header;
}

} // namespace

llvm::Expected<std::unique_ptr<BtfTypes>>
BtfTypes::create(std::vector<uint8_t> blob, std::string description,
                 const BtfTypes *base) {
  std::unique_ptr<BtfTypes> types(new BtfTypes(std::move(blob)));
  types->description_ = std::move(description);
  types->base_ = base;
  if (auto error = types->parse())
    return error;
  return types;
}

llvm::Error BtfTypes::parse() {
  if (blob_.size() > maxBtfSize)
    return llvm::make_error<FormatError>("BTF blob of " + hex(blob_.size()) +
                                         " bytes is larger than any kernel's");
  auto header = readHeader(Bytes(blob_));
  if (!header)
    return header.takeError();
  const Bytes blob(blob_, header->order);
  auto types = blob.slice(header->size + header->typeOffset, header->typeSize,
                          "BTF type section");
  if (!types)
    return types.takeError();
  auto strings = blob.slice(header->size + header->stringOffset,
                            header->stringSize, "BTF string section");
  if (!strings)
    return strings.takeError();
  auto layout = blob.slice(header->size + header->layoutOffset,
                           header->layoutSize, "BTF layout section");
  if (!layout)
    return layout.takeError();
  // A module's first string is not empty: offset 0 is the base's.
  if (strings->empty() || strings->array().back() != 0 ||
      (!base_ && strings->array().front() != 0))
    return llvm::make_error<FormatError>(
        "BTF string section does not start and end with a NUL",
        strings->origin());
  types_ = *types;
  strings_ = *strings;
  if (base_) {
    firstId_ = base_->firstId_ + uint32_t(base_->offsets_.size());
    firstString_ = base_->firstString_ + uint32_t(base_->strings_.size());
    pointerSize_ = base_->pointerSize_;
  }
  if (auto error = indexTypes(*layout))
    return error;
  indexNames();
  return llvm::Error::success();
}

llvm::Error BtfTypes::indexTypes(Bytes layout) {
  for (uint64_t offset = 0; offset < types_.size();) {
    if (!fits(offset, recordSize, types_.size()))
      return llvm::make_error<FormatError>(
          "BTF type at offset " + hex(types_.origin() + offset) +
              " runs past the end of its section",
          types_.origin() + offset);
    uint32_t info = types_.at<uint32_t>(offset + 4);
    uint8_t kind = uint8_t(info >> 24 & 0x7f);
    auto tail = findTail(kind, layout);
    if (!tail)
      return llvm::make_error<UnsupportedError>(
          "BTF kind " + llvm::Twine(unsigned(kind)) + " at offset " +
          hex(types_.origin() + offset) +
          " is unknown, and the blob does not say how long it is");
    uint64_t size = recordSize + tail->fixed +
                    uint64_t(tail->perElement) * (info & lowBits(24));
    if (!fits(offset, size, types_.size()))
      return llvm::make_error<FormatError>(
          "BTF type of " + hex(size) + " bytes at offset " +
              hex(types_.origin() + offset) +
              " runs past the end of its section",
          types_.origin() + offset);
    offsets_.push_back(uint32_t(offset));
    offset += size;
  }
  return llvm::Error::success();
}

void BtfTypes::indexNames() {
  for (uint32_t i = 0; i < offsets_.size(); ++i) {
    uint64_t offset = offsets_[i];
    uint8_t kind = uint8_t(types_.at<uint32_t>(offset + 4) >> 24 & 0x7f);
    if (kind == Enum || kind == Enum64)
      enums_.push_back(firstId_ + i);
    // BTF does not say how wide a pointer is; in Linux it is like a long.
    if (kind == Int && isLong(getString(types_.at<uint32_t>(offset))))
      pointerSize_ = types_.at<uint32_t>(offset + 8);
    if (kind != Struct && kind != Union && kind != Typedef)
      continue;
    llvm::StringRef name = getString(types_.at<uint32_t>(offset));
    if (!name.empty())
      named_.push_back({llvm::xxHash64(name), firstId_ + i});
  }
  std::sort(named_.begin(), named_.end());
}

llvm::StringRef BtfTypes::getString(uint32_t offset) const {
  if (offset < firstString_)
    return base_ ? base_->getString(offset) : llvm::StringRef();
  llvm::StringRef text = strings_.text().substr(offset - firstString_);
  size_t length = text.substr(0, maxNameLength + 1).find('\0');
  return length == llvm::StringRef::npos ? llvm::StringRef()
                                         : text.substr(0, length);
}

/// \p offset is one of offsets_.
BtfTypes::Record BtfTypes::decode(uint64_t offset) const {
  Record record;
  uint32_t info = types_.at<uint32_t>(offset + 4);
  record.name = types_.at<uint32_t>(offset);
  record.vlen = uint32_t(info & lowBits(24));
  record.kind = uint8_t(info >> 24 & 0x7f);
  record.kflag = info >> 31;
  record.sizeOrType = types_.at<uint32_t>(offset + 8);
  if (record.kind < tails.size()) {
    Tail tail = tails[record.kind];
    record.rest =
        types_.clip(offset + recordSize,
                    tail.fixed + uint64_t(tail.perElement) * record.vlen);
  }
  return record;
}

BtfTypes::Record BtfTypes::getRecord(TypeId id) const {
  if (id < firstId_)
    return base_ ? base_->getRecord(id) : Record();
  uint64_t index = id - firstId_;
  return index < offsets_.size() ? decode(offsets_[index]) : Record();
}

std::vector<TypeSource::TypeId>
BtfTypes::findNamed(llvm::StringRef name) const {
  std::vector<TypeId> tags, typedefs;
  uint64_t hash = llvm::xxHash64(name);
  auto place =
      std::lower_bound(named_.begin(), named_.end(), NamedType{hash, 0});
  for (; place != named_.end() && place->hash == hash; ++place) {
    if (tags.size() + typedefs.size() == maxNamesakes)
      break;
    Record record = getRecord(place->id);
    if (getString(record.name) == name)
      (record.kind == Typedef ? typedefs : tags).push_back(place->id);
  }
  tags.insert(tags.end(), typedefs.begin(), typedefs.end());
  if (base_)
    for (TypeId id : base_->findNamed(name))
      tags.push_back(id);
  return tags;
}

TypeSource::Shape BtfTypes::getShape(TypeId id) const {
  Record record;
  for (unsigned depth = 0;; ++depth) {
    record = getRecord(id);
    if (record.kind != Typedef && record.kind != Volatile &&
        record.kind != Const && record.kind != Restrict &&
        record.kind != TypeTag)
      break;
    if (depth == maxTypedefDepth)
      return {};
    id = record.sizeOrType;
  }

  Shape shape;
  shape.id = id;
  shape.name = getString(record.name);
  shape.sizeBytes = record.sizeOrType;
  switch (record.kind) {
  case Int: {
    // Bits 23..16 where the value starts, 7..0 how many bits it has.
    uint32_t encoding = record.rest.at<uint32_t>(0);
    shape.kind = TypeKind::Integer;
    if ((encoding & 0xff) != uint64_t(record.sizeOrType) * 8) {
      shape.intBitOffset = encoding >> 16 & 0xff;
      shape.intBitSize = encoding & 0xff;
    }
    return shape;
  }
  case Array:
    shape.kind = TypeKind::Array;
    shape.sizeBytes = 0;
    shape.element = record.rest.at<uint32_t>(0);
    shape.elementCount = record.rest.at<uint32_t>(8);
    return shape;
  case Ptr:
    shape.kind = TypeKind::Pointer;
    shape.sizeBytes = pointerSize_;
    return shape;
  case Struct:
    shape.kind = TypeKind::Struct;
    return shape;
  case Union:
    shape.kind = TypeKind::Union;
    return shape;
  case Enum:
  case Enum64:
    shape.kind = TypeKind::Enum;
    return shape;
  case Float:
    shape.kind = TypeKind::Float;
    return shape;
  case FuncProto:
    return {.id = id, .kind = TypeKind::Function};
  default:
    return {};
  }
}

void BtfTypes::visitMembers(
    const Shape &shape,
    llvm::function_ref<bool(const MemberEntry &)> visit) const {
  Record record = getRecord(shape.id);
  if (record.kind != Struct && record.kind != Union)
    return;
  const BtfTypes *owner = this;
  while (shape.id < owner->firstId_)
    owner = owner->base_;
  for (uint32_t i = 0; i < record.vlen; ++i) {
    uint64_t at = uint64_t(i) * 12;
    uint32_t offset = record.rest.at<uint32_t>(at + 8);
    MemberEntry entry;
    entry.name = owner->getString(record.rest.at<uint32_t>(at));
    entry.type = record.rest.at<uint32_t>(at + 4);
    // With kflag: bits 31..24 size of the bit field, 23..0 where it starts.
    entry.bitOffset = record.kflag ? offset & lowBits(24) : offset;
    entry.bitFieldSize = record.kflag ? offset >> 24 : 0;
    if (!visit(entry))
      return;
  }
}

std::optional<uint64_t> BtfTypes::findEnumConstant(llvm::StringRef name) const {
  for (uint32_t id : enums_) {
    Record record = getRecord(id);
    uint64_t stride = tails[record.kind].perElement;
    for (uint32_t i = 0; i < record.vlen; ++i) {
      uint64_t at = i * stride;
      if (getString(record.rest.at<uint32_t>(at)) != name)
        continue;
      uint64_t low = record.rest.at<uint32_t>(at + 4);
      if (record.kind == Enum64)
        return low | uint64_t(record.rest.at<uint32_t>(at + 8)) << 32;
      // kflag: the enum is signed (set since 6.0).
      return record.kflag ? signExtend(low, 32) : low;
    }
  }
  return base_ ? base_->findEnumConstant(name) : std::nullopt;
}

std::optional<uint64_t> getBtfSize(Bytes start) {
  auto header = readHeader(start);
  if (!header) {
    llvm::consumeError(header.takeError());
    return std::nullopt;
  }
  bool plausible =
      header->size <= 256 && header->typeOffset % 4 == 0 &&
      header->typeSize >= recordSize && header->stringSize > 1 &&
      header->stringOffset >= header->typeOffset &&
      header->stringOffset - header->typeOffset >= header->typeSize &&
      header->blobSize() <= maxBtfSize;
  return plausible ? std::optional(header->blobSize()) : std::nullopt;
}

std::optional<BtfCandidate> findBtf(Bytes haystack, uint64_t from,
                                    uint64_t minimumSize) {
  static constexpr uint8_t little[] = {0x9f, 0xeb, 1};
  static constexpr uint8_t big[] = {0xeb, 0x9f, 1};
  const uint8_t *needle = haystack.order() == ByteOrder::big ? big : little;
  while (from < haystack.size()) {
    const void *hit = ::memmem(haystack.data() + from, haystack.size() - from,
                               needle, sizeof little);
    if (!hit)
      break;
    uint64_t at = uint64_t(static_cast<const uint8_t *>(hit) - haystack.data());
    auto size = getBtfSize(haystack.clip(at, haystack.size() - at));
    if (size && *size >= minimumSize)
      return BtfCandidate{at, *size};
    from = at + 1;
  }
  return std::nullopt;
}

} // namespace vmpt
