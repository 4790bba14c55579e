//===- BtfTypes.h - type layouts from a BTF blob --------------------------===//
//
// BTF is the compact type information that a kernel with
// CONFIG_DEBUG_INFO_BTF carries in its own rodata, and so in each dump:
// linux Documentation/bpf/btf.rst, include/uapi/linux/btf.h.
//
//   header    u16 magic 0xeb9f, u8 version 1, u8 flags, u32 hdr_len,
//             u32 type_off, type_len, str_off, str_len; since 7.1 also
//             u32 layout_off, layout_len. Offsets count from the header's end.
//   types     {u32 name, u32 info, u32 size or type} and what the kind adds.
//             info: bits 23..0 vlen (15..0 before 7.2), 30..24 kind (28..24
//             before; the added bits are zero there), 31 kflag. Ids count
//             from 1.
//   strings   NUL-terminated, the first one empty.
//   layout    {u8 info_sz, u8 elem_sz, u16 flags} per kind: how far to skip
//             over a kind that we do not know.
//
// The blob comes from hostile memory: each offset, length and id is checked,
// and memory is bounded by the size of the blob.
//
#pragma once

#include "debuginfo/Types.h"
#include "support/Bytes.h"

#include <memory>

namespace vmpt {

class BtfTypes final : public TypeSource {
public:
  /// Parses \p blob, of either byte order, and keeps it. \p description is
  /// what describe() says. With \p base it is a module's BTF, whose ids and
  /// string offsets go on where those of \p base end; \p base is not owned.
  static llvm::Expected<std::unique_ptr<BtfTypes>>
  create(std::vector<uint8_t> blob, std::string description,
         const BtfTypes *base = nullptr);

  std::optional<uint64_t> findEnumConstant(llvm::StringRef name) const override;
  std::string describe() const override { return description_; }

  /// Without those of the base.
  size_t getTypeCount() const { return offsets_.size(); }

protected:
  std::vector<TypeId> findNamed(llvm::StringRef name) const override;
  Shape getShape(TypeId id) const override;
  void visitMembers(
      const Shape &shape,
      llvm::function_ref<bool(const MemberEntry &)> visit) const override;

private:
  /// The first twelve bytes of a type, decoded.
  struct Record {
    uint32_t name = 0;
    uint32_t vlen = 0;
    uint8_t kind = 0;
    bool kflag = false;
    uint32_t sizeOrType = 0;
    Bytes rest; ///< What follows; as long as kind and vlen say.
  };

  explicit BtfTypes(std::vector<uint8_t> blob) : blob_(std::move(blob)) {}

  llvm::Error parse();
  llvm::Error indexTypes(Bytes layout);
  void indexNames();
  Record decode(uint64_t offset) const;
  /// Void for an id that does not exist.
  Record getRecord(TypeId id) const;
  /// Empty for a bad offset and for names longer than any in a kernel.
  llvm::StringRef getString(uint32_t offset) const;

  std::vector<uint8_t> blob_;
  std::string description_;
  const BtfTypes *base_ = nullptr;
  Bytes types_;
  Bytes strings_;
  uint32_t firstId_ = 1;     ///< Id of offsets_[0].
  uint32_t firstString_ = 0; ///< Offset of the first byte of strings_.
  uint32_t pointerSize_ = 8;
  std::vector<uint32_t> offsets_; ///< Where each type starts in types_.
  /// Structs, unions and typedefs by hash of their name, sorted; equal hashes
  /// by id.
  struct NamedType {
    uint64_t hash;
    uint32_t id;
    auto operator<=>(const NamedType &) const = default;
  };
  std::vector<NamedType> named_;
  std::vector<uint32_t> enums_; ///< Ids of ENUM and ENUM64.
};

/// No kernel's BTF comes near this.
inline constexpr uint64_t maxBtfSize = uint64_t(256) << 20;

/// The size of the BTF blob that starts at the first byte of \p start, judged
/// by its header (the first 24 or 32 bytes) alone: the sections must follow
/// each other as pahole and the kernel write them. Nothing if there is none.
std::optional<uint64_t> getBtfSize(Bytes start);

/// A place where a BTF blob may start.
struct BtfCandidate {
  uint64_t offset = 0;
  uint64_t sizeBytes = 0;
};

/// The next header in the byte order of \p haystack, at or after \p from,
/// whose blob is at least \p minimumSize bytes long (a kernel's own BTF is far
/// larger than those of modules and BPF programs). The blob may run past the
/// end of \p haystack. What it finds still has to be parsed; a kernel's has a
/// `struct task_struct`.
std::optional<BtfCandidate> findBtf(Bytes haystack, uint64_t from,
                                    uint64_t minimumSize);

} // namespace vmpt
