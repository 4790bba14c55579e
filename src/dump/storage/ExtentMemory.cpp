#include "dump/storage/ExtentMemory.h"

#include "dump/storage/MappedBytes.h"

#include "llvm/ADT/STLExtras.h"

#include <algorithm>
#include <optional>
#include <tuple>

namespace vmpt {

void ExtentMemory::add(Extent extent) {
  if (extent.size == 0)
    return;
  // A piece that would run past the end of the address space is cut there.
  uint64_t room = ~extent.start.value;
  if (extent.size - 1 > room)
    extent.size = room + 1;
  if (extent.size)
    extents_.push_back(extent);
}

void ExtentMemory::addData(PhysAddr start, llvm::ArrayRef<uint8_t> data) {
  Extent extent(start, data.size(), Kind::Data);
  extent.data = data.data();
  add(extent);
}

void ExtentMemory::addImage(PhysAddr start, const FileImage &image,
                            uint64_t offset, uint64_t size) {
  for (uint64_t done = 0; done < size;) {
    const uint64_t rest = size - done;
    FileImage::Piece piece{FileImage::Kind::Missing, rest};
    if (offset < image.size() && done < image.size() - offset)
      piece = image.pieceAt(offset + done);
    const uint64_t count = std::min(piece.size, rest);
    switch (piece.kind) {
    case FileImage::Kind::Data:
      addData(start + done, {piece.data, count});
      break;
    case FileImage::Kind::Stored: {
      if (sources_.empty() || sources_.back() != &image.source())
        sources_.push_back(&image.source());
      Extent extent(start + done, count, Kind::Stored);
      extent.source = uint32_t(sources_.size() - 1);
      extent.offset = piece.sourceOffset;
      add(extent);
      break;
    }
    case FileImage::Kind::Zeros:
      addZeros(start + done, count);
      break;
    case FileImage::Kind::Missing:
      addAbsent(start + done, count, Absence::Truncated);
      break;
    }
    done += count;
  }
}

void ExtentMemory::addZeros(PhysAddr start, uint64_t size) {
  add(Extent(start, size, Kind::Zeros));
}

void ExtentMemory::addAbsent(PhysAddr start, uint64_t size, Absence absence) {
  Extent extent(start, size, Kind::Absent);
  extent.absence = absence;
  add(extent);
}

/// [first, last] of the extent.
ExtentMemory::Extent ExtentMemory::cut(const Extent &extent, PhysAddr first,
                                       PhysAddr last) {
  Extent piece = extent;
  piece.start = first;
  piece.size = last - first + 1;
  if (piece.kind == Kind::Data)
    piece.data += first - extent.start;
  else if (piece.kind == Kind::Stored)
    piece.offset += first - extent.start;
  return piece;
}

/// \p placed, and of \p extents what lies in its gaps. Both ascend; those of
/// \p extents may overlap, and the one before wins.
std::vector<ExtentMemory::Extent>
ExtentMemory::fillGaps(std::vector<Extent> placed,
                       llvm::ArrayRef<Extent> extents) {
  std::vector<Extent> merged;
  merged.reserve(placed.size() + extents.size());
  size_t next = 0; // of placed
  for (const Extent &extent : extents) {
    const PhysAddr last = extent.last();
    for (PhysAddr at = extent.start;;) {
      while (next < placed.size() && placed[next].last() < at)
        merged.push_back(placed[next++]);
      // What covers `at` is the next one, or the one before.
      std::optional<PhysAddr> covered;
      if (next < placed.size() && placed[next].start <= at)
        covered = placed[next].last();
      else if (!merged.empty() && merged.back().last() >= at)
        covered = merged.back().last();
      if (covered && *covered >= last)
        break;
      if (covered) {
        at = *covered + 1;
        continue;
      }
      const PhysAddr end =
          next < placed.size() ? std::min(last, placed[next].start - 1) : last;
      merged.push_back(cut(extent, at, end));
      if (end == last)
        break;
      at = end + 1;
    }
  }
  merged.insert(merged.end(), placed.begin() + ptrdiff_t(next), placed.end());
  return merged;
}

/// Where any two extents overlap, or do not ascend.
void ExtentMemory::settleOverlaps() {
  std::vector<Extent> wanted = std::move(extents_);
  auto isBefore = [](const Extent &a, const Extent &b) {
    return std::tie(a.kind, a.start) < std::tie(b.kind, b.start);
  };
  if (!llvm::is_sorted(wanted, isBefore))
    llvm::stable_sort(wanted, isBefore);
  extents_.clear();
  // A kind only fills what those before it left.
  for (llvm::ArrayRef<Extent> rest = wanted; !rest.empty();) {
    const auto kind = rest.take_while(
        [&](const Extent &extent) { return extent.kind == rest[0].kind; });
    extents_ = fillGaps(std::move(extents_), kind);
    rest = rest.drop_front(kind.size());
  }
}

void ExtentMemory::finish() {
  bool isSettled = true; // as most files have them
  for (size_t i = 1; i < extents_.size() && isSettled; ++i)
    isSettled = extents_[i - 1].last() < extents_[i].start;
  if (!isSettled)
    settleOverlaps();
  ranges_.clear();
  ranges_.reserve(extents_.size());
  for (const Extent &extent : extents_) {
    std::optional<Absence> absence;
    if (extent.kind == Kind::Absent)
      absence = extent.absence;
    appendRange(ranges_, {extent.start, extent.size, absence});
  }
}

const ExtentMemory::Extent *ExtentMemory::find(PhysAddr at) const {
  auto after = std::upper_bound(
      extents_.begin(), extents_.end(), at,
      [](PhysAddr address, const Extent &e) { return address < e.start; });
  if (after == extents_.begin() || std::prev(after)->last() < at)
    return nullptr;
  return &*std::prev(after);
}

/// False if the file has lost these bytes.
bool ExtentMemory::copyFrom(const Extent &extent, uint64_t skipped,
                            llvm::MutableArrayRef<uint8_t> out) const {
  if (extent.kind == Kind::Data) {
    std::memcpy(out.data(), extent.data + skipped, out.size());
    return !wasLost(extent.data + skipped, out.size());
  }
  if (extent.kind == Kind::Stored)
    return sources_[extent.source]->tryRead(extent.offset + skipped, out);
  std::memset(out.data(), 0, out.size());
  return true;
}

std::optional<AbsentByte>
ExtentMemory::tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const {
  while (!out.empty()) {
    const Extent *extent = find(at);
    if (!extent)
      return AbsentByte{at, Absence::OutsideRam};
    if (extent->kind == Kind::Absent)
      return AbsentByte{at, extent->absence};
    uint64_t skipped = at - extent->start;
    uint64_t count = std::min<uint64_t>(out.size(), extent->size - skipped);
    if (!copyFrom(*extent, skipped, out.take_front(count)))
      return AbsentByte{at, Absence::Truncated};
    out = out.drop_front(count);
    at += count;
  }
  return std::nullopt;
}

uint64_t ExtentMemory::knownZeroBytes() const {
  uint64_t bytes = 0;
  for (const Extent &extent : extents_)
    if (extent.kind == Kind::Zeros)
      bytes += extent.size;
  return bytes;
}

/// Small extents are not worth the question.
std::pair<uint64_t, uint64_t> ExtentMemory::storedIn(const Extent &extent,
                                                     uint64_t skipped) const {
  constexpr uint64_t worthAsking = 1 << 20;
  const uint64_t size = extent.size - skipped;
  if (extent.kind == Kind::Zeros)
    return {size, size};
  if (size < worthAsking || extent.kind == Kind::Absent)
    return {0, size};
  std::pair<uint64_t, uint64_t> part(0, size);
  uint64_t offset = 0;
  if (extent.kind == Kind::Stored) {
    offset = extent.offset + skipped;
    part = sources_[extent.source]->nextStored(offset, offset + size);
  } else if (auto place = findMappedPlace(extent.data + skipped)) {
    offset = place->offset;
    part = findStored(place->fd, offset, offset + size);
  }
  return {part.first - offset, part.second - offset};
}

MemoryRange ExtentMemory::nextStored(PhysAddr at, uint64_t size) const {
  const PhysAddr last = at + (size - 1);
  MemoryRange found{last, 0, std::nullopt};
  for (const Extent *extent = find(at);
       extent && extent != extents_.data() + extents_.size() &&
       extent->start <= last;
       ++extent) {
    const uint64_t skipped = at < extent->start ? 0 : at - extent->start;
    auto [from, to] = storedIn(*extent, skipped);
    if (!found.size && from == to)
      continue;
    const PhysAddr start = extent->start + skipped + from;
    if (found.size && (from == to || start != found.start + found.size))
      break;
    if (start > last)
      break;
    if (!found.size)
      found.start = start;
    found.size = start - found.start + std::min(to - from, last - start + 1);
    if (skipped + to != extent->size)
      break; // A hole follows.
  }
  return found;
}

void ExtentMemory::forget(PhysAddr at, uint64_t size) const {
  // Neighbours in the file go at once.
  const uint8_t *data = nullptr;
  uint64_t count = 0;
  for (const Extent *extent = find(at);
       extent && extent != extents_.data() + extents_.size() &&
       (extent->start < at || extent->start - at < size);
       ++extent) {
    if (extent->kind != Kind::Data)
      continue;
    const uint64_t skipped = at < extent->start ? 0 : at - extent->start;
    const uint64_t before = at < extent->start ? extent->start - at : 0;
    const uint64_t part = std::min(extent->size - skipped, size - before);
    if (count && data + count == extent->data + skipped) {
      count += part;
      continue;
    }
    forgetMapped(data, count);
    data = extent->data + skipped;
    count = part;
  }
  forgetMapped(data, count);
}

const uint8_t *ExtentMemory::findView(PhysAddr at, uint64_t size) const {
  const Extent *extent = find(at);
  if (!extent || extent->kind != Kind::Data ||
      extent->size - (at - extent->start) < size)
    return nullptr;
  return extent->data + (at - extent->start);
}

const uint8_t *ExtentMemory::tryView(PhysAddr at, uint64_t size) const {
  const uint8_t *view = findView(at, size);
  return view && !isLost(view, size) ? view : nullptr;
}

const void *ExtentMemory::tryPeek(PhysAddr at, uint64_t size) const {
  return findView(at, size);
}

} // namespace vmpt
