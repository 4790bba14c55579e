#include "dump/formats/QemuMemory.h"

#include "dump/storage/FileFaults.h"
#include "dump/storage/MappedBytes.h"
#include "support/Bits.h"

#include <algorithm>

namespace vmpt {

namespace {

auto lowerBound(const std::vector<QemuBlock::Page> &pages, uint64_t number) {
  return std::lower_bound(
      pages.begin(), pages.end(), number,
      [](const QemuBlock::Page &page, uint64_t n) { return page.number < n; });
}

} // namespace

void QemuMemory::addRange(PhysAddr start, uint64_t size,
                          std::optional<Absence> absence) {
  if (size == 0)
    return;
  appendRange(ranges_, {start, size, absence});
}

void QemuMemory::addPiece(PhysAddr start, size_t index, uint64_t offset,
                          uint64_t size) {
  const QemuBlock &block = stream_.blocks[index];
  pieces_.push_back({start, size, &block, offset});
  const uint64_t end = offset + size;
  auto toPhys = [&](uint64_t at) { return start + (at - offset); };
  auto within = [&](uint64_t at) { return std::clamp(at, offset, end); };
  if (block.mapped) {
    // Behind the cut nothing is said page by page, see findPage.
    uint64_t cut =
        within(alignDown(block.mapped->pages.size(), stream_.pageSize()));
    if (block.mapped->pages.size() == block.length)
      cut = end;
    addRange(start, cut - offset, std::nullopt);
    addRange(toPhys(cut), end - cut, Absence::Truncated);
    return;
  }
  uint64_t done = offset;
  for (auto page = lowerBound(block.pages, offset >> stream_.pageBits);
       page != block.pages.end() && done < end; ++page) {
    uint64_t first = within(page->number << stream_.pageBits);
    uint64_t next = within((page->number + 1) << stream_.pageBits);
    addRange(toPhys(done), first - done, unsent());
    addRange(toPhys(first), next - first, std::nullopt);
    done = next;
  }
  addRange(toPhys(done), end - done, unsent());
}

QemuMemory::Found QemuMemory::findPage(const QemuBlock &block,
                                       uint64_t number) const {
  const uint64_t pageSize = stream_.pageSize();
  if (!block.mapped) {
    auto page = lowerBound(block.pages, number);
    if (page == block.pages.end() || page->number != number)
      return {unsent(), nullptr, pageSize};
    return {std::nullopt, page->data, pageSize};
  }
  const auto &[bitmap, pages] = *block.mapped;
  uint64_t offset = number * pageSize;
  if (pages.size() != block.length && !fits(offset, pageSize, pages.size()))
    return {Absence::Truncated, nullptr, pageSize};
  bool stored = bitmap.data()[number / 8] >> (number % 8) & 1;
  return {std::nullopt, stored ? pages.data() + offset : nullptr, pageSize};
}

QemuMemory::Found QemuMemory::find(PhysAddr at) const {
  auto after = std::upper_bound(
      pieces_.begin(), pieces_.end(), at,
      [](PhysAddr address, const Piece &p) { return address < p.start; });
  if (after == pieces_.begin() ||
      at - std::prev(after)->start >= std::prev(after)->size)
    return {Absence::OutsideRam};
  const Piece &piece = *std::prev(after);
  uint64_t inPiece = at - piece.start;
  uint64_t inBlock = piece.offset + inPiece;
  uint64_t inPage = inBlock & (stream_.pageSize() - 1);
  Found found = findPage(*piece.block, inBlock >> stream_.pageBits);
  if (found.data)
    found.data += inPage;
  found.size = std::min(found.size - inPage, piece.size - inPiece);
  return found;
}

std::optional<AbsentByte>
QemuMemory::tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const {
  while (!out.empty()) {
    Found found = find(at);
    if (found.absence)
      return AbsentByte{at, *found.absence};
    uint64_t count = std::min<uint64_t>(out.size(), found.size);
    if (found.data) {
      std::memcpy(out.data(), found.data, count);
      if (wasLost(found.data, count))
        return AbsentByte{at, Absence::Truncated};
    } else
      std::memset(out.data(), 0, count);
    out = out.drop_front(count);
    at += count;
  }
  return std::nullopt;
}

uint64_t QemuMemory::knownZeroBytes() const {
  uint64_t bytes = 0;
  for (const MemoryRange &range : ranges_)
    for (uint64_t done = 0; !range.absence && done < range.size;) {
      Found found = find(range.start + done);
      uint64_t count = std::min(found.size, range.size - done);
      if (count == 0)
        return bytes; // not what addPiece() was promised
      if (!found.data)
        bytes += count;
      done += count;
    }
  return bytes;
}

void QemuMemory::forget(PhysAddr at, uint64_t size) const {
  // Pages were sent in any order.
  for (uint64_t done = 0; done < size;) {
    const Found found = find(at + done);
    if (found.absence || !found.size)
      return;
    if (found.data)
      forgetMapped(found.data, std::min(found.size, size - done));
    done += found.size;
  }
}

const uint8_t *QemuMemory::tryView(PhysAddr at, uint64_t size) const {
  Found found = find(at);
  if (found.absence || !found.data || size > found.size ||
      isLost(found.data, size))
    return nullptr;
  return found.data;
}

} // namespace vmpt
