#include "kernel/image/KallsymsFinder.h"

#include "support/Bits.h"

#include <algorithm>

namespace vmpt {

namespace {

constexpr uint64_t pageBytes = 4096;
constexpr uint64_t windowBytes = 1 << 20;
/// token_index holds u16.
constexpr uint64_t maxTokenTable = 1 << 16;
/// Markers and seqs_of_names of more symbols than any kernel has.
constexpr uint64_t maxBehindMarkers = uint64_t(16) << 20;
/// A name is 1 to 512 tokens after 1 or 2 bytes of length.
constexpr uint64_t minNameBytes = 2, maxNameBytes = 514;
/// Memory that only looks like the tables is not searched without end.
constexpr unsigned maxDigitRuns = 4096;
constexpr unsigned maxTokenTables = 16;
constexpr unsigned maxMarkerTables = 1024;
constexpr unsigned maxNameFits = 1 << 18;
constexpr unsigned maxLoads = 16;

/// A copy of [start, start + size); what cannot be read is zero.
struct Window {
  VirtAddr start;
  std::vector<uint8_t> data;

  Bytes bytes(ByteOrder order) const { return Bytes(data, order); }
};

class Finder {
public:
  Finder(VirtualReader read, const KallsymsMachine &machine)
      : read_(read), machine_(machine) {}

  void search(VirtualRange range);
  std::unique_ptr<Kallsyms> takeResult() { return std::move(result_); }
  bool done() const {
    return result_ || digitRuns_ >= maxDigitRuns ||
           tokenTables_ >= maxTokenTables;
  }

private:
  Window readWindow(VirtAddr start, uint64_t size) const;
  void checkTokens(VirtualRange range, VirtAddr digits);
  void searchMarkers(VirtualRange range);
  void checkMarkers(const Window &window, uint64_t at, unsigned width);
  void checkNames(const Window &window, uint64_t namesEnd,
                  llvm::ArrayRef<uint64_t> markers);
  bool lastNamesFit(const Window &window, uint64_t start, uint64_t count,
                    uint64_t namesEnd, bool wideLengths) const;
  void load();
  std::vector<KallsymsAddressTables> addressTables(uint32_t count) const;

  VirtualReader read_;
  KallsymsMachine machine_;
  KallsymsNameTables tables_;
  std::unique_ptr<Kallsyms> result_;
  unsigned digitRuns_ = 0, tokenTables_ = 0, markerTables_ = 0;
  unsigned nameFits_ = 0, loads_ = 0;
};

Window Finder::readWindow(VirtAddr start, uint64_t size) const {
  Window window{start, std::vector<uint8_t>(size)};
  llvm::MutableArrayRef<uint8_t> all(window.data);
  // One page at a time, so that one that is absent does not hide the others.
  for (uint64_t done = 0; done < size;) {
    uint64_t inPage = pageBytes - ((start + done).value & (pageBytes - 1));
    auto piece = all.slice(done, std::min(inPage, size - done));
    if (llvm::Error error = read_(start + done, piece)) {
      llvm::consumeError(std::move(error));
      std::fill(piece.begin(), piece.end(), 0);
    }
    done += piece.size();
  }
  return window;
}

void Finder::search(VirtualRange range) {
  static constexpr char digits[] =
      "0\0001\0002\0003\0004\0005\0006\0007\0008\0009";
  for (uint64_t offset = 0; offset < range.size && !done();) {
    uint64_t size = std::min(range.size - offset, windowBytes);
    Window window = readWindow(range.start + offset, size);
    const uint8_t *from = window.data.data(), *end = from + size;
    while (!done()) {
      const void *hit =
          ::memmem(from, size_t(end - from), digits, sizeof digits);
      if (!hit)
        break;
      from = static_cast<const uint8_t *>(hit);
      checkTokens(range, window.start + uint64_t(from++ - window.data.data()));
    }
    if (size < windowBytes)
      break;
    offset += windowBytes - sizeof digits;
  }
}

/// \p digits is where the token of the character '0' starts.
void Finder::checkTokens(VirtualRange range, VirtAddr digits) {
  ++digitRuns_;
  uint64_t left = range.size - (digits - range.start);
  Window window = readWindow(digits, std::min(left, maxTokenTable + 512 + 8));
  Bytes bytes = window.bytes(machine_.order);
  uint64_t end = 0;
  for (unsigned token = '0'; token < 256; ++token) {
    size_t terminator = bytes.text().find('\0', end);
    if (terminator == llvm::StringRef::npos)
      return;
    end = terminator + 1;
  }
  for (unsigned alignment : {8u, 4u}) {
    uint64_t at = alignUp(digits.value + end, alignment) - digits.value;
    if (!fits(at, 512, bytes.size()))
      continue;
    Bytes index = bytes.clip(at, 512);
    // The index says how far before the digits the table starts.
    uint64_t before = index.at<uint16_t>('0' * 2);
    if (before > digits - range.start)
      continue;
    Window table = readWindow(digits - before, before + end);
    llvm::StringRef text = table.bytes(machine_.order).text();
    uint64_t start = 0;
    bool agree = true;
    for (unsigned token = 0; token < 256 && agree; ++token) {
      agree = index.at<uint16_t>(token * 2) == start;
      start = text.find('\0', start) + 1; // npos + 1 is 0: disagrees
    }
    if (!agree || start != text.size())
      continue;
    ++tokenTables_;
    tables_.tokenTable = table.start;
    tables_.tokenIndex = digits + at;
    return searchMarkers(range);
  }
}

/// Backwards from the tokens, as the markers are right before them or, before
/// seqs_of_names, not far.
void Finder::searchMarkers(VirtualRange range) {
  uint64_t size = std::min(tables_.tokenTable - range.start,
                           maxBehindMarkers + maxBehindMarkers);
  Window window = readWindow(tables_.tokenTable - size, size);
  Bytes bytes = window.bytes(machine_.order);
  const uint64_t skew = std::min(size, tables_.tokenTable.value & 3);
  for (uint64_t at = size - skew; at >= 4 && !result_;) {
    at -= 4;
    if (size - at > maxBehindMarkers || markerTables_ == maxMarkerTables)
      break;
    if (bytes.at<uint32_t>(at) != 0)
      continue;
    checkMarkers(window, at, 4);
    if (machine_.wordBytes == 8 && !result_)
      checkMarkers(window, at, 8);
  }
}

void Finder::checkMarkers(const Window &window, uint64_t at, unsigned width) {
  Bytes bytes = window.bytes(machine_.order);
  auto markerAt = [&](uint64_t place) {
    return width == 4 ? bytes.at<uint32_t>(place) : bytes.at<uint64_t>(place);
  };
  if (!fits(at, width, bytes.size()) || markerAt(at) != 0)
    return;
  std::vector<uint64_t> markers = {0};
  for (uint64_t next = at + width; fits(next, width, bytes.size());
       next += width) {
    uint64_t value = markerAt(next);
    uint64_t step = value - markers.back();
    if (value < markers.back() || step < 256 * minNameBytes ||
        step > 256 * maxNameBytes)
      break;
    markers.push_back(value);
  }
  if (markers.size() < 2)
    return;
  ++markerTables_;
  checkNames(window, at, markers);
}

/// The names end at \p namesEnd or a few bytes of padding before it. Where
/// they start is not known: their count stands right before them and has to
/// agree with the number of markers, and the names after the last marker have
/// to reach the end.
void Finder::checkNames(const Window &window, uint64_t namesEnd,
                        llvm::ArrayRef<uint64_t> markers) {
  Bytes bytes = window.bytes(machine_.order);
  const uint64_t last = markers.back();
  if (namesEnd < last + minNameBytes + 8)
    return;
  uint64_t highest = namesEnd - last - minNameBytes;
  uint64_t lowest = highest - std::min(highest, 256 * maxNameBytes);
  lowest = std::max<uint64_t>(lowest, 8);
  for (uint64_t start = highest - ((window.start.value + highest) & 3);
       start >= lowest && !result_; start -= 4)
    for (unsigned before : {8u, 4u}) {
      uint32_t count = bytes.at<uint32_t>(start - before);
      uint64_t full = (markers.size() - 1) * 256;
      if (count <= full || count > full + 256 || nameFits_++ >= maxNameFits)
        continue;
      if (!lastNamesFit(window, start + last, count - full, namesEnd, true) &&
          !lastNamesFit(window, start + last, count - full, namesEnd, false))
        continue;
      tables_.symbolCount = window.start + (start - before);
      tables_.names = window.start + start;
      load();
      if (result_)
        return;
    }
}

bool Finder::lastNamesFit(const Window &window, uint64_t start, uint64_t count,
                          uint64_t namesEnd, bool wideLengths) const {
  const std::vector<uint8_t> &data = window.data;
  for (; count; --count) {
    if (namesEnd < 2 || start > namesEnd - 2)
      return false;
    uint32_t length = data[start++];
    if (wideLengths && length & 0x80)
      length = (length & 0x7f) | uint32_t(data[start++]) << 7;
    start += length;
  }
  return start <= namesEnd && namesEnd - start < 8;
}

std::vector<KallsymsAddressTables> Finder::addressTables(uint32_t count) const {
  const uint64_t word = machine_.wordBytes;
  const VirtAddr first = tables_.symbolCount, behind = tables_.tokenIndex + 512;
  std::vector<KallsymsAddressTables> candidates;
  // Behind the tokens. Without a base first: offsets from a base never pass
  // for place-relative ones, but any word passes for a base.
  VirtAddr base(alignUp((behind + uint64_t(count) * 4).value, word));
  candidates.push_back({.offsets = behind});
  candidates.push_back({.offsets = behind, .relativeBase = base});
  // Before the count, a base between them.
  base = VirtAddr(alignDown(first.value, word)) - word;
  candidates.push_back({.offsets = base - alignUp(uint64_t(count) * 4, word),
                        .relativeBase = base});
  candidates.push_back({.addresses = first - count * word});
  candidates.push_back({.addresses = behind});
  return candidates;
}

void Finder::load() {
  if (loads_++ >= maxLoads)
    return;
  uint8_t raw[4];
  if (llvm::Error error = read_(tables_.symbolCount, raw))
    return llvm::consumeError(std::move(error));
  auto loaded = Kallsyms::create(
      read_, tables_,
      addressTables(loadUnaligned<uint32_t>(raw, machine_.order)), machine_);
  if (loaded)
    result_ = std::move(*loaded);
  else
    llvm::consumeError(loaded.takeError());
}

} // namespace

llvm::Expected<std::unique_ptr<Kallsyms>>
findKallsyms(VirtualReader read, llvm::ArrayRef<VirtualRange> ranges,
             const KallsymsMachine &machine) {
  Finder finder(read, machine);
  uint64_t searched = 0;
  for (size_t i = 0; i < ranges.size() && !finder.done();) {
    VirtualRange joined = ranges[i++];
    while (i < ranges.size() && ranges[i].start == joined.start + joined.size)
      joined.size += ranges[i++].size;
    finder.search(joined);
    searched += joined.size;
  }
  if (auto found = finder.takeResult())
    return found;
  return llvm::make_error<LookupError>("no kallsyms found by structure in " +
                                       hex(searched) +
                                       " bytes of mapped kernel memory");
}

} // namespace vmpt
