//===- Patches.h - damaged kernel objects ---------------------------------===//
//
// A fuzzer that had to make up tasks from nothing would not get far. Here a
// test's builders make sound objects once, and each input is a list of patches,
// ten bytes each: which word (u16), and what it is then (u64). A value whose
// top byte is 0xfd is a pointer to the object area, at its low 20 bits.
//
#pragma once

#include "FuzzTarget.h"
#include "support/KernelObjects.h"

#include <memory>

namespace vmpt::testing {

class Patches {
public:
  /// Writes them into \p objects, whose first \p usedBytes are patched.
  Patches(KernelObjects &objects, uint64_t usedBytes, const uint8_t *data,
          size_t size)
      : objects_(objects) {
    constexpr size_t patchBytes = 10, maxPatches = 64;
    const uint64_t words = usedBytes / 8;
    for (size_t i = 0; i + patchBytes <= size && i < maxPatches * patchBytes;
         i += patchBytes) {
      const uint64_t word =
          loadUnaligned<uint16_t>(data + i, ByteOrder::little) % words;
      uint64_t value = loadUnaligned<uint64_t>(data + i + 2, ByteOrder::little);
      if (value >> 56 == pointerTag)
        value = start.value + (value & lowBits(20));
      put(start + word * 8, value);
    }
  }
  /// Puts back what was there.
  ~Patches() {
    while (!before_.empty()) {
      objects_.setWord(before_.back().first, before_.back().second);
      before_.pop_back();
    }
  }
  Patches(const Patches &) = delete;
  Patches &operator=(const Patches &) = delete;

  static constexpr VirtAddr start{0xffff888000000000};

private:
  static constexpr uint64_t pointerTag = 0xfd;

  void put(VirtAddr at, uint64_t value) {
    llvm::Expected<uint64_t> old = objects_.reader().word(at);
    if (!old)
      return llvm::consumeError(old.takeError());
    before_.push_back({at, *old});
    objects_.setWord(at, value);
  }

  KernelObjects &objects_;
  std::vector<std::pair<VirtAddr, uint64_t>> before_;
};

/// How much of the object area is in use.
inline uint64_t usedBytesOf(KernelObjects &objects) {
  return objects.allocate(8, 8) - Patches::start;
}

} // namespace vmpt::testing
