//===- Bytes.h - bytes of memory, and the text of VMCOREINFO --------------===//
#pragma once

#include "output/RecordWriter.h"

namespace vmpt {

/// Memory as it is read piece by piece: like `xxd -g8` in text, a record for
/// each 16 bytes else.
class BytesView {
public:
  explicit BytesView(RecordWriter &writer);
  void add(PhysAddr at, llvm::ArrayRef<uint8_t> bytes);
  void finish();

private:
  RecordWriter &writer_;
};

/// As it is; only a terminal gets each line made safe. A record for each line
/// else.
void writeVmcoreinfo(RecordWriter &writer, llvm::StringRef text);

} // namespace vmpt
