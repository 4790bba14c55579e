#include "output/Record.h"

namespace vmpt {

Record &Record::add(llvm::StringRef key, Value value) {
  keys_.push_back({key.str(), false});
  values_.push_back(std::move(value));
  return *this;
}

Record &Record::addCell(llvm::StringRef key, std::string text) {
  keys_.push_back({key.str(), true});
  values_.push_back(Value(std::move(text)));
  return *this;
}

const Value *Record::find(llvm::StringRef key) const {
  for (size_t i = 0; i < keys_.size(); ++i)
    if (keys_[i].name == key)
      return &values_[i];
  return nullptr;
}

} // namespace vmpt
