//===- DwarfTypes.h - type layouts from a vmlinux's DWARF, through libdw --===//
//
// A kernel's DWARF describes each struct in hundreds of compile units, and is
// hundreds of megabytes: units are gone through only until what is wanted has
// turned up (task_struct does so in the second), and never twice. A name that
// is nowhere costs one pass over all.
//
#pragma once

#include "debuginfo/ElfFile.h"
#include "debuginfo/Types.h"

#include "llvm/ADT/StringMap.h"

#include <elfutils/libdw.h>

#include <mutex>

namespace vmpt {

class DwarfTypes final : public TypeSource {
public:
  /// Fails if the file has no .debug_info.
  static llvm::Expected<std::unique_ptr<DwarfTypes>>
  create(std::shared_ptr<const ElfFile> file, std::string description);
  ~DwarfTypes() override;

  std::optional<uint64_t> findEnumConstant(llvm::StringRef name) const override;
  std::string describe() const override { return description_; }

protected:
  // A TypeId is the offset of a DIE in .debug_info.
  std::vector<TypeId> findNamed(llvm::StringRef name) const override;
  Shape getShape(TypeId id) const override;
  void visitMembers(
      const Shape &shape,
      llvm::function_ref<bool(const MemberEntry &)> visit) const override;

private:
  DwarfTypes() = default;

  /// How far the units have been gone through.
  struct UnitCursor {
    Dwarf_CU *unit = nullptr;
    bool atEnd = false;
  };
  /// Calls \p visit for each top-level DIE of the next unit; false at the end.
  bool visitNextUnit(UnitCursor &cursor,
                     llvm::function_ref<void(Dwarf_Die &)> visit) const;
  void indexEnumerators(Dwarf_Die &enumeration) const;

  /// libdw is not thread-safe; it guards all below.
  mutable std::mutex mutex_;
  std::shared_ptr<const ElfFile> file_;
  std::string description_;
  Dwarf *dwarf_ = nullptr;

  /// The first definition of a tag and of a typedef; 0 if none was met yet.
  struct NamedType {
    TypeId tag = 0;
    TypeId typedefId = 0;
  };
  mutable UnitCursor typeCursor_, enumCursor_;
  mutable llvm::StringMap<NamedType> named_;
  mutable llvm::StringMap<uint64_t> enumerators_;
};

} // namespace vmpt
