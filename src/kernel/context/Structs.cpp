#include "kernel/context/Structs.h"

#include "llvm/ADT/StringExtras.h"

namespace vmpt {

llvm::Expected<Field> findField(const TypeSources &types, llvm::StringRef type,
                                std::initializer_list<llvm::StringRef> names) {
  for (llvm::StringRef name : names) {
    if (!types.hasMember(type, name))
      continue;
    llvm::Expected<Member> member = types.getMember(type, name);
    if (!member)
      return member.takeError();
    Field field{member->offsetBytes(), member->sizeBytes()};
    if (member->isBitField) {
      field.bitShift = unsigned(member->bitOffset % 8);
      field.bitCount = unsigned(member->bitSize);
      field.sizeBytes = (field.bitShift + field.bitCount + 7) / 8;
    }
    return field;
  }
  return llvm::make_error<LookupError>(
      "struct " + type + " has no known member '" +
      llvm::join(names.begin(), names.end(), "' or '") + "' (tried " +
      types.describe() + "); pass --vmlinux, --btf or --offset");
}

std::optional<Field>
findOptionalField(const TypeSources &types, llvm::StringRef type,
                  std::initializer_list<llvm::StringRef> names) {
  llvm::Expected<Field> field = findField(types, type, names);
  if (field)
    return *field;
  llvm::consumeError(field.takeError());
  return std::nullopt;
}

llvm::Expected<uint64_t> StructReader::number(VirtAddr object,
                                              const Field &field) const {
  if (field.sizeBytes == 0 || field.sizeBytes > 8)
    return llvm::make_error<LookupError>(
        "member at offset " + hex(field.offset) + " is no integer: it has " +
        hex(field.sizeBytes) + " bytes");
  uint8_t raw[8] = {};
  if (llvm::Error error =
          memory_.read(object + field.offset,
                       llvm::MutableArrayRef<uint8_t>(raw, field.sizeBytes)))
    return error;
  uint64_t value = 0;
  const bool little = memory_.order() == ByteOrder::little;
  for (uint64_t i = 0; i < field.sizeBytes; ++i)
    value |= uint64_t(raw[little ? i : field.sizeBytes - 1 - i]) << (8 * i);
  if (field.bitCount) {
    const uint64_t fromTop = field.bitShift + field.bitCount;
    const uint64_t shift =
        little ? field.bitShift
               : field.sizeBytes * 8 - std::min(fromTop, field.sizeBytes * 8);
    value = value >> shift & lowBits(field.bitCount);
  }
  return value;
}

std::optional<uint64_t>
StructReader::tryNumber(VirtAddr object,
                        const std::optional<Field> &field) const {
  if (!field)
    return std::nullopt;
  llvm::Expected<uint64_t> value = number(object, *field);
  if (value)
    return *value;
  llvm::consumeError(value.takeError());
  return std::nullopt;
}

llvm::Expected<uint64_t> StructReader::word(VirtAddr at) const {
  return number(at, Field{0, wordBytes_});
}

llvm::Expected<std::string> StructReader::text(VirtAddr object,
                                               const Field &field) const {
  constexpr uint64_t maxBytes = 4096;
  std::vector<uint8_t> raw(std::min(field.sizeBytes, maxBytes));
  if (llvm::Error error = memory_.read(object + field.offset, raw))
    return error;
  llvm::StringRef all(reinterpret_cast<const char *>(raw.data()), raw.size());
  return all.take_until([](char c) { return c == '\0'; }).str();
}

} // namespace vmpt
