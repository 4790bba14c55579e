#include "dump/formats/KdumpBitmaps.h"

#include "dump/storage/Decompress.h"
#include "support/Bits.h"

#include <algorithm>
#include <array>

namespace vmpt {

namespace {

/// struct page_desc of makedumpfile 1.7.2 diskdump_mod.h.
struct Descriptor {
  uint64_t offset = 0;
  uint32_t size = 0;
};

/// Descriptor \p index, if its fields are those of a page whose data lies at
/// \p lowest or behind.
std::optional<Descriptor> readSound(const FileImage &file,
                                    const KdumpHeader &header, uint64_t index,
                                    uint64_t lowest) {
  std::array<uint8_t, KdumpHeader::descriptorSize> raw;
  if (!file.tryRead(header.descriptorOffset() + index * raw.size(), raw))
    return std::nullopt;
  Bytes bytes(raw, header.order);
  Descriptor descriptor{bytes.at<uint64_t>(0), bytes.at<uint32_t>(8)};
  const uint64_t unused = bytes.at<uint64_t>(16);
  if (descriptor.offset < lowest || descriptor.offset >= file.size() ||
      descriptor.size == 0 || descriptor.size > header.blockSize ||
      !parseCompression(bytes.at<uint32_t>(12)) || unused != 0)
    return std::nullopt;
  return descriptor;
}

/// Where the data of the first pages begins: the lowest offset of the first
/// descriptors behind whose data that of another page stands. A descriptor
/// that is damaged has no such neighbour.
std::optional<uint64_t> findFirstData(const FileImage &file,
                                      const KdumpHeader &header,
                                      uint64_t claimed) {
  constexpr uint64_t looked = 64;
  std::vector<Descriptor> first;
  for (uint64_t i = 0; i < std::min(claimed, looked); ++i)
    if (auto descriptor = readSound(file, header, i, header.descriptorOffset()))
      first.push_back(*descriptor);
  std::optional<uint64_t> lowest;
  for (const Descriptor &page : first)
    if ((!lowest || page.offset < *lowest) &&
        llvm::any_of(first, [&](const Descriptor &other) {
          return other.offset == page.offset + page.size;
        }))
      lowest = page.offset;
  return lowest;
}

bool isZeroAt(const FileImage &file, uint64_t offset, uint64_t size) {
  std::vector<uint8_t> bytes(size);
  return file.tryRead(offset, bytes) && isZero(bytes);
}

/// Set bits of \p a that \p b lacks, by frame, at most \p limit of them.
std::vector<uint64_t> listMissing(Bytes a, Bytes b, uint64_t limit) {
  std::vector<uint64_t> frames;
  auto word = [](Bytes bytes, uint64_t at) {
    uint64_t value = 0;
    std::memcpy(&value, bytes.data() + at,
                std::min<uint64_t>(8, bytes.size() - at));
    return value;
  };
  for (uint64_t at = 0; at < a.size() && frames.size() < limit; at += 8) {
    uint64_t more = word(a, at) & ~word(b, at);
    for (unsigned byte = 0; more && byte < 8; ++byte, more >>= 8)
      for (unsigned bit = 0; bit < 8; ++bit)
        if (more >> bit & 1 && frames.size() < limit)
          frames.push_back((at + byte) * 8 + bit);
  }
  return frames;
}

/// "0x9f", "0x9f, 0xa0 and 3 more"
std::string listFrames(llvm::ArrayRef<uint64_t> frames) {
  std::string text;
  for (uint64_t frame : frames.take_front(4))
    text += (text.empty() ? "" : ", ") + hex(frame);
  if (frames.size() > 4)
    text += " and " + std::to_string(frames.size() - 4) + " more";
  return text;
}

/// The frames whose bits in the second bitmap must be wrong if there are
/// \p count descriptors; empty where the first bitmap does not single them out.
std::vector<uint64_t> findWrongBits(const KdumpBitmaps &bitmaps,
                                    uint64_t claimed, uint64_t count) {
  constexpr uint64_t limit = 4096;
  const auto surplus = listMissing(bitmaps.dumped, bitmaps.ram, limit);
  if (claimed > count)
    return surplus.size() == claimed - count ? surplus
                                             : std::vector<uint64_t>();
  const auto lacking = listMissing(bitmaps.ram, bitmaps.dumped, limit);
  return surplus.empty() && lacking.size() == count - claimed
             ? lacking
             : std::vector<uint64_t>();
}

llvm::Error disagree(const KdumpHeader &header, uint64_t claimed,
                     uint64_t count) {
  return llvm::make_error<FormatError>(
      "kdump bitmap of dumped pages has " + hex(claimed) +
          " bits set, but there are " + hex(count) +
          " page descriptors in front of the page data: the bitmap is damaged, "
          "and nothing tells at which page frame, so no page could be trusted; "
          "take the file from its source again",
      FileOffset(header.descriptorOffset()));
}

} // namespace

llvm::Expected<KdumpBitmaps> readKdumpBitmaps(const FileImage &file,
                                              const KdumpHeader &header,
                                              Buffers &buffers) {
  auto all = file.slice(header.bitmapOffset(), header.bitmapBytes(),
                        header.order, "kdump bitmaps", buffers);
  if (!all)
    return all.takeError();
  const bool two = header.hasTwoBitmaps();
  const uint64_t size = two ? header.bitmapBytes() / 2 : header.bitmapBytes();
  auto listParts = [&](uint64_t offset) {
    std::vector<RankDirectory::Part> parts;
    for (auto [first, last] :
         file.listData(header.bitmapOffset() + offset, size))
      parts.push_back({first, last});
    return parts;
  };
  const uint64_t second = two ? size : 0;
  return KdumpBitmaps{all->clip(0, size), all->clip(second, size), listParts(0),
                      listParts(second)};
}

/// makedumpfile and QEMU store one page of zeros first and then the pages by
/// frame, so that the first pages' data tells where all data begins. A writer
/// without that page, or one that aligns the data, is given the benefit: more
/// descriptors than are claimed are only those that look like some.
std::optional<uint64_t> countKdumpDescriptors(const FileImage &file,
                                              const KdumpHeader &header,
                                              uint64_t claimed) {
  constexpr uint64_t size = KdumpHeader::descriptorSize;
  const uint64_t start = header.descriptorOffset();
  const std::optional<uint64_t> data = findFirstData(file, header, claimed);
  if (!data)
    return std::nullopt;
  uint64_t room = *data - start;
  if (room % size != 0 && room >= header.blockSize &&
      isZeroAt(file, *data - header.blockSize, header.blockSize))
    room -= header.blockSize;
  const uint64_t count = room / size;
  if (count < claimed)
    return count;
  if (room % size != 0 || !readSound(file, header, claimed, *data))
    return claimed;
  return count;
}

llvm::Error checkKdumpBitmaps(const FileImage &file, const KdumpHeader &header,
                              KdumpBitmaps &bitmaps, RankDirectory &dumped,
                              Buffers &buffers,
                              std::vector<std::string> &warnings) {
  const uint64_t claimed = dumped.total();
  std::optional<uint64_t> count = countKdumpDescriptors(file, header, claimed);
  if (!count || *count == claimed)
    return llvm::Error::success();
  // A part of a split dump may have room for its own descriptors only.
  if (header.isSplit &&
      *count == dumped.rank(header.endPfn) - dumped.rank(header.startPfn))
    return llvm::Error::success();
  const std::vector<uint64_t> wrong = findWrongBits(bitmaps, claimed, *count);
  if (wrong.empty())
    return disagree(header, claimed, *count);
  auto mended = std::make_unique<std::vector<uint8_t>>(
      bitmaps.dumped.array().begin(), bitmaps.dumped.array().end());
  for (uint64_t frame : wrong)
    (*mended)[frame / 8] ^= uint8_t(1 << frame % 8);
  bitmaps.dumped = Bytes(*mended, header.order, bitmaps.dumped.origin());
  buffers.push_back(std::move(mended));
  dumped = RankDirectory(bitmaps.dumped.array());
  warnings.push_back("the kdump bitmap of dumped pages is damaged: it has " +
                     hex(claimed) + " bits set for " + hex(*count) +
                     " page descriptors; the bitmap of RAM shows which are "
                     "wrong (page frame " +
                     listFrames(wrong) + "), and they are read as mended");
  return llvm::Error::success();
}

} // namespace vmpt
