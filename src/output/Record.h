//===- Record.h - a result as named values --------------------------------===//
//
// What a view makes of a result and a RecordWriter writes. Keys are
// snake_case, the same on every architecture; docs/json.md has all of them.
//
#pragma once

#include "support/Address.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/StringRef.h"

#include <concepts>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <variant>
#include <vector>

namespace vmpt {

class Value;
using Array = std::vector<Value>;

/// Members in the order in which they are written.
class Record {
public:
  /// \p key: a member of that name is not there yet.
  Record &add(llvm::StringRef key, Value value);
  /// A cell that only a column of text shows; programs have it as another
  /// member.
  Record &addCell(llvm::StringRef key, std::string text);

  struct Key {
    std::string name;
    bool isCell = false;
  };
  llvm::ArrayRef<Key> keys() const { return keys_; }
  /// Of the key at the same place.
  const Value &valueAt(size_t index) const;
  /// Null if there is none.
  const Value *find(llvm::StringRef key) const;

private:
  std::vector<Key> keys_;
  std::vector<Value> values_;
};

/// Null, truth, number, address, text, array or object. Text may be any bytes:
/// writers make it safe.
class Value {
public:
  /// An address or raw bits: "0x..." where it is JSON.
  struct Hex {
    uint64_t value = 0;
    bool operator==(const Hex &) const = default;
  };

  Value() = default;
  Value(std::same_as<bool> auto truth) : content_(truth) {}
  /// All 64 bits are kept.
  Value(std::unsigned_integral auto number) requires(
      !std::same_as<decltype(number), bool> &&
      !std::same_as<decltype(number), char>)
      : content_(uint64_t(number)) {}
  template <class Tag>
  Value(Address<Tag> address) : content_(Hex{address.value}) {}
  Value(Hex bits) : content_(bits) {}
  Value(std::string text) : content_(std::move(text)) {}
  Value(llvm::StringRef text) : content_(text.str()) {}
  Value(const char *text) : content_(std::string(text)) {}
  Value(Array array) : content_(std::move(array)) {}
  Value(Record object) : content_(std::move(object)) {}
  template <class T> Value(const std::optional<T> &value) {
    if (value)
      *this = Value(*value);
  }

  const auto &content() const { return content_; }
  bool isNull() const { return content_.index() == 0; }
  bool isEmptyArray() const {
    const Array *array = std::get_if<Array>(&content_);
    return array && array->empty();
  }

private:
  std::variant<std::monostate, bool, uint64_t, Hex, std::string, Array, Record>
      content_;
};

inline const Value &Record::valueAt(size_t index) const {
  return values_[index];
}

/// Texts, numbers or addresses as an array.
template <class Range> Array makeArray(const Range &values) {
  Array array;
  for (const auto &value : values)
    array.push_back(Value(value));
  return array;
}

} // namespace vmpt
