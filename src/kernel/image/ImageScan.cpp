#include "kernel/image/ImageScan.h"

#include <cstring>

namespace vmpt {

namespace {

/// Calls \p visit(virtual address, bytes) for every present piece of the runs
/// until it returns false. A piece takes \p overlap bytes of the next one with
/// it, so that what crosses their border is seen (once or twice).
template <class Visit>
void forEachPiece(const AddressSpace &memory, llvm::ArrayRef<MappedRun> runs,
                  uint64_t overlap, Visit visit) {
  const PhysicalMemory &physical = memory.physical().forScanning();
  constexpr uint64_t pageBytes = 4096, pieceBytes = 256 * 1024;
  std::vector<uint8_t> copy;
  // A copy of [at, at + size), or null if any of it is absent.
  auto tryCopy = [&](PhysAddr at, uint64_t size) -> const uint8_t * {
    copy.resize(size);
    return physical.tryRead(at, copy) ? nullptr : copy.data();
  };
  for (const MappedRun &run : runs) {
    for (uint64_t done = 0, step = 0; done < run.size; done += step) {
      const PhysAddr at = run.physical + done;
      const uint64_t left = run.size - done;
      step = pieceBytes;
      uint64_t size = std::min(step + overlap, left);
      const uint8_t *bytes = physical.tryView(at, size);
      if (!bytes) { // not in one piece in the file: page by page
        step = pageBytes;
        size = std::min(step + overlap, left);
        bytes = tryCopy(at, size);
      }
      if (!bytes && size > step) { // the next page is absent
        size = step;
        bytes = tryCopy(at, size);
      }
      if (bytes &&
          !visit(run.start + done, llvm::ArrayRef<uint8_t>(bytes, size)))
        return;
    }
  }
}

/// May the word be among the \p count ones at \p from? Compares halves of 4
/// bytes: in a plain loop without a branch, which compilers turn into vector
/// instructions, of which every x86-64 has those for 4 bytes.
template <class Word>
bool mayContainWord(const uint8_t *from, size_t count, Word wanted) {
  const uint32_t half = uint32_t(wanted);
  uint32_t found = 0;
  for (size_t i = 0; i < count * (sizeof(Word) / 4); ++i) {
    uint32_t value;
    std::memcpy(&value, from + i * 4, sizeof value);
    found |= uint32_t(value == half);
  }
  return found;
}

/// False if \p visit ended the search.
template <class Word>
bool visitWords(VirtAddr at, llvm::ArrayRef<uint8_t> piece, Word wanted,
                llvm::function_ref<bool(VirtAddr)> visit) {
  constexpr size_t blockWords = 512;
  // Aligned in virtual memory; in the file it may stand anywhere.
  uint64_t from = alignUp(at.value, sizeof(Word)) - at.value;
  while (from + sizeof(Word) <= piece.size()) {
    size_t count =
        std::min<size_t>(blockWords, (piece.size() - from) / sizeof(Word));
    const uint8_t *block = piece.data() + from;
    if (mayContainWord<Word>(block, count, wanted))
      for (size_t i = 0; i < count; ++i)
        if (loadUnaligned<Word>(block + i * sizeof(Word), ByteOrder::little) ==
                wanted &&
            !visit(at + (from + i * sizeof(Word))))
          return false;
    from += count * sizeof(Word);
  }
  return true;
}

} // namespace

std::vector<VirtAddr> findBytes(const AddressSpace &memory,
                                llvm::ArrayRef<MappedRun> runs,
                                llvm::StringRef bytes, size_t limit) {
  std::vector<VirtAddr> found;
  forEachPiece(memory, runs, bytes.size() - 1,
               [&](VirtAddr at, llvm::ArrayRef<uint8_t> piece) {
                 const uint8_t *from = piece.begin();
                 while (from < piece.end() && found.size() < limit) {
                   const void *hit = ::memmem(from, size_t(piece.end() - from),
                                              bytes.data(), bytes.size());
                   if (!hit)
                     break;
                   from = static_cast<const uint8_t *>(hit);
                   VirtAddr where = at + uint64_t(from - piece.begin());
                   if (found.empty() || found.back() < where)
                     found.push_back(where);
                   ++from;
                 }
                 return found.size() < limit;
               });
  return found;
}

bool hasString(const AddressSpace &memory, llvm::ArrayRef<MappedRun> runs,
               llvm::StringRef text) {
  const std::vector<VirtAddr> found =
      findBytes(memory, runs, text.str() + '\0', /*limit=*/1);
  if (found.empty())
    return false;
  llvm::Expected<std::string> again =
      memory.readString(found.front(), text.size() + 1);
  const bool isThere = bool(again);
  llvm::consumeError(again.takeError());
  return isThere;
}

void findWords(const AddressSpace &memory, llvm::ArrayRef<MappedRun> runs,
               uint64_t word, unsigned wordBytes,
               llvm::function_ref<bool(VirtAddr)> visit) {
  std::optional<VirtAddr> last;
  // What crosses the border of two pieces may be met twice.
  auto visitOnce = [&](VirtAddr at) {
    if (last && at <= *last)
      return true;
    last = at;
    return visit(at);
  };
  if (memory.order() != ByteOrder::little)
    word = wordBytes == 8 ? byteSwap(word) : byteSwap(uint32_t(word));
  forEachPiece(memory, runs, wordBytes - 1,
               [&](VirtAddr at, llvm::ArrayRef<uint8_t> piece) {
                 if (wordBytes == 8)
                   return visitWords<uint64_t>(at, piece, word, visitOnce);
                 return visitWords<uint32_t>(at, piece, uint32_t(word),
                                             visitOnce);
               });
}

void findEmptyLists(const AddressSpace &memory, llvm::ArrayRef<MappedRun> runs,
                    unsigned wordBytes,
                    llvm::function_ref<bool(VirtAddr)> visit) {
  auto wordAt = [&](const uint8_t *at) {
    return wordBytes == 8 ? loadUnaligned<uint64_t>(at, memory.order())
                          : loadUnaligned<uint32_t>(at, memory.order());
  };
  std::optional<VirtAddr> last;
  forEachPiece(memory, runs, 2 * wordBytes - 1,
               [&](VirtAddr start, llvm::ArrayRef<uint8_t> piece) {
                 uint64_t from = alignUp(start.value, wordBytes) - start.value;
                 for (; fits(from, 2 * wordBytes, piece.size());
                      from += wordBytes) {
                   const VirtAddr at = start + from;
                   if (wordAt(piece.data() + from) != at.value ||
                       wordAt(piece.data() + from + wordBytes) != at.value ||
                       (last && at <= *last))
                     continue;
                   last = at;
                   if (!visit(at))
                     return false;
                 }
                 return true;
               });
}

} // namespace vmpt
