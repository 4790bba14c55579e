#include "kernel/ImageScan.h"

#include <cstring>

namespace vmpt {

namespace {

/// Calls \p visit(virtual address, bytes) for every present piece of the runs
/// until it returns false. Pieces overlap by \p overlap bytes, so that what
/// crosses their border is seen once.
template <class Visit>
void forEachPiece(const VirtualMemory &memory, llvm::ArrayRef<MappedRun> runs,
                  uint64_t overlap, Visit visit) {
  const PhysicalMemory &physical = memory.physical().forScanning();
  constexpr uint64_t pageBytes = 4096, pieceBytes = 256 * 1024;
  std::vector<uint8_t> copy;
  for (const MappedRun &run : runs) {
    for (uint64_t done = 0; done < run.size;) {
      uint64_t size = std::min(pieceBytes + overlap, run.size - done);
      const uint8_t *bytes = physical.tryView(run.physical + done, size);
      if (!bytes) { // not in one piece: page by page
        size = std::min(pageBytes + overlap, run.size - done);
        copy.resize(size);
        if (physical.tryRead(run.physical + done, copy)) {
          size = std::min(pageBytes, run.size - done);
          copy.resize(size);
          if (physical.tryRead(run.physical + done, copy)) {
            done += size;
            continue;
          }
        }
        bytes = copy.data();
      }
      if (!visit(run.start + done, llvm::ArrayRef<uint8_t>(bytes, size)))
        return;
      if (size <= overlap || run.size - done <= size)
        break;
      done += size - overlap;
    }
  }
}

template <class Word>
bool collectWords(VirtAddr at, llvm::ArrayRef<uint8_t> piece, Word wanted,
                  size_t limit, std::vector<VirtAddr> &found) {
  // Aligned in virtual memory; in the file it may stand anywhere.
  uint64_t from = alignUp(at.value, sizeof(Word)) - at.value;
  for (uint64_t i = from; i + sizeof(Word) <= piece.size(); i += sizeof(Word)) {
    Word word;
    std::memcpy(&word, piece.data() + i, sizeof word);
    if (word == wanted && found.size() < limit &&
        (found.empty() || found.back() < at + i))
      found.push_back(at + i);
  }
  return found.size() < limit;
}

} // namespace

std::vector<VirtAddr> findBytes(const VirtualMemory &memory,
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

std::vector<VirtAddr> findWords(const VirtualMemory &memory,
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
