#include "output/Record.h"

#include <algorithm>

namespace vmpt {

Record &Record::add(llvm::StringRef key, Value value) {
  members_.push_back({key.str(), std::move(value), false});
  return *this;
}

Record &Record::addCell(llvm::StringRef key, std::string text) {
  members_.push_back({key.str(), Value(std::move(text)), true});
  return *this;
}

const Value *Record::find(llvm::StringRef key) const {
  auto found = std::find_if(
      members_.begin(), members_.end(),
      [&](const RecordMember &member) { return member.key == key; });
  return found == members_.end() ? nullptr : &found->value;
}

} // namespace vmpt
