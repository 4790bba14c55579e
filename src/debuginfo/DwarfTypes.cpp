#include "debuginfo/DwarfTypes.h"

#include "support/Error.h"

#include <dwarf.h>

namespace vmpt {

/// Typedefs and qualifiers on top of each other.
static constexpr unsigned maxTypedefDepth = 64;

static std::optional<uint64_t> findUnsigned(Dwarf_Die &die, unsigned name) {
  Dwarf_Attribute attribute;
  Dwarf_Word value;
  if (!dwarf_attr(&die, name, &attribute) ||
      dwarf_formudata(&attribute, &value) != 0)
    return std::nullopt;
  return value;
}

static bool isDeclaration(Dwarf_Die &die) {
  Dwarf_Attribute attribute;
  bool flag = false;
  return dwarf_attr(&die, DW_AT_declaration, &attribute) &&
         dwarf_formflag(&attribute, &flag) == 0 && flag;
}

static bool findType(Dwarf_Die &die, Dwarf_Die &type) {
  Dwarf_Attribute attribute;
  return dwarf_attr(&die, DW_AT_type, &attribute) &&
         dwarf_formref_die(&attribute, &type);
}

static llvm::StringRef getName(Dwarf_Die &die) {
  const char *name = dwarf_diename(&die);
  return name ? llvm::StringRef(name) : llvm::StringRef();
}

static uint64_t getAddressSize(Dwarf_Die &die) {
  Dwarf_Die unit;
  uint8_t size = 0;
  return dwarf_diecu(&die, &unit, &size, nullptr) ? size : 0;
}

/// Elements of all dimensions; 0 for a flexible array.
static uint64_t countElements(Dwarf_Die &array) {
  uint64_t count = 1;
  Dwarf_Die range;
  for (int more = dwarf_child(&array, &range); more == 0;
       more = dwarf_siblingof(&range, &range)) {
    if (dwarf_tag(&range) != DW_TAG_subrange_type)
      continue;
    auto size = findUnsigned(range, DW_AT_count);
    if (auto last = findUnsigned(range, DW_AT_upper_bound); last && !size)
      size = *last + 1;
    if (!size || __builtin_mul_overflow(count, *size, &count))
      return 0;
  }
  return count;
}

/// Bytes from the start of the struct; old compilers write an expression.
static uint64_t getMemberLocation(Dwarf_Die &member) {
  if (auto offset = findUnsigned(member, DW_AT_data_member_location))
    return *offset;
  Dwarf_Attribute attribute;
  Dwarf_Op *expression;
  size_t length;
  if (dwarf_attr(&member, DW_AT_data_member_location, &attribute) &&
      dwarf_getlocation(&attribute, &expression, &length) == 0 && length == 1 &&
      expression[0].atom == DW_OP_plus_uconst)
    return expression[0].number;
  return 0; // members of a union have none
}

llvm::Expected<std::unique_ptr<DwarfTypes>>
DwarfTypes::create(std::shared_ptr<const ElfFile> file,
                   std::string description) {
  std::unique_ptr<DwarfTypes> result(new DwarfTypes);
  result->dwarf_ =
      dwarf_begin_elf(file->handle(), DWARF_C_READ, /*scngrp=*/nullptr);
  result->file_ = std::move(file);
  result->description_ = std::move(description);
  Dwarf_CU *unit = nullptr;
  if (!result->dwarf_ ||
      dwarf_get_units(result->dwarf_, nullptr, &unit, nullptr, nullptr, nullptr,
                      nullptr) != 0)
    return llvm::make_error<LookupError>(
        "the file has no debug information (DWARF)");
  return result;
}

DwarfTypes::~DwarfTypes() { dwarf_end(dwarf_); }

bool DwarfTypes::visitNextUnit(
    UnitCursor &cursor, llvm::function_ref<void(Dwarf_Die &)> visit) const {
  if (cursor.atEnd)
    return false;
  Dwarf_Die unitDie;
  if (dwarf_get_units(dwarf_, cursor.unit, &cursor.unit, nullptr, nullptr,
                      &unitDie, nullptr) != 0) {
    cursor.atEnd = true;
    return false;
  }
  Dwarf_Die die;
  for (int more = dwarf_child(&unitDie, &die); more == 0;
       more = dwarf_siblingof(&die, &die))
    visit(die);
  return true;
}

std::vector<TypeSource::TypeId>
DwarfTypes::findNamed(llvm::StringRef name) const {
  std::lock_guard lock(mutex_);
  auto index = [&](Dwarf_Die &die) {
    int tag = dwarf_tag(&die);
    if (tag != DW_TAG_structure_type && tag != DW_TAG_union_type &&
        tag != DW_TAG_typedef)
      return;
    llvm::StringRef typeName = getName(die);
    if (typeName.empty() || isDeclaration(die))
      return;
    NamedType &entry = named_[typeName];
    TypeId &id = tag == DW_TAG_typedef ? entry.typedefId : entry.tag;
    if (!id)
      id = dwarf_dieoffset(&die);
  };
  do {
    auto place = named_.find(name);
    if (place == named_.end())
      continue;
    std::vector<TypeId> ids;
    for (TypeId id : {place->second.tag, place->second.typedefId})
      if (id)
        ids.push_back(id);
    return ids;
  } while (visitNextUnit(typeCursor_, index));
  return {};
}

/// The type behind typedefs and qualifiers; false if there is none (void).
static bool stripTypedefs(Dwarf_Die &die) {
  for (unsigned depth = 0; depth < maxTypedefDepth; ++depth) {
    switch (dwarf_tag(&die)) {
    case DW_TAG_typedef:
    case DW_TAG_const_type:
    case DW_TAG_volatile_type:
    case DW_TAG_restrict_type:
    case DW_TAG_atomic_type:
      break;
    default:
      return true;
    }
    Dwarf_Die target;
    if (!findType(die, target))
      return false;
    die = target;
  }
  return false;
}

TypeSource::Shape DwarfTypes::getShape(TypeId id) const {
  std::lock_guard lock(mutex_);
  Dwarf_Die die;
  if (id == 0 || !dwarf_offdie(dwarf_, id, &die) || !stripTypedefs(die) ||
      isDeclaration(die))
    return {};

  Shape shape;
  shape.id = dwarf_dieoffset(&die);
  shape.name = getName(die);
  shape.sizeBytes = findUnsigned(die, DW_AT_byte_size).value_or(0);
  switch (dwarf_tag(&die)) {
  case DW_TAG_base_type:
    shape.kind = findUnsigned(die, DW_AT_encoding) == DW_ATE_float
                     ? TypeKind::Float
                     : TypeKind::Integer;
    return shape;
  case DW_TAG_pointer_type:
    shape.kind = TypeKind::Pointer;
    if (!shape.sizeBytes)
      shape.sizeBytes = getAddressSize(die);
    return shape;
  case DW_TAG_structure_type:
    shape.kind = TypeKind::Struct;
    return shape;
  case DW_TAG_union_type:
    shape.kind = TypeKind::Union;
    return shape;
  case DW_TAG_enumeration_type:
    shape.kind = TypeKind::Enum;
    return shape;
  case DW_TAG_subroutine_type:
    shape.kind = TypeKind::Function;
    return shape;
  case DW_TAG_array_type: {
    shape.kind = TypeKind::Array;
    shape.elementCount = countElements(die);
    Dwarf_Die element;
    if (findType(die, element))
      shape.element = dwarf_dieoffset(&element);
    return shape;
  }
  default:
    return {};
  }
}

/// In bits from the start of the struct.
static uint64_t getBitOffset(Dwarf_Die &member, Dwarf_Die *type,
                             uint64_t bitSize, ByteOrder order) {
  if (auto offset = findUnsigned(member, DW_AT_data_bit_offset))
    return *offset;
  uint64_t offset = getMemberLocation(member) * 8;
  // DWARF 2 and 3 count a bit field from the highest bit of its storage.
  auto fromTop = findUnsigned(member, DW_AT_bit_offset);
  if (!fromTop)
    return offset;
  if (order == ByteOrder::big)
    return offset + *fromTop;
  auto storage = findUnsigned(member, DW_AT_byte_size);
  if (!storage && type)
    storage = findUnsigned(*type, DW_AT_byte_size);
  return offset + storage.value_or(0) * 8 - *fromTop - bitSize;
}

void DwarfTypes::visitMembers(
    const Shape &shape,
    llvm::function_ref<bool(const MemberEntry &)> visit) const {
  std::vector<MemberEntry> entries; // `visit` is not called under the lock
  {
    std::lock_guard lock(mutex_);
    Dwarf_Die die, member, type;
    if (!dwarf_offdie(dwarf_, shape.id, &die))
      return;
    for (int more = dwarf_child(&die, &member); more == 0;
         more = dwarf_siblingof(&member, &member)) {
      if (dwarf_tag(&member) != DW_TAG_member)
        continue;
      const bool hasType = findType(member, type);
      MemberEntry entry;
      entry.name = getName(member);
      entry.type = hasType ? dwarf_dieoffset(&type) : 0;
      entry.bitFieldSize =
          uint32_t(findUnsigned(member, DW_AT_bit_size).value_or(0));
      if (hasType)
        stripTypedefs(type);
      entry.bitOffset = getBitOffset(member, hasType ? &type : nullptr,
                                     entry.bitFieldSize, file_->order());
      entries.push_back(entry);
    }
  }
  for (const MemberEntry &entry : entries)
    if (!visit(entry))
      return;
}

void DwarfTypes::indexEnumerators(Dwarf_Die &enumeration) const {
  Dwarf_Die die;
  for (int more = dwarf_child(&enumeration, &die); more == 0;
       more = dwarf_siblingof(&die, &die)) {
    Dwarf_Attribute attribute;
    if (dwarf_tag(&die) != DW_TAG_enumerator ||
        !dwarf_attr(&die, DW_AT_const_value, &attribute))
      continue;
    Dwarf_Word value = 0;
    Dwarf_Sword negative = 0;
    unsigned form = dwarf_whatform(&attribute);
    bool isSigned = form == DW_FORM_sdata || form == DW_FORM_implicit_const;
    if (isSigned ? dwarf_formsdata(&attribute, &negative)
                 : dwarf_formudata(&attribute, &value))
      continue;
    enumerators_.try_emplace(getName(die),
                             isSigned ? uint64_t(negative) : value);
  }
}

std::optional<uint64_t>
DwarfTypes::findEnumConstant(llvm::StringRef name) const {
  std::lock_guard lock(mutex_);
  auto index = [&](Dwarf_Die &die) {
    if (dwarf_tag(&die) == DW_TAG_enumeration_type)
      indexEnumerators(die);
  };
  do {
    auto place = enumerators_.find(name);
    if (place != enumerators_.end())
      return place->second;
  } while (visitNextUnit(enumCursor_, index));
  return std::nullopt;
}

} // namespace vmpt
