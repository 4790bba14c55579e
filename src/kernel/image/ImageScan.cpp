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

/// Is the word among the \p count ones at \p from? A plain loop without a
/// branch, which compilers turn into vector instructions.
template <class Word>
bool containsWord(const uint8_t *from, size_t count, Word wanted) {
  Word found = 0;
  for (size_t i = 0; i < count; ++i) {
    Word word;
    std::memcpy(&word, from + i * sizeof(Word), sizeof word);
    found |= Word(word == wanted);
  }
  return found;
}

template <class Word>
bool collectWords(VirtAddr at, llvm::ArrayRef<uint8_t> piece, Word wanted,
                  size_t limit, std::vector<VirtAddr> &found) {
  constexpr size_t blockWords = 512;
  // Aligned in virtual memory; in the file it may stand anywhere.
  uint64_t from = alignUp(at.value, sizeof(Word)) - at.value;
  while (from + sizeof(Word) <= piece.size() && found.size() < limit) {
    size_t count =
        std::min<size_t>(blockWords, (piece.size() - from) / sizeof(Word));
    const uint8_t *block = piece.data() + from;
    if (containsWord<Word>(block, count, wanted))
      for (size_t i = 0; i < count && found.size() < limit; ++i) {
        VirtAddr where = at + (from + i * sizeof(Word));
        if (containsWord<Word>(block + i * sizeof(Word), 1, wanted) &&
            (found.empty() || found.back() < where))
          found.push_back(where);
      }
    from += count * sizeof(Word);
  }
  return found.size() < limit;
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

std::vector<VirtAddr> findWords(const AddressSpace &memory,
                                llvm::ArrayRef<MappedRun> runs, uint64_t word,
                                unsigned wordBytes, size_t limit) {
  std::vector<VirtAddr> found;
  forEachPiece(memory, runs, wordBytes - 1,
               [&](VirtAddr at, llvm::ArrayRef<uint8_t> piece) {
                 if (wordBytes == 8)
                   return collectWords<uint64_t>(at, piece, word, limit, found);
                 return collectWords<uint32_t>(at, piece, uint32_t(word), limit,
                                               found);
               });
  return found;
}

} // namespace vmpt
