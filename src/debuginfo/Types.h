//===- Types.h - layouts of the kernel's C types --------------------------===//
//
// One interface for BTF and DWARF. A source describes single types (`Shape`,
// its members); finding a member by a path, through anonymous structs and
// unions, is done here once for all sources.
//
#pragma once

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/Error.h"

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace vmpt {

enum class TypeKind : uint8_t {
  Unknown, ///< void, a forward declaration, or a kind that we do not know.
  Integer, ///< Also bool and char.
  Float,
  Pointer,
  Array,
  Struct,
  Union,
  Enum,
  Function,
};

/// A member of a struct, seen from the start of the outermost struct.
struct Member {
  /// Bit fields of a little-endian machine count from the lowest bit of the
  /// byte, those of a big-endian one from the highest.
  uint64_t bitOffset = 0;
  /// 0 for a flexible array and where the size is unknown.
  uint64_t bitSize = 0;
  bool isBitField = false;
  /// Without typedefs and qualifiers.
  TypeKind kind = TypeKind::Unknown;
  /// Tag of the struct, union or enum, or name of the integer; may be empty.
  std::string typeName;
  /// Bytes of one element, for an array.
  uint64_t elementSizeBytes = 0;

  /// Offset in bytes; of the byte that holds the first bit, for a bit field.
  uint64_t offsetBytes() const { return bitOffset / 8; }
  uint64_t sizeBytes() const { return bitSize / 8; }

  bool operator==(const Member &) const = default;
};

/// Lookups are safe from several threads at once.
class TypeSource {
public:
  virtual ~TypeSource();

  /// Size of the struct, union or typedef \p name (no `struct` before it).
  virtual std::optional<uint64_t> findSizeBytes(llvm::StringRef name) const;
  /// \p path is a member's name or several joined by dots, "mm_mt.ma_root".
  /// Members of anonymous structs and unions count as the outer one's, as in
  /// C. A dot does not follow pointers.
  virtual std::optional<Member> findMember(llvm::StringRef name,
                                           llvm::StringRef path) const;
  /// The value of an enumerator, of any enum; a negative one is sign-extended.
  virtual std::optional<uint64_t>
  findEnumConstant(llvm::StringRef name) const = 0;

  /// For messages and evidence: "BTF in the dump", "DWARF of vmlinux".
  virtual std::string describe() const = 0;

protected:
  /// What a source calls a type; 0 is void.
  using TypeId = uint64_t;

  /// A type without its typedefs and qualifiers.
  struct Shape {
    TypeId id = 0;
    TypeKind kind = TypeKind::Unknown;
    llvm::StringRef name;
    uint64_t sizeBytes = 0;
    /// Arrays: what they are made of.
    TypeId element = 0;
    uint64_t elementCount = 0;
    /// An integer that is narrower than its bytes: a bit field in old BTF.
    uint32_t intBitOffset = 0;
    uint32_t intBitSize = 0;
  };

  struct MemberEntry {
    llvm::StringRef name; ///< Empty: anonymous.
    TypeId type = 0;
    uint64_t bitOffset = 0;
    uint32_t bitFieldSize = 0; ///< 0: no bit field.
  };

  /// All definitions of struct, union or typedef \p name, best first.
  virtual std::vector<TypeId> findNamed(llvm::StringRef name) const = 0;
  /// Ends for every input: a cycle or a bad id gives Unknown.
  virtual Shape getShape(TypeId id) const = 0;
  /// Calls \p visit for each member until it says false. \p shape is a struct
  /// or union.
  virtual void
  visitMembers(const Shape &shape,
               llvm::function_ref<bool(const MemberEntry &)> visit) const = 0;

private:
  /// 0 where it is unknown.
  uint64_t getSizeBytes(const Shape &shape) const;
  std::optional<MemberEntry> findDirect(TypeId outer,
                                        llvm::StringRef name) const;
  std::optional<Member> findPath(TypeId outer, llvm::StringRef path) const;
  Member makeMember(const MemberEntry &entry) const;
};

/// A list of places, without the types behind them: VMCOREINFO's OFFSET() and
/// SIZE(), or what the user says.
class PlaceSource : public TypeSource {
public:
  std::optional<uint64_t> findSizeBytes(llvm::StringRef) const override {
    return std::nullopt;
  }
  /// Kind Unknown; size 0 where only the offset is known.
  std::optional<Member> findMember(llvm::StringRef name,
                                   llvm::StringRef path) const override = 0;
  std::optional<uint64_t> findEnumConstant(llvm::StringRef) const override {
    return std::nullopt;
  }

protected:
  std::vector<TypeId> findNamed(llvm::StringRef) const final { return {}; }
  Shape getShape(TypeId) const final { return {}; }
  void visitMembers(const Shape &,
                    llvm::function_ref<bool(const MemberEntry &)>) const final {
  }
};

/// Members placed by hand, "STRUCT.MEMBER=OFFSET[:SIZE]".
class GivenPlaces final : public PlaceSource {
public:
  /// Numbers in bytes; MEMBER may have dots. A UsageError says what is wrong.
  llvm::Error add(llvm::StringRef text);
  bool empty() const { return places_.empty(); }
  const llvm::StringMap<Member> &places() const { return places_; }

  std::optional<Member> findMember(llvm::StringRef name,
                                   llvm::StringRef path) const override;
  std::string describe() const override { return "--offset"; }

private:
  llvm::StringMap<Member> places_; ///< By "STRUCT.MEMBER".
};

/// Several sources in the order of trust; the first that knows answers. What
/// it leaves open of a member (a PlaceSource's size and kind), the next one
/// that knows the member adds. Sources are not owned. A LookupError names
/// those that were tried.
class TypeSources {
public:
  void add(const TypeSource &source) { sources_.push_back(&source); }
  bool empty() const { return sources_.empty(); }

  llvm::Expected<uint64_t> getSizeBytes(llvm::StringRef name) const;
  llvm::Expected<Member> getMember(llvm::StringRef name,
                                   llvm::StringRef path) const;
  /// Offset in bytes of a member that is no bit field.
  llvm::Expected<uint64_t> getOffsetBytes(llvm::StringRef name,
                                          llvm::StringRef path) const;
  llvm::Expected<uint64_t> getEnumConstant(llvm::StringRef name) const;
  /// True if a source knows the member; for layouts that differ by version.
  bool hasMember(llvm::StringRef name, llvm::StringRef path) const;

  /// The sources, joined by ", "; "nothing" if there are none.
  std::string describe() const;

private:
  llvm::Error notFound(const llvm::Twine &what) const;

  std::vector<const TypeSource *> sources_;
};

} // namespace vmpt
