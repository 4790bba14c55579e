//===- MemoryImage.h - what a dump written by a test should contain -------===//
//
// A writer (DumpBuilder.h and its neighbours) turns a MemoryImage into a file;
// expectSameMemory reads the file back and compares every page and every
// reason for an absent one. A container that cannot express a state is given
// an image that `replaced` has rid of it.
//
#pragma once

#include "memory/PhysicalMemory.h"

#include "gtest/gtest.h"

#include <algorithm>
#include <map>
#include <random>
#include <vector>

namespace vmpt::testing {

enum class PageState : uint8_t {
  Data,     ///< In the file.
  Zero,     ///< All zeros; the container may have a short form for that.
  Excluded, ///< RAM that a filter left out.
  Lost,     ///< RAM that should be in the file, but is not.
};

/// Physical memory by page frame. A frame that is not in the map is outside
/// RAM.
struct MemoryImage {
  struct Page {
    PageState state = PageState::Data;
    std::vector<uint8_t> bytes; ///< pageSize bytes for Data, else empty.
  };
  /// Neighbouring frames.
  struct Run {
    uint64_t first = 0;
    uint64_t count = 0;
  };

  uint64_t pageSize = 4096;
  std::map<uint64_t, Page> pages;

  PhysAddr addressOf(uint64_t frame) const {
    return PhysAddr(frame * pageSize);
  }
  /// The frame behind the last one.
  uint64_t endFrame() const {
    return pages.empty() ? 0 : pages.rbegin()->first + 1;
  }
  uint64_t count(PageState state) const {
    return uint64_t(
        std::count_if(pages.begin(), pages.end(), [&](const auto &entry) {
          return entry.second.state == state;
        }));
  }

  /// The bytes of a page; zeros for all that is not Data.
  std::vector<uint8_t> bytesOf(uint64_t frame) const {
    auto found = pages.find(frame);
    if (found == pages.end() || found->second.state != PageState::Data)
      return std::vector<uint8_t>(pageSize, 0);
    return found->second.bytes;
  }

  /// Maximal runs of neighbouring frames; with \p splitStates also of one
  /// state each.
  std::vector<Run> runs(bool splitStates = false) const {
    std::vector<Run> result;
    const Page *before = nullptr;
    for (const auto &[frame, page] : pages) {
      bool joins = !result.empty() &&
                   frame == result.back().first + result.back().count &&
                   (!splitStates || before->state == page.state);
      if (joins)
        ++result.back().count;
      else
        result.push_back({frame, 1});
      before = &page;
    }
    return result;
  }

  /// The image with every page of state \p from turned into \p to.
  MemoryImage replaced(PageState from, PageState to) const {
    MemoryImage result = *this;
    for (auto &[frame, page] : result.pages)
      if (page.state == from)
        page.state = to, page.bytes.clear();
    return result;
  }
  /// The image with the pages of \p state outside RAM.
  MemoryImage without(PageState state) const {
    MemoryImage result = *this;
    std::erase_if(result.pages, [&](const auto &entry) {
      return entry.second.state == state;
    });
    return result;
  }

  /// Sets a page of data, zero-filled behind \p bytes.
  void setData(uint64_t frame, std::vector<uint8_t> bytes) {
    bytes.resize(pageSize);
    pages[frame] = {PageState::Data, std::move(bytes)};
  }
};

/// The share of each state in a random image, of 256.
struct StateShares {
  unsigned zero = 64;
  unsigned excluded = 48;
  unsigned lost = 0;
};

/// The same image for the same arguments on every machine. \p layout names
/// the frames that are RAM. Pages of data are of three kinds: noise (does not
/// shrink), repeating text, and nearly empty like a page table.
inline MemoryImage randomImage(uint32_t seed,
                               const std::vector<MemoryImage::Run> &layout,
                               uint64_t pageSize = 4096,
                               StateShares shares = {}) {
  std::mt19937_64 random(seed); // The engine is fixed by the standard.
  MemoryImage image;
  image.pageSize = pageSize;
  auto makeData = [&] {
    std::vector<uint8_t> bytes(pageSize);
    switch (random() % 3) {
    case 0:
      for (auto &byte : bytes)
        byte = uint8_t(random());
      break;
    case 1:
      for (size_t i = 0, period = 5 + random() % 60; i < bytes.size(); ++i)
        bytes[i] = uint8_t('a' + (i % period) % 26);
      bytes[random() % pageSize] = uint8_t(random()) | 1;
      break;
    default:
      for (unsigned i = 0; i < 8; ++i)
        bytes[random() % pageSize] = uint8_t(random()) | 1;
    }
    return bytes;
  };
  for (const MemoryImage::Run &run : layout)
    for (uint64_t i = 0; i < run.count; ++i) {
      unsigned draw = unsigned(random() % 256);
      PageState state = draw < shares.zero ? PageState::Zero
                        : draw < shares.zero + shares.excluded
                            ? PageState::Excluded
                        : draw < shares.zero + shares.excluded + shares.lost
                            ? PageState::Lost
                            : PageState::Data;
      image.pages[run.first + i] = {state, state == PageState::Data
                                               ? makeData()
                                               : std::vector<uint8_t>()};
    }
  return image;
}

/// Holes, a short run, a long one, a page far above.
inline MemoryImage smallImage(uint32_t seed, uint64_t pageSize = 4096,
                              StateShares shares = {}) {
  return randomImage(seed, {{1, 3}, {8, 40}, {64, 20}, {300, 1}}, pageSize,
                     shares);
}

inline std::optional<Absence> absenceOf(PageState state) {
  switch (state) {
  case PageState::Excluded:
    return Absence::Excluded;
  case PageState::Lost:
    return Absence::Truncated;
  default:
    return std::nullopt;
  }
}

/// What PhysicalMemory::ranges() should say of \p image.
inline std::vector<MemoryRange> expectedRanges(const MemoryImage &image) {
  std::vector<MemoryRange> result;
  for (const auto &[frame, page] : image.pages) {
    PhysAddr start = image.addressOf(frame);
    auto absence = absenceOf(page.state);
    if (!result.empty() && result.back().absence == absence &&
        result.back().start + result.back().size == start)
      result.back().size += image.pageSize;
    else
      result.push_back({start, image.pageSize, absence});
  }
  return result;
}

/// What PhysicalMemory::knownZeroBytes() should say of \p image.
inline uint64_t expectedZeroBytes(const MemoryImage &image) {
  uint64_t bytes = 0;
  for (const auto &[frame, page] : image.pages)
    if (page.state == PageState::Zero)
      bytes += image.pageSize;
  return bytes;
}

/// Compares every frame up to one behind the last, and the ranges. Stops at
/// the first page that differs.
inline void expectSameMemory(const PhysicalMemory &memory,
                             const MemoryImage &image) {
  std::vector<uint8_t> read(image.pageSize);
  for (uint64_t frame = 0; frame <= image.endFrame(); ++frame) {
    PhysAddr at = image.addressOf(frame);
    auto found = image.pages.find(frame);
    std::optional<Absence> expected = Absence::OutsideRam;
    if (found != image.pages.end())
      expected = absenceOf(found->second.state);
    // A piece first: a reader may have another way for whole pages.
    uint8_t piece[9] = {};
    const uint64_t pieceAt = image.pageSize / 2 + frame % 256;
    bool hasPiece = !memory.tryRead(at + pieceAt, piece);
    auto absent = memory.tryRead(at, read);
    ASSERT_EQ(absent.has_value(), expected.has_value())
        << "page at " << hex(at)
        << (absent ? " reads as " + getAbsenceName(absent->absence).str()
                   : std::string(" is there"));
    if (absent) {
      ASSERT_EQ(absent->address, at);
      ASSERT_EQ(getAbsenceName(absent->absence).str(),
                getAbsenceName(*expected).str())
          << "page at " << hex(at);
    } else {
      ASSERT_EQ(read, image.bytesOf(frame)) << "page at " << hex(at);
      ASSERT_TRUE(hasPiece && std::equal(std::begin(piece), std::end(piece),
                                         read.begin() + long(pieceAt)))
          << "a few bytes of the page at " << hex(at);
      const uint8_t *view = memory.tryView(at, image.pageSize);
      ASSERT_TRUE(!view || std::equal(read.begin(), read.end(), view))
          << "view of page at " << hex(at);
    }
  }
  auto ranges = memory.ranges();
  auto wanted = expectedRanges(image);
  ASSERT_EQ(ranges.size(), wanted.size());
  for (size_t i = 0; i < wanted.size(); ++i)
    ASSERT_EQ(ranges[i], wanted[i]) << "range at " << hex(wanted[i].start);
}

} // namespace vmpt::testing
