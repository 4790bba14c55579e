//===- Bytes.h - bytes of memory, and the text of VMCOREINFO --------------===//
#pragma once

#include "output/RecordWriter.h"

namespace vmpt {

/// Memory as it is read piece by piece: like `xxd -g8` in text, a record for
/// each 16 bytes else.
class BytesView {
public:
  /// Of which addresses: the key in records.
  enum Kind : uint8_t { Physical, Virtual };

  explicit BytesView(RecordWriter &writer, Kind kind = Physical);
  void add(uint64_t at, llvm::ArrayRef<uint8_t> bytes);
  void finish();

private:
  RecordWriter &writer_;
  const Kind kind_;
};

/// As it is; only a terminal gets each line made safe. A record for each line
/// else.
void writeVmcoreinfo(RecordWriter &writer, llvm::StringRef text);

} // namespace vmpt
