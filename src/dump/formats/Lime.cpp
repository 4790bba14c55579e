#include "dump/formats/Lime.h"

#include "dump/formats/SnappyMemory.h"
#include "support/Bits.h"

#include <cstring>
#include <snappy-c.h>

namespace vmpt {

namespace {

constexpr uint64_t headerSize = 32;
/// avml src/image.rs MAX_BLOCK_SIZE: longer ranges are cut into such records.
constexpr uint64_t avmlBlockSize = 16 << 20;

struct Record {
  PhysAddr first, last;
  bool compressed = false;
  uint64_t lengthMinusOne() const { return last - first; }
};

/// The record header at \p offset, if there is a sound one.
std::optional<Record> parseHeader(Bytes file, uint64_t offset) {
  constexpr uint32_t limeMagic = 0x4c694d45, avmlMagic = 0x4c4d5641;
  if (!fits(offset, headerSize, file.size()))
    return std::nullopt;
  uint32_t magic = file.at<uint32_t>(offset);
  if (magic != limeMagic && magic != avmlMagic)
    return std::nullopt;
  Record record{PhysAddr(file.at<uint64_t>(offset + 8)),
                PhysAddr(file.at<uint64_t>(offset + 16)), magic == avmlMagic};
  uint32_t version = file.at<uint32_t>(offset + 4);
  if (version != (record.compressed ? 2 : 1) || record.last < record.first ||
      file.at<uint64_t>(offset + 24) != 0)
    return std::nullopt;
  return record;
}

constexpr llvm::StringLiteral streamIdentifier =
    llvm::StringLiteral::withInnerNUL("\xff\x06\0\0sNaPpY");

/// Memory may hold stray headers (LiME's own, a cached copy of the file), so
/// one that is found by searching must be followed by what belongs there.
bool startsRecord(Bytes file, uint64_t offset) {
  std::optional<Record> record = parseHeader(file, offset);
  if (!record)
    return false;
  uint64_t data = offset + headerSize;
  if (record->compressed)
    return file.clip(data, streamIdentifier.size()).text() == streamIdentifier;
  if (record->lengthMinusOne() >= file.size() - data)
    return false;
  uint64_t next = data + record->lengthMinusOne() + 1;
  return next == file.size() || parseHeader(file, next);
}

/// The first record at \p from or some pages behind it, but below \p limit;
/// else the limit.
uint64_t findRecordAtPage(Bytes file, uint64_t from, uint64_t limit) {
  for (uint64_t at = from; at < limit; at += 4096)
    if (startsRecord(file, at))
      return at;
  return limit;
}

/// The first record at \p from or behind it, else the end of the file. All of
/// what is left may have to be looked at, so memmem() looks for the magics.
uint64_t findRecord(Bytes file, uint64_t from) {
  const llvm::StringRef magics[] = {"EMiL", "AVML"};
  uint64_t next[] = {from, from};
  auto advance = [&](unsigned which, uint64_t start) {
    const void *found = ::memmem(file.data() + start, file.size() - start,
                                 magics[which].data(), magics[which].size());
    next[which] =
        found ? uint64_t(static_cast<const uint8_t *>(found) - file.data())
              : file.size();
  };
  advance(0, from);
  advance(1, from);
  while (true) {
    const unsigned first = next[0] <= next[1] ? 0 : 1;
    if (next[first] >= file.size() || startsRecord(file, next[first]))
      return next[first];
    advance(first, next[first] + 1);
  }
}

class Reader {
public:
  Reader(Bytes file, Dump &dump) : file_(file), dump_(dump) {}
  llvm::Error run();

private:
  uint64_t readPlain(const Record &record, uint64_t data);
  uint64_t readCompressed(const Record &record, uint64_t data);
  uint64_t readChunks(const Record &record, uint64_t data, PhysAddr &at,
                      bool &complete);
  void noteSplit(const Record &record);
  void addOmittedBlocks();
  void describe();
  void damage(const llvm::Twine &text);

  Bytes file_;
  Dump &dump_;
  std::unique_ptr<SnappyMemory> memory_ = std::make_unique<SnappyMemory>();
  std::vector<Record> records_;
  uint64_t compressedCount_ = 0;
  uint64_t damageCount_ = 0;
};

/// A broken file may be broken in a million places: name the first ones.
void Reader::damage(const llvm::Twine &text) {
  constexpr uint64_t named = 16;
  if (++damageCount_ <= named)
    dump_.quirks.push_back(text.str());
}

/// A record of raw bytes; returns where the next one starts.
uint64_t Reader::readPlain(const Record &record, uint64_t data) {
  // The length of the whole address space does not fit: never added up.
  uint64_t room = file_.size() - data;
  bool inside = record.lengthMinusOne() < room;
  uint64_t next = inside ? data + record.lengthMinusOne() + 1 : file_.size();
  uint64_t stored = inside ? record.lengthMinusOne() + 1 : room;
  if (!inside || (next != file_.size() && !parseHeader(file_, next))) {
    // LiME writes page by page, so a range that it gave up ends at a page.
    next = findRecordAtPage(file_, data, next);
    stored = next - data;
  }
  memory_->plain().addData(record.first, file_.clip(data, stored).array());
  if (stored && stored - 1 >= record.lengthMinusOne())
    return next;
  memory_->plain().addAbsent(record.first + stored,
                             record.lengthMinusOne() - stored + 1,
                             Absence::Truncated);
  damage("record of physical memory from " + hex(record.first) + " to " +
         hex(record.last) + " holds only " + hex(stored) +
         " bytes; the rest was not written");
  return next;
}

/// Indexes the chunks of one frame stream up to the record's length. \p at
/// becomes the first address that no chunk holds; \p complete is set when the
/// record is whole. Returns the end of the stream, or the broken chunk's place.
uint64_t Reader::readChunks(const Record &record, uint64_t data, PhysAddr &at,
                            bool &complete) {
  enum : uint8_t { Compressed = 0, Uncompressed = 1, FirstSkippable = 0x80 };
  constexpr uint64_t checksumSize = 4;
  Cursor cursor(file_, data);
  complete = false;
  while (true) {
    const uint64_t start = cursor.offset();
    uint32_t head = cursor.u32();
    uint8_t type = uint8_t(head);
    Bytes body = cursor.take(head >> 8);
    if (!cursor.ok() || (type > Uncompressed && type < FirstSkippable))
      return start;
    if (type >= FirstSkippable)
      continue; // padding, the stream identifier
    if (body.size() < checksumSize)
      return start;
    Bytes block = body.clip(checksumSize, body.size());
    size_t size = block.size();
    if (type == Compressed &&
        snappy_uncompressed_length(reinterpret_cast<const char *>(block.data()),
                                   block.size(), &size) != SNAPPY_OK)
      return start;
    if (size == 0)
      continue;
    if (size > SnappyMemory::maxChunkSize)
      return start;
    // The last chunk's surplus, if any, belongs to no address.
    uint64_t used = std::min<uint64_t>(size - 1, record.last - at) + 1;
    if (type == Compressed)
      memory_->addChunk(at, uint32_t(used), uint32_t(size), block.array());
    else
      memory_->plain().addData(at, block.array().take_front(used));
    complete = record.last - at == used - 1;
    at += used;
    if (complete)
      return cursor.offset();
  }
}

/// A record with a frame stream; returns where the next one starts.
uint64_t Reader::readCompressed(const Record &record, uint64_t data) {
  ++compressedCount_;
  PhysAddr at = record.first;
  bool complete;
  uint64_t end = readChunks(record, data, at, complete);
  if (complete) {
    Cursor trailer(file_, end);
    uint64_t length = trailer.u64();
    if (!trailer.ok())
      damage("the file ends inside the trailer of the last record");
    else if (length == end - data)
      return trailer.offset();
    else if (startsRecord(file_, trailer.offset()) || trailer.atEnd()) {
      damage("record of physical memory from " + hex(record.first) +
             ": its trailer says " + hex(length) + " bytes, it has " +
             hex(end - data));
      return trailer.offset();
    }
    return findRecord(file_, end);
  }
  uint64_t next = findRecord(file_, end);
  bool cut = next == file_.size();
  memory_->plain().addAbsent(at, record.last - at + 1,
                             cut ? Absence::Truncated : Absence::Corrupt);
  damage("record of physical memory from " + hex(record.first) + " to " +
         hex(record.last) + (cut ? " is cut off at " : " is broken at ") +
         hex(at));
  return next;
}

/// AVML cuts ranges into blocks of 16 MiB and leaves those out that are all
/// zeros, without a trace. So what follows a whole block up to the next record
/// is zeros, or the hole behind the range's end: excluded, perhaps as zero.
/// Behind a shorter block the range ended.
void Reader::addOmittedBlocks() {
  auto isBlock = [](const Record &record) {
    return record.lengthMinusOne() == avmlBlockSize - 1;
  };
  bool cut = false;
  for (size_t i = 0; i < records_.size(); ++i) {
    if (records_[i].lengthMinusOne() >= avmlBlockSize)
      return; // a tool that does not cut leaves nothing out
    cut |= isBlock(records_[i]) && i + 1 < records_.size() &&
           records_[i + 1].first == records_[i].last + 1;
  }
  if (!cut)
    return;
  uint64_t bytes = 0;
  for (size_t i = 0; i + 1 < records_.size(); ++i) {
    PhysAddr end = records_[i].last + 1, next = records_[i + 1].first;
    if (!isBlock(records_[i]) || next <= end)
      continue;
    memory_->plain().addAbsent(end, next - end, Absence::Excluded);
    bytes += next - end;
  }
  memory_->plain().setMayExcludeZeroPages(bytes != 0);
  if (bytes)
    dump_.quirks.push_back(
        hex(bytes) +
        " bytes between 16 MiB blocks are not in the file: "
        "AVML leaves out blocks of zeros, so they are zeros or no memory");
}

void Reader::describe() {
  bool mixed = compressedCount_ && compressedCount_ != records_.size();
  dump_.format = mixed              ? "AVML v2 and LiME v1 records"
                 : compressedCount_ ? "AVML v2 (snappy)"
                                    : "LiME v1";
  dump_.producer =
      compressedCount_ ? "AVML" : "LiME, or AVML without compression";
  dump_.facts.push_back({"records", std::to_string(records_.size())});
  if (damageCount_)
    dump_.facts.push_back({"damaged places", std::to_string(damageCount_)});
  dump_.quirks.push_back("no registers and no notes: the format has none");
}

llvm::Error Reader::run() {
  if (!parseHeader(file_, 0)) {
    if (file_.size() < headerSize)
      return llvm::make_error<FormatError>(
          "the file ends inside the first record's header");
    return llvm::make_error<FormatError>(
        "the first record's header is broken: version " +
        hex(file_.at<uint32_t>(4)) + ", physical memory from " +
        hex(file_.at<uint64_t>(8)) + " to " + hex(file_.at<uint64_t>(16)) +
        "; expected version 1 (LiME) or 2 (AVML), an end that is not below "
        "the start, and zeros behind");
  }
  uint64_t offset = 0;
  while (offset < file_.size()) {
    std::optional<Record> record = parseHeader(file_, offset);
    if (!record) {
      uint64_t next = findRecord(file_, offset);
      damage("the " + hex(next - offset) + " bytes at offset " + hex(offset) +
             " are no record and were left out");
      offset = next;
      continue;
    }
    records_.push_back(*record);
    uint64_t data = offset + headerSize;
    offset = record->compressed ? readCompressed(*record, data)
                                : readPlain(*record, data);
  }
  addOmittedBlocks();
  memory_->finish();
  describe();
  dump_.memory = std::move(memory_);
  return llvm::Error::success();
}

} // namespace

bool isLime(Bytes file) {
  llvm::StringRef magic = file.clip(0, 4).text();
  return magic == "EMiL" || magic == "AVML";
}

llvm::Error readLime(Bytes file, Dump &dump) {
  return Reader(file, dump).run();
}

} // namespace vmpt
