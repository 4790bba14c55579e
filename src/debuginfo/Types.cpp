#include "debuginfo/Types.h"

#include "support/Error.h"

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
  for (const TypeSource *source : sources_)
    if (auto member = source->findMember(name, path))
      return std::move(*member);
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
