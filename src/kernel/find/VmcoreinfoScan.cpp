#include "kernel/find/VmcoreinfoScan.h"

#include "memory/ScanProgress.h"
#include "support/Bits.h"

#include <algorithm>
#include <cstring>

namespace vmpt {

namespace {

constexpr uint64_t pageBytes = 4096;
/// linux limits the text to a page; 64K pages exist.
constexpr uint64_t maxTextBytes = 64 * 1024;
constexpr size_t maxCandidates = 64;
constexpr llvm::StringLiteral textStart = "OSRELEASE=";
/// {namesz 11, descsz, type 0} and the padded name.
constexpr uint64_t noteHeaderBytes = 12 + 12;

std::optional<uint64_t> noteTextBytes(llvm::ArrayRef<uint8_t> page,
                                      ByteOrder order) {
  static constexpr char name[] = "VMCOREINFO\0"; // with both padding bytes
  if (loadUnaligned<uint32_t>(page.data(), order) != 11 ||
      loadUnaligned<uint32_t>(page.data() + 8, order) != 0 ||
      std::memcmp(page.data() + 12, name, 12) != 0)
    return std::nullopt;
  return std::min<uint64_t>(loadUnaligned<uint32_t>(page.data() + 4, order),
                            maxTextBytes);
}

/// As much text as is there: it may run into an absent page.
std::string readText(const PhysicalMemory &memory, PhysAddr at, uint64_t size) {
  std::string text;
  while (size) {
    uint64_t count = std::min(size, pageBytes - (at.value & (pageBytes - 1)));
    std::vector<uint8_t> piece(count);
    if (memory.tryRead(at, piece))
      break;
    text.append(piece.begin(), piece.end());
    if (llvm::StringRef(text).contains('\0'))
      break;
    at += count;
    size -= count;
  }
  return text;
}

/// Notes at any multiple of 4: before 4.13 (linux, "kexec: move vmcoreinfo out
/// of the kernel's .bss section") the note was an array among others.
std::vector<FoundVmcoreinfo>
scanForUnalignedNotes(const PhysicalMemory &memory) {
  static constexpr char wanted[] = "VMCOREINFO\0\0OSRELEASE=";
  constexpr uint64_t wantedBytes = sizeof wanted - 1, nameOffset = 12;
  constexpr uint64_t pieceBytes = 256 * 1024;
  const PhysicalMemory &scanned = memory.forScanning();
  std::vector<FoundVmcoreinfo> found;
  std::vector<uint8_t> piece;
  auto lookAt = [&](PhysAddr start) {
    for (const uint8_t *at = piece.data(), *end = at + piece.size();;) {
      at = static_cast<const uint8_t *>(
          ::memmem(at, size_t(end - at), wanted, wantedBytes));
      if (!at || found.size() >= maxCandidates)
        return;
      const uint64_t offset = uint64_t(at++ - piece.data());
      if (offset < nameOffset)
        continue;
      const PhysAddr note = start + (offset - nameOffset);
      for (ByteOrder order : {ByteOrder::little, ByteOrder::big})
        if (auto size = noteTextBytes(
                llvm::ArrayRef<uint8_t>(piece).drop_front(offset - nameOffset),
                order);
            size && note.value % 4 == 0)
          found.push_back({note, true,
                           Vmcoreinfo::parse(readText(
                               memory, note + noteHeaderBytes, *size))});
    }
  };
  for (const MemoryRange &range : scanned.ranges()) {
    if (range.absence)
      continue;
    // Pieces overlap by what the start of a note takes.
    constexpr uint64_t overlap = nameOffset + wantedBytes;
    for (uint64_t done = 0; done + overlap < range.size; done += pieceBytes) {
      piece.resize(std::min(pieceBytes + overlap, range.size - done));
      if (!scanned.tryRead(range.start + done, piece))
        lookAt(range.start + done);
    }
  }
  // A note on the border of two pieces is seen twice.
  found.erase(
      std::unique(found.begin(), found.end(),
                  [](auto &a, auto &b) { return a.address == b.address; }),
      found.end());
  return found;
}

} // namespace

std::vector<FoundVmcoreinfo>
scanPagesForVmcoreinfo(const PhysicalMemory &memory, Diagnostics &diagnostics) {
  const PhysicalMemory &scanned = memory.forScanning();
  ScanProgress progress(diagnostics, scanned, "looking for VMCOREINFO");
  std::vector<FoundVmcoreinfo> notes, texts;
  for (const MemoryRange &range : scanned.ranges()) {
    if (range.absence)
      continue;
    for (uint64_t at = alignUp(range.start.value, pageBytes);
         at - range.start.value < range.size &&
         notes.size() + texts.size() < maxCandidates;
         at += pageBytes) {
      progress.advance(pageBytes);
      uint8_t start[noteHeaderBytes + textStart.size()];
      if (scanned.tryRead(PhysAddr(at), start))
        continue;
      auto is = [&](size_t offset) {
        return std::memcmp(start + offset, textStart.data(),
                           textStart.size()) == 0;
      };
      // Both byte orders: a big-endian kernel's note is one, too.
      for (ByteOrder order : {ByteOrder::little, ByteOrder::big})
        if (auto size = noteTextBytes(start, order);
            size && is(noteHeaderBytes))
          notes.push_back(
              {PhysAddr(at), true,
               Vmcoreinfo::parse(
                   readText(memory, PhysAddr(at + noteHeaderBytes), *size))});
      if (is(0))
        texts.push_back(
            {PhysAddr(at), false,
             Vmcoreinfo::parse(readText(memory, PhysAddr(at), maxTextBytes))});
    }
  }
  for (FoundVmcoreinfo &text : texts)
    if (std::none_of(notes.begin(), notes.end(), [&](auto &note) {
          return note.info.text() == text.info.text();
        }))
      notes.push_back(std::move(text));
  return notes;
}

std::vector<FoundVmcoreinfo> scanForVmcoreinfo(const PhysicalMemory &memory,
                                               Diagnostics &diagnostics) {
  std::vector<FoundVmcoreinfo> found =
      scanPagesForVmcoreinfo(memory, diagnostics);
  return found.empty() ? scanForUnalignedNotes(memory) : found;
}

} // namespace vmpt
