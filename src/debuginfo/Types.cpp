#include "debuginfo/Types.h"

#include "support/Error.h"
#include "support/Text.h"

#include "llvm/ADT/DenseSet.h"

namespace vmpt {

TypeSource::~TypeSource() = default;

/// Arrays of arrays; no C type nests deeper, a hostile one may.
static constexpr unsigned maxArrayDepth = 16;

uint64_t TypeSource::getSizeBytes(const Shape &shape) const {
  uint64_t count = 1;
  Shape inner = shape;
  for (unsigned depth = 0; inner.kind == TypeKind::Array; ++depth) {
    if (depth == maxArrayDepth ||
        __builtin_mul_overflow(count, inner.elementCount, &count))
      return 0;
    inner = getShape(inner.element);
  }
  uint64_t size;
  // Sizes are also given in bits: keep them representable.
  if (__builtin_mul_overflow(count, inner.sizeBytes, &size) ||
      size > UINT64_MAX / 8)
    return 0;
  return size;
}

std::optional<uint64_t> TypeSource::findSizeBytes(llvm::StringRef name) const {
  for (TypeId id : findNamed(name)) {
    Shape shape = getShape(id);
    if (shape.kind == TypeKind::Unknown || shape.kind == TypeKind::Function)
      continue;
    return getSizeBytes(shape);
  }
  return std::nullopt;
}

/// Breadth first through anonymous members. A type is looked at once: what is
/// not in it the first time is not in it the second time either.
std::optional<TypeSource::MemberEntry>
TypeSource::findDirect(TypeId outer, llvm::StringRef name) const {
  struct Place {
    TypeId type;
    uint64_t bitOffset;
  };
  std::vector<Place> queue = {{outer, 0}};
  llvm::DenseSet<TypeId> seen;
  std::optional<MemberEntry> found;
  for (size_t next = 0; next < queue.size() && !found; ++next) {
    const Place place = queue[next];
    Shape shape = getShape(place.type);
    if (shape.kind != TypeKind::Struct && shape.kind != TypeKind::Union)
      continue;
    if (!seen.insert(shape.id).second)
      continue;
    visitMembers(shape, [&](const MemberEntry &entry) {
      if (entry.name == name) {
        found = entry;
        found->bitOffset += place.bitOffset;
      } else if (entry.name.empty() && !entry.bitFieldSize &&
                 !seen.count(entry.type)) {
        queue.push_back({entry.type, place.bitOffset + entry.bitOffset});
      }
      return !found;
    });
  }
  return found;
}

Member TypeSource::makeMember(const MemberEntry &entry) const {
  Shape shape = getShape(entry.type);
  Member member;
  member.bitOffset = entry.bitOffset;
  member.kind = shape.kind;
  member.typeName = shape.name.str();
  member.bitSize = getSizeBytes(shape) * 8;
  if (shape.kind == TypeKind::Array)
    member.elementSizeBytes = getSizeBytes(getShape(shape.element));
  if (entry.bitFieldSize) {
    member.isBitField = true;
    member.bitSize = entry.bitFieldSize;
  } else if (shape.intBitSize) {
    member.isBitField = true;
    member.bitOffset += shape.intBitOffset;
    member.bitSize = shape.intBitSize;
  }
  return member;
}

std::optional<Member> TypeSource::findPath(TypeId outer,
                                           llvm::StringRef path) const {
  uint64_t bitOffset = 0;
  while (true) {
    auto [name, rest] = path.split('.');
    if (name.empty())
      return std::nullopt;
    auto entry = findDirect(outer, name);
    if (!entry)
      return std::nullopt;
    entry->bitOffset += bitOffset;
    if (rest.empty() && path.size() == name.size())
      return makeMember(*entry);
    bitOffset = entry->bitOffset;
    outer = entry->type;
    path = rest;
  }
}

std::optional<Member> TypeSource::findMember(llvm::StringRef name,
                                             llvm::StringRef path) const {
  for (TypeId id : findNamed(name))
    if (auto member = findPath(id, path))
      return member;
  return std::nullopt;
}

llvm::Error GivenPlaces::add(llvm::StringRef text) {
  auto [name, numbers] = text.split('=');
  auto [offsetText, sizeText] = numbers.split(':');
  auto [type, path] = name.split('.');
  const std::string what = "--offset '" + text.str() + "'";
  if (type.empty() || path.empty() || numbers.empty())
    return llvm::make_error<UsageError>(what +
                                        " is not STRUCT.MEMBER=OFFSET[:SIZE]");
  Member member;
  llvm::Expected<uint64_t> offset = parseNumber(offsetText, what);
  if (!offset)
    return offset.takeError();
  llvm::Expected<uint64_t> size =
      sizeText.empty() ? 0 : parseNumber(sizeText, what);
  if (!size)
    return size.takeError();
  // No struct comes near; and sizes are also given in bits.
  constexpr uint64_t limit = uint64_t(1) << 32;
  if (*offset >= limit || *size >= limit)
    return llvm::make_error<UsageError>(what + " is beyond any struct");
  member.bitOffset = *offset * 8;
  member.bitSize = *size * 8;
  places_[name] = member;
  return llvm::Error::success();
}

std::optional<Member> GivenPlaces::findMember(llvm::StringRef name,
                                              llvm::StringRef path) const {
  auto found = places_.find((name + "." + path).str());
  return found == places_.end() ? std::nullopt
                                : std::optional<Member>(found->second);
}

std::string TypeSources::describe() const {
  std::string text;
  for (const TypeSource *source : sources_)
    text += (text.empty() ? "" : ", ") + source->describe();
  return text.empty() ? "nothing" : text;
}

llvm::Error TypeSources::notFound(const llvm::Twine &what) const {
  return llvm::make_error<LookupError>(
      what + " is unknown (tried " + describe() +
      "); pass a vmlinux with debug information or a BTF file");
}

llvm::Expected<uint64_t> TypeSources::getSizeBytes(llvm::StringRef name) const {
  for (const TypeSource *source : sources_)
    if (auto size = source->findSizeBytes(name))
      return *size;
  return notFound("the size of type '" + name + "'");
}

llvm::Expected<Member> TypeSources::getMember(llvm::StringRef name,
                                              llvm::StringRef path) const {
  std::optional<Member> placed;
  for (const TypeSource *source : sources_) {
    auto member = source->findMember(name, path);
    if (!member)
      continue;
    if (placed) // bit fields are in their own unit: the given place is a byte
      member->bitOffset = placed->bitOffset + member->bitOffset % 8;
    if (member->bitSize || member->kind != TypeKind::Unknown)
      return std::move(*member);
    if (!placed)
      placed = std::move(member);
  }
  if (placed)
    return std::move(*placed);
  return notFound("member '" + path + "' of type '" + name + "'");
}

llvm::Expected<uint64_t>
TypeSources::getOffsetBytes(llvm::StringRef name, llvm::StringRef path) const {
  auto member = getMember(name, path);
  if (!member)
    return member.takeError();
  if (member->isBitField || member->bitOffset % 8)
    return llvm::make_error<LookupError>(
        "member '" + path + "' of type '" + name + "' is a bit field, at bit " +
        llvm::Twine(member->bitOffset) + ": it has no offset in bytes");
  return member->offsetBytes();
}

llvm::Expected<uint64_t>
TypeSources::getEnumConstant(llvm::StringRef name) const {
  for (const TypeSource *source : sources_)
    if (auto value = source->findEnumConstant(name))
      return *value;
  return notFound("enumerator '" + name + "'");
}

bool TypeSources::hasMember(llvm::StringRef name, llvm::StringRef path) const {
  return llvm::any_of(sources_, [&](const TypeSource *source) {
    return source->findMember(name, path).has_value();
  });
}

} // namespace vmpt
