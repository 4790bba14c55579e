#include "dump/formats/KdumpMemory.h"

#include "dump/storage/MappedBytes.h"

#include "llvm/ADT/STLExtras.h"

#include <array>

namespace vmpt {

namespace {

constexpr uint64_t cacheBudgetBytes = 64 << 20;

enum class Purpose { Decoded, Gathered, Compared };

/// One page's worth of memory per thread and purpose, grown as needed.
template <Purpose> llvm::MutableArrayRef<uint8_t> scratch(size_t size) {
  static thread_local std::vector<uint8_t> buffer;
  if (buffer.size() < size)
    buffer.resize(size);
  return {buffer.data(), size};
}

/// What a page of zeros was last compressed to. Dumps that leave none out have
/// thousands of them, and a decoder makes its tables anew for each.
class ZeroForm {
public:
  bool is(PageCompression compression, llvm::ArrayRef<uint8_t> in,
          uint64_t blockSize) const {
    return in.size() == size_ && blockSize == blockSize_ &&
           compression == compression_ &&
           std::memcmp(bytes_.data(), in.data(), size_) == 0;
  }
  static bool mayBe(llvm::ArrayRef<uint8_t> in) { return in.size() <= maxSize; }
  void learn(PageCompression compression, llvm::ArrayRef<uint8_t> in,
             uint64_t blockSize) {
    size_ = in.size();
    blockSize_ = blockSize;
    compression_ = compression;
    llvm::copy(in, bytes_.begin());
  }

private:
  static constexpr size_t maxSize = 256; // snappy needs 3 of each 64
  size_t size_ = 0;
  uint64_t blockSize_ = 0;
  PageCompression compression_ = PageCompression::None;
  std::array<uint8_t, maxSize> bytes_;
};

/// The page that this thread read last: tables and structs are read in small
/// pieces, one after the other.
struct LastPage {
  uint64_t owner = 0; ///< KdumpMemory::id_; none has 0.
  uint64_t pfn = 0;
  const uint8_t *bytes = nullptr; ///< In the file, or decoded.
};
thread_local LastPage lastPage;

uint64_t makeId() {
  static std::atomic<uint64_t> last = 0;
  return ++last;
}

} // namespace

KdumpMemory::KdumpMemory(const KdumpHeader &header,
                         std::vector<KdumpPart> parts,
                         const KdumpBitmaps &bitmaps, RankDirectory dumped,
                         std::vector<std::unique_ptr<FileImage>> files,
                         Buffers buffers)
    : id_(makeId()), order_(header.order),
      blockShift_(unsigned(std::countr_zero(header.blockSize))),
      maxMapnr_(header.maxMapnr), descriptorOffset_(header.descriptorOffset()),
      mayExcludeZeroPages_(header.dumpLevel.value_or(1) & 1),
      files_(std::move(files)), buffers_(std::move(buffers)),
      ramBitmap_(bitmaps.ram.array()), ramParts_(bitmaps.ramParts),
      dumped_(std::move(dumped)),
      cache_(header.blockSize,
             std::min(cacheBudgetBytes,
                      dumped_.total() * uint64_t(header.blockSize)),
             header.maxMapnr) {
  for (const KdumpPart &part : parts) {
    parts_.push_back({part, dumped_.rank(part.startPfn), 0});
    parts_.back().zeroPageOffset = findZeroPage(parts_.back());
  }
}

/// makedumpfile and QEMU write a page of zeros first, right behind the
/// descriptors, and let all pages of zeros share it.
uint64_t KdumpMemory::findZeroPage(const Part &part) const {
  uint64_t offset =
      descriptorOffset_ + dumped_.total() * KdumpHeader::descriptorSize;
  auto page = scratch<Purpose::Compared>(uint64_t(1) << blockShift_);
  bool found = part.file && part.file->tryRead(offset, page) && isZero(page);
  return found ? offset : 0;
}

const KdumpMemory::Part &KdumpMemory::partOf(uint64_t pfn) const {
  auto after = std::upper_bound(
      parts_.begin(), parts_.end(), pfn,
      [](uint64_t frame, const Part &part) { return frame < part.endPfn; });
  return *after; // The parts reach to max_mapnr.
}

KdumpMemory::Page KdumpMemory::locate(uint64_t pfn) const {
  Page page;
  auto absent = [&](Absence absence) {
    page.absence = absence;
    return page;
  };
  if (pfn >= maxMapnr_)
    return absent(Absence::OutsideRam);
  if (!dumped_.test(pfn))
    return absent(isRam(pfn) ? Absence::Excluded : Absence::OutsideRam);
  page.part = &partOf(pfn);
  std::array<uint8_t, KdumpHeader::descriptorSize> raw;
  uint64_t index = dumped_.rank(pfn) - page.part->firstIndex;
  if (!page.part->file ||
      !page.part->file->tryRead(
          descriptorOffset_ + index * KdumpHeader::descriptorSize, raw))
    return absent(Absence::Truncated);

  // struct page_desc: offset, size, flags, page_flags (always 0).
  Bytes descriptor(raw, order_);
  page.offset = descriptor.at<uint64_t>(0);
  page.size = descriptor.at<uint32_t>(8);
  auto compression = parseCompression(descriptor.at<uint32_t>(12));
  // A descriptor that was never written: the disk was full.
  if (page.offset == 0)
    return absent(Absence::Truncated);
  const uint64_t blockSize = uint64_t(1) << blockShift_;
  if (!compression || page.size == 0 || page.size > blockSize ||
      (*compression == PageCompression::None && page.size != blockSize) ||
      page.offset < descriptorOffset_)
    return absent(Absence::Corrupt);
  page.compression = *compression;
  if (!page.part->file->has(page.offset, page.size))
    return absent(Absence::Truncated);
  return page;
}

/// Into memory of this thread, which the next call overwrites; empty if the
/// page cannot be decoded.
llvm::ArrayRef<uint8_t> KdumpMemory::decompress(const Page &page) const {
  lastPage = {};
  const uint64_t blockSize = uint64_t(1) << blockShift_;
  auto out = scratch<Purpose::Decoded>(blockSize + spareOutput);
  llvm::ArrayRef<uint8_t> in;
  FileImage::Piece piece = page.part->file->pieceAt(page.offset);
  if (piece.kind == FileImage::Kind::Data && piece.size >= page.size) {
    in = {piece.data, std::min<uint64_t>(piece.size, page.size + spareInput)};
  } else {
    auto gathered = scratch<Purpose::Gathered>(page.size);
    if (!page.part->file->tryRead(page.offset, gathered))
      return {};
    in = gathered;
  }
  const auto compressed = in.take_front(page.size);
  const auto whole = out.take_front(blockSize);
  static thread_local ZeroForm zeros;
  if (zeros.is(page.compression, compressed, blockSize))
    std::memset(whole.data(), 0, blockSize);
  else if (!decompressPage(page.compression, in, page.size, out, blockSize))
    return {};
  else if (ZeroForm::mayBe(compressed) && isZero(whole))
    zeros.learn(page.compression, compressed, blockSize);
  return whole;
}

std::optional<Absence>
KdumpMemory::readWithinPage(uint64_t pfn, uint64_t offset,
                            llvm::MutableArrayRef<uint8_t> out) const {
  if (pfn >= maxMapnr_)
    return Absence::OutsideRam;
  const bool isAgain = cache_.noteUse(pfn);
  if (isAgain && cache_.tryCopy(pfn, offset, out))
    return std::nullopt;
  Page page = locate(pfn);
  if (page.absence)
    return page.absence;
  if (page.isRaw()) {
    if (const uint8_t *view =
            page.part->file->tryView(page.offset, page.size)) {
      if (isLost(view, page.size))
        return Absence::Truncated;
      lastPage = {id_, pfn, view};
      std::memcpy(out.data(), view + offset, out.size());
      return std::nullopt;
    }
    if (!page.part->file->tryRead(page.offset + offset, out))
      return Absence::Truncated;
    return std::nullopt;
  }
  decoded_.fetch_add(1, std::memory_order_relaxed);
  decodedAgain_.fetch_add(isAgain, std::memory_order_relaxed);
  llvm::ArrayRef<uint8_t> whole = decompress(page);
  if (page.part->file->wasLost(page.offset, page.size))
    return Absence::Truncated;
  if (whole.empty())
    return Absence::Corrupt;
  lastPage = {id_, pfn, whole.data()};
  std::memcpy(out.data(), whole.data() + offset, out.size());
  // Most pages that are read whole are read once: a search, a copy. To keep
  // them would cost a tenth of their decompression.
  if (isAgain || out.size() != whole.size())
    cache_.insert(pfn, whole);
  return std::nullopt;
}

std::optional<AbsentByte>
KdumpMemory::tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const {
  const uint64_t blockSize = uint64_t(1) << blockShift_;
  while (!out.empty()) {
    const uint64_t pfn = at.value >> blockShift_;
    const uint64_t offset = at.value & (blockSize - 1);
    auto part = out.take_front(std::min(out.size(), blockSize - offset));
    if (lastPage.owner == id_ && lastPage.pfn == pfn)
      std::memcpy(part.data(), lastPage.bytes + offset, part.size());
    else if (auto absence = readWithinPage(pfn, offset, part))
      return AbsentByte{at, *absence};
    out = out.drop_front(part.size());
    at += part.size();
  }
  return std::nullopt;
}

const uint8_t *KdumpMemory::tryView(PhysAddr at, uint64_t size) const {
  const uint64_t blockSize = uint64_t(1) << blockShift_;
  uint64_t offset = at.value & (blockSize - 1);
  if (!fits(offset, size, blockSize))
    return nullptr;
  Page page = locate(at.value >> blockShift_);
  if (page.absence || !page.isRaw())
    return nullptr;
  const uint8_t *view = page.part->file->tryView(page.offset + offset, size);
  return view && isLost(view, size) ? nullptr : view;
}

bool KdumpMemory::isQuickToRead() const {
  for (const MemoryRange &range : ranges())
    if (!range.absence) {
      const Page page = locate(range.start.value >> blockShift_);
      return !page.absence && page.isRaw();
    }
  return true;
}

llvm::ArrayRef<MemoryRange> KdumpMemory::ranges() const {
  std::call_once(looked_, [this] { lookAtDescriptors(); });
  return ranges_;
}

uint64_t KdumpMemory::knownZeroBytes() const {
  std::call_once(looked_, [this] { lookAtDescriptors(); });
  return zeroBytes_;
}

uint64_t KdumpMemory::truncatedBytes() const {
  return findTruncatedTail() ? PhysicalMemory::truncatedBytes() : 0;
}

/// At every one of them, so it waits until somebody asks. Frames that neither
/// bitmap has are passed over: their number is that of addresses, not of pages.
void KdumpMemory::lookAtDescriptors() const {
  const uint64_t blockSize = uint64_t(1) << blockShift_;
  const RankDirectory ram(ramBitmap_, ramParts_);
  auto nextKnown = [&](uint64_t pfn) {
    return std::min({ram.nextSet(pfn).value_or(maxMapnr_),
                     dumped_.nextSet(pfn).value_or(maxMapnr_), maxMapnr_});
  };
  uint64_t forgotten = 0;
  for (uint64_t pfn = nextKnown(0); pfn < maxMapnr_; pfn = nextKnown(pfn + 1)) {
    const Page page = locate(pfn);
    if (page.absence == Absence::OutsideRam)
      continue;
    if (isSharedZeroPage(page))
      zeroBytes_ += blockSize;
    appendRange(ranges_,
                {PhysAddr(pfn << blockShift_), blockSize, page.absence});
    constexpr uint64_t framesAtOnce = 1 << 20; // 24 MiB of descriptors
    if (pfn - forgotten >= framesAtOnce) {
      forgetDescriptors(forgotten, pfn);
      forgotten = pfn;
    }
  }
}

/// Of the dumped pages among these, as far as they are of one file.
void KdumpMemory::forgetDescriptors(uint64_t firstPfn, uint64_t endPfn) const {
  const Part &part = partOf(firstPfn);
  if (!part.file)
    return;
  const uint64_t first = dumped_.rank(firstPfn) - part.firstIndex;
  const uint64_t end =
      dumped_.rank(std::min(endPfn, part.endPfn)) - part.firstIndex;
  constexpr uint64_t size = KdumpHeader::descriptorSize;
  if (const uint8_t *view = part.file->tryView(descriptorOffset_ + first * size,
                                               (end - first) * size))
    forgetMapped(view, (end - first) * size);
}

/// Pages lie in the file in the order of their frames, more or less; those of
/// zeros in one place, which all keep.
void KdumpMemory::forget(PhysAddr at, uint64_t size) const {
  constexpr uint64_t farAway = 16 << 20;
  const uint64_t firstPfn = at.value >> blockShift_;
  if (firstPfn >= maxMapnr_)
    return;
  const uint64_t lastPfn =
      std::min((at.value + (size - 1)) >> blockShift_, maxMapnr_ - 1);
  const FileImage *file = nullptr;
  uint64_t first = 0, end = 0;
  auto flush = [&] {
    if (const uint8_t *view =
            file ? file->tryView(first, end - first) : nullptr)
      forgetMapped(view, end - first);
    file = nullptr;
  };
  for (std::optional<uint64_t> pfn = dumped_.nextSet(firstPfn);
       pfn && *pfn <= lastPfn; pfn = dumped_.nextSet(*pfn + 1)) {
    const Page page = locate(*pfn);
    if (page.absence || isSharedZeroPage(page))
      continue;
    const uint64_t pageEnd = page.offset + page.size;
    if (file == page.part->file && page.offset + farAway > end &&
        pageEnd < first + farAway) {
      first = std::min(first, page.offset);
      end = std::max(end, pageEnd);
      continue;
    }
    flush();
    file = page.part->file;
    first = page.offset;
    end = pageEnd;
  }
  flush();
  forgetDescriptors(firstPfn, lastPfn + 1);
}

std::optional<PhysAddr> KdumpMemory::findTruncatedTail() const {
  constexpr uint64_t pagesToLookAt = 4096;
  std::optional<uint64_t> pfn = dumped_.previousSet(maxMapnr_);
  for (uint64_t looked = 0; pfn && looked < pagesToLookAt;
       ++looked, pfn = dumped_.previousSet(*pfn)) {
    Page page = locate(*pfn);
    if (page.absence == Absence::Truncated && page.part->file)
      return PhysAddr(*pfn << blockShift_);
    if (!page.absence && !isSharedZeroPage(page))
      return std::nullopt;
  }
  return std::nullopt;
}

} // namespace vmpt
