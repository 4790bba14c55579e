//===- Error.h - the error classes ----------------------------------------===//
//
// Five classes tell what kind of trouble it is; MemoryError, the fifth, lives
// with the physical memory it speaks of (memory/PhysicalMemory.h).
//
// Wording: lower case, no full stop, the bad value in hex, what was expected,
// and what the user can do. The file's name is added once, in cli/.
//
#pragma once

#include "support/Address.h"

#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"

#include <string>

namespace vmpt {

/// Common part: a sentence. Each class below is a kind of trouble of its own.
template <class Derived> class MessageError : public llvm::ErrorInfo<Derived> {
public:
  explicit MessageError(const llvm::Twine &message) : message_(message.str()) {}

  void log(llvm::raw_ostream &os) const override { os << message_; }
  std::error_code convertToErrorCode() const override {
    return llvm::inconvertibleErrorCode();
  }
  const std::string &getText() const { return message_; }

private:
  std::string message_;
};

/// The file contradicts its own format. The offset is where it does.
class FormatError : public MessageError<FormatError> {
public:
  static char ID;
  FormatError(const llvm::Twine &message, FileOffset where = FileOffset())
      : MessageError(message), where_(where) {}
  FileOffset getOffset() const { return where_; }

private:
  FileOffset where_;
};

/// A symbol, type, member or key is unknown; the text names the sources tried.
class LookupError : public MessageError<LookupError> {
public:
  static char ID;
  using MessageError::MessageError;
};

/// Understood, but not handled; the text says what would be needed.
class UnsupportedError : public MessageError<UnsupportedError> {
public:
  static char ID;
  using MessageError::MessageError;
};

/// The command line is wrong.
class UsageError : public MessageError<UsageError> {
public:
  static char ID;
  using MessageError::MessageError;
};

/// 0x-prefixed lower-case hex, for messages.
std::string hex(uint64_t value);
inline std::string hex(PhysAddr address) { return hex(address.value); }
inline std::string hex(VirtAddr address) { return hex(address.value); }
inline std::string hex(FileOffset offset) { return hex(offset.value); }

} // namespace vmpt
