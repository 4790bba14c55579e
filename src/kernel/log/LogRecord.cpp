#include "kernel/log/LogRecord.h"

namespace vmpt {

llvm::Expected<uint64_t> LogMemory::number(VirtAddr at, unsigned bytes) const {
  uint8_t raw[8];
  if (llvm::Error error = read(at, llvm::MutableArrayRef<uint8_t>(raw, bytes)))
    return error;
  switch (bytes) {
  case 1:
    return raw[0];
  case 2:
    return loadUnaligned<uint16_t>(raw, order);
  case 4:
    return loadUnaligned<uint32_t>(raw, order);
  default:
    return loadUnaligned<uint64_t>(raw, order);
  }
}

llvm::Expected<std::string> LogMemory::text(VirtAddr at, size_t bytes) const {
  std::string text(bytes, '\0');
  if (llvm::Error error =
          read(at, {reinterpret_cast<uint8_t *>(text.data()), bytes}))
    return error;
  return text;
}

} // namespace vmpt
