//===- ReadDump.h - running a dump reader over bytes in memory ------------===//
#pragma once

#include "Expected.h"
#include "MemoryImage.h"
#include "dump/formats/Dump.h"

#include <utility>

namespace vmpt::testing {

/// `readX` of a container.
using DumpReader = llvm::Error (*)(Bytes, Dump &);

/// Reads here and there in what the dump says it has: nothing may crash, and
/// a range that says its bytes are there may still hold a corrupt page.
inline void exercise(const Dump &dump) {
  uint8_t buffer[300];
  unsigned budget = 64;
  for (const MemoryRange &range : dump.memory->ranges()) {
    if (budget-- == 0)
      break;
    PhysAddr last = range.start + (range.size - 1);
    for (PhysAddr at : {range.start, last, last - 100, range.start - 1}) {
      (void)dump.memory->tryRead(at, buffer);
      if (const uint8_t *view = dump.memory->tryView(at, 8))
        std::memcpy(buffer, view, 8);
    }
  }
}

/// The dump, or a test failure. \p file must outlive it.
inline Dump readDump(DumpReader reader, const std::vector<uint8_t> &file) {
  Dump dump;
  EXPECT_EQ(textOf(reader(Bytes(file), dump)), "");
  if (auto describe = std::exchange(dump.describeWhole, nullptr))
    describe(dump);
  return dump;
}

/// The sentence with which the reader refuses the file.
inline std::string refusalOf(DumpReader reader,
                             const std::vector<uint8_t> &file) {
  Dump dump;
  return textOf(reader(Bytes(file), dump));
}

/// Every prefix of \p file, each in a buffer of its own so that a sanitizer
/// sees reads past its end.
inline void expectTruncationsAreHarmless(DumpReader reader,
                                         const std::vector<uint8_t> &file) {
  for (size_t size = 0; size < file.size(); ++size) {
    std::vector<uint8_t> prefix(file.begin(), file.begin() + long(size));
    prefix.shrink_to_fit();
    Dump dump;
    if (llvm::Error error = reader(Bytes(prefix), dump))
      llvm::consumeError(std::move(error));
    else
      exercise(dump);
  }
}

/// True if one of the dump's quirks is \p sentence.
inline bool hasQuirk(const Dump &dump, llvm::StringRef sentence) {
  return std::any_of(dump.quirks.begin(), dump.quirks.end(),
                     [&](const std::string &q) { return sentence == q; });
}

inline Absence absenceAt(const Dump &dump, uint64_t at) {
  uint8_t byte;
  auto absent = dump.memory->tryRead(PhysAddr(at), byte);
  EXPECT_TRUE(absent) << "the byte at " << hex(at) << " is there";
  return absent ? absent->absence : Absence();
}

} // namespace vmpt::testing
