//===- FieldTable.h - many members resolved at once -----------------------===//
#pragma once

#include "kernel/context/Structs.h"

namespace vmpt {

/// A member that is needed, and where its place goes. \p names as for
/// findField: newest first.
struct WantedField {
  Field *field;
  llvm::StringRef type;
  std::initializer_list<llvm::StringRef> names;
};

/// The LookupError is that of the first member that is unknown.
inline llvm::Error findFields(const TypeSources &types,
                              llvm::ArrayRef<WantedField> wanted) {
  for (const WantedField &want : wanted) {
    llvm::Expected<Field> field = findField(types, want.type, want.names);
    if (!field)
      return field.takeError();
    *want.field = *field;
  }
  return llvm::Error::success();
}

} // namespace vmpt
