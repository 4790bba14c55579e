//===- JsonWriter.h - JSON, streamed --------------------------------------===//
//
// A facade over llvm::json::OStream, which is compiled apart: LLVM 14's
// JSON.h is not C++20 for clang 14. So this header keeps to C++17.
//
#pragma once

#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"

#include <cstdint>
#include <memory>

namespace vmpt {

/// Calls nest as the JSON does; the caller balances begin and end. Text that
/// is not UTF-8 is made so. Numbers keep all 64 bits.
class JsonWriter {
public:
  /// \p indent 0: no line feeds and blanks. One line feed at the end.
  explicit JsonWriter(llvm::raw_ostream &os, unsigned indent = 2);
  ~JsonWriter();

  void beginObject();
  void endObject();
  void beginArray();
  void endArray();
  /// The key of what follows, inside an object.
  void key(llvm::StringRef name);
  void endKey();

  void value(uint64_t number);
  void value(bool truth);
  void value(llvm::StringRef text);
  void value(const char *text) { value(llvm::StringRef(text)); }
  void null();
  /// Addresses are strings, "0x...": JSON numbers lose bits in many readers.
  void hex(uint64_t bits);
  /// A value that is JSON already.
  void raw(llvm::StringRef json);

  template <class T> void attribute(llvm::StringRef name, const T &v) {
    key(name);
    value(v);
    endKey();
  }
  void address(llvm::StringRef name, uint64_t address);
  void beginArrayAttribute(llvm::StringRef name) {
    key(name);
    beginArray();
  }
  void endArrayAttribute() {
    endArray();
    endKey();
  }

private:
  struct Stream;
  std::unique_ptr<Stream> stream_;
};

} // namespace vmpt
