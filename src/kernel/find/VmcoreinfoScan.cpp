#include "kernel/find/VmcoreinfoScan.h"

#include "memory/MemoryScan.h"
#include "support/Bits.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

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

/// Where a text stands, and what is in front of it.
struct Place {
  PhysAddr at;
  uint64_t textOffset = 0; ///< From there; 0: no note.
  uint64_t textBytes = 0;  ///< At most.
};
using Places = llvm::SmallVector<Place, 0>;

FoundVmcoreinfo readAt(const PhysicalMemory &memory, const Place &place) {
  return {place.at, place.textOffset != 0,
          Vmcoreinfo::parse(
              readText(memory, place.at + place.textOffset, place.textBytes))};
}

void lookForNotes(PhysAddr start, llvm::ArrayRef<uint8_t> bytes,
                  Places &places) {
  static constexpr char wanted[] = "VMCOREINFO\0\0OSRELEASE=";
  constexpr uint64_t wantedBytes = sizeof wanted - 1, nameOffset = 12;
  for (const uint8_t *at = bytes.data(), *end = at + bytes.size();;) {
    at = static_cast<const uint8_t *>(
        ::memmem(at, size_t(end - at), wanted, wantedBytes));
    if (!at || places.size() >= maxCandidates)
      return;
    const uint64_t offset = uint64_t(at++ - bytes.data());
    if (offset < nameOffset)
      continue;
    const PhysAddr note = start + (offset - nameOffset);
    for (ByteOrder order : {ByteOrder::little, ByteOrder::big})
      if (auto size =
              noteTextBytes(bytes.drop_front(offset - nameOffset), order);
          size && note.value % 4 == 0)
        places.push_back({note, noteHeaderBytes, *size});
  }
}

/// Notes at any multiple of 4: before 4.13 (linux, "kexec: move vmcoreinfo out
/// of the kernel's .bss section") the note was an array among others.
std::vector<FoundVmcoreinfo>
scanForUnalignedNotes(const PhysicalMemory &memory, Diagnostics &diagnostics,
                      llvm::function_ref<bool(const Vmcoreinfo &)> isEnough) {
  const PhysicalMemory &scanned = memory.forScanning();
  std::vector<FoundVmcoreinfo> found;
  scanMemory<Places>(
      scanned, diagnostics, "looking for VMCOREINFO in all bytes",
      [&](const MemoryPiece &piece, Places &places) {
        // What crosses the border of two pieces is seen, once or twice.
        constexpr uint64_t overlap = 40;
        std::vector<uint8_t> bytes(piece.size + overlap);
        const llvm::MutableArrayRef<uint8_t> all(bytes);
        for (const auto part : {all, all.take_front(piece.size)})
          if (!scanned.tryRead(piece.start, part))
            return lookForNotes(piece.start, part, places);
        bytes.resize(pageBytes);
        for (uint64_t done = 0, step = 0; done < piece.size; done += step) {
          const PhysAddr at = piece.start + done;
          step = std::min(piece.size - done,
                          pageBytes - (at.value & (pageBytes - 1)));
          const auto page =
              llvm::MutableArrayRef<uint8_t>(bytes).take_front(step);
          if (!scanned.tryRead(at, page))
            lookForNotes(at, page, places);
        }
      },
      [&](const Places &places) {
        for (const Place &place : places) {
          if (found.size() >= maxCandidates)
            return false;
          if (!found.empty() && found.back().address == place.at)
            continue;
          found.push_back(readAt(memory, place));
          if (isEnough(found.back().info))
            return false;
        }
        return true;
      });
  return found;
}

/// What stands at the start of the pages of \p piece.
void lookAtPages(const PhysicalMemory &memory, const MemoryPiece &piece,
                 Places &places) {
  for (uint64_t at = alignUp(piece.start.value, pageBytes);
       at - piece.start.value < piece.size && places.size() < maxCandidates;
       at += pageBytes) {
    uint8_t start[noteHeaderBytes + textStart.size()];
    if (memory.tryRead(PhysAddr(at), start))
      continue;
    auto is = [&](size_t offset) {
      return std::memcmp(start + offset, textStart.data(), textStart.size()) ==
             0;
    };
    // Both byte orders: a big-endian kernel's note is one, too.
    for (ByteOrder order : {ByteOrder::little, ByteOrder::big})
      if (auto size = noteTextBytes(start, order); size && is(noteHeaderBytes))
        places.push_back({PhysAddr(at), noteHeaderBytes, *size});
    if (is(0))
      places.push_back({PhysAddr(at), 0, maxTextBytes});
  }
}

} // namespace

std::optional<FoundVmcoreinfo> readVmcoreinfoNote(const PhysicalMemory &memory,
                                                  PhysAddr at) {
  uint8_t start[noteHeaderBytes + textStart.size()];
  if (memory.tryRead(at, start) ||
      std::memcmp(start + noteHeaderBytes, textStart.data(),
                  textStart.size()) != 0)
    return std::nullopt;
  for (ByteOrder order : {ByteOrder::little, ByteOrder::big})
    if (auto size = noteTextBytes(start, order))
      return FoundVmcoreinfo{
          at, true,
          Vmcoreinfo::parse(readText(memory, at + noteHeaderBytes, *size))};
  return std::nullopt;
}

std::vector<FoundVmcoreinfo>
scanPagesForVmcoreinfo(const PhysicalMemory &memory, Diagnostics &diagnostics,
                       llvm::function_ref<bool(const Vmcoreinfo &)> isEnough) {
  const PhysicalMemory &scanned = memory.forScanning();
  std::vector<FoundVmcoreinfo> notes, texts;
  scanMemory<Places>(
      scanned, diagnostics, "looking for VMCOREINFO",
      [&](const MemoryPiece &piece, Places &places) {
        lookAtPages(scanned, piece, places);
      },
      [&](const Places &places) {
        for (const Place &place : places) {
          if (notes.size() + texts.size() >= maxCandidates)
            return false;
          FoundVmcoreinfo found = readAt(memory, place);
          const bool isLast = found.isNote && isEnough(found.info);
          (found.isNote ? notes : texts).push_back(std::move(found));
          if (isLast)
            return false;
        }
        return true;
      });
  for (FoundVmcoreinfo &text : texts)
    if (std::none_of(notes.begin(), notes.end(), [&](auto &note) {
          return note.info.text() == text.info.text();
        }))
      notes.push_back(std::move(text));
  return notes;
}

std::vector<FoundVmcoreinfo>
scanForVmcoreinfo(const PhysicalMemory &memory, Diagnostics &diagnostics,
                  llvm::function_ref<bool(const Vmcoreinfo &)> isEnough) {
  std::vector<FoundVmcoreinfo> found =
      scanPagesForVmcoreinfo(memory, diagnostics, isEnough);
  return found.empty() ? scanForUnalignedNotes(memory, diagnostics, isEnough)
                       : found;
}

} // namespace vmpt
