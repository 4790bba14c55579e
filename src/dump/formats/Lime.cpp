#include "dump/formats/Lime.h"

#include "dump/formats/PlainPieces.h"
#include "dump/formats/SnappyMemory.h"
#include "support/Bits.h"

#include <cstring>
#include <mutex>
#include <snappy-c.h>

namespace vmpt {

namespace {

constexpr uint64_t headerSize = 32;
/// avml src/image.rs MAX_BLOCK_SIZE: longer ranges are cut into such records.
constexpr uint64_t avmlBlockSize = 16 << 20;
/// What is looked through for headers when the file is opened: a page here and
/// there of a record.
constexpr uint64_t maxQuickSearch = 256 << 20;
/// So much is looked through byte by byte: a file that was cut off ends inside
/// a chunk, and those of snappy's frames hold 64 KiB.
constexpr uint64_t maxShortSearch = 1 << 20;

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

/// A header of a record without bytes, which no tool has a reason to write.
bool isEmptyRecord(Bytes file, uint64_t offset) {
  return fits(offset, headerSize, file.size()) &&
         file.clip(offset, 4).text() == "EMiL" &&
         file.at<uint32_t>(offset + 4) == 1 &&
         file.at<uint64_t>(offset + 8) != 0 &&
         file.at<uint64_t>(offset + 16) == file.at<uint64_t>(offset + 8) - 1 &&
         file.at<uint64_t>(offset + 24) == 0;
}

bool isHeader(Bytes file, uint64_t offset) {
  return parseHeader(file, offset) || isEmptyRecord(file, offset);
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
  return next == file.size() || isHeader(file, next);
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
/// what is left may have to be looked at, so memmem() looks for the magics, in
/// a window at a time: one of them may be nowhere.
uint64_t findRecord(Bytes file, uint64_t from) {
  constexpr uint64_t windowBytes = 1 << 20;
  constexpr llvm::StringLiteral magics[] = {"EMiL", "AVML"};
  for (uint64_t start = from; start < file.size(); start += windowBytes) {
    const uint64_t end = std::min(start + windowBytes, file.size());
    std::vector<uint64_t> places;
    for (llvm::StringRef magic : magics) {
      const Bytes window = file.clip(start, end - start + magic.size() - 1);
      uint64_t at = 0;
      while (const void *found =
                 ::memmem(window.data() + at, window.size() - at, magic.data(),
                          magic.size())) {
        at = uint64_t(static_cast<const uint8_t *>(found) - window.data());
        places.push_back(start + at++);
      }
    }
    llvm::sort(places);
    for (uint64_t place : places)
      if (startsRecord(file, place))
        return place;
  }
  return file.size();
}

/// How far a file is read whose records do not follow each other.
enum class Search : uint8_t {
  None, ///< Up to the first place where a long search would begin.
  Full,
};

class Reader {
public:
  Reader(Bytes file, Search search, Dump &dump)
      : file_(file), search_(search), dump_(dump) {}
  llvm::Error run();
  /// Where a long search would begin, if one is needed.
  std::optional<uint64_t> lostAt() const { return lostAt_; }
  std::unique_ptr<SnappyMemory> takeMemory() { return std::move(memory_); }

private:
  uint64_t readPlain(const Record &record, uint64_t data);
  uint64_t readCompressed(const Record &record, uint64_t data);
  uint64_t readChunks(const Record &record, uint64_t data, PhysAddr &at,
                      bool &complete);
  void addOmittedBlocks();
  void describe();
  void damage(const llvm::Twine &text);
  uint64_t findNext(uint64_t from);

  Bytes file_;
  Search search_;
  Dump &dump_;
  std::optional<uint64_t> lostAt_;
  std::unique_ptr<SnappyMemory> memory_ = std::make_unique<SnappyMemory>();
  std::vector<Record> records_;
  PlainPieces plain_;
  uint64_t compressedCount_ = 0;
  uint64_t damageCount_ = 0;
};

/// A broken file may be broken in a million places: name the first ones.
void Reader::damage(const llvm::Twine &text) {
  constexpr uint64_t named = 16;
  if (++damageCount_ <= named)
    dump_.quirks.push_back(text.str());
}

/// The next record, or the end of the file where it is not looked for.
uint64_t Reader::findNext(uint64_t from) {
  if (search_ == Search::Full || file_.size() - from <= maxShortSearch)
    return findRecord(file_, from);
  if (startsRecord(file_, from) || from == file_.size())
    return from;
  lostAt_ = from;
  return file_.size();
}

/// A record of raw bytes; returns where the next one starts.
uint64_t Reader::readPlain(const Record &record, uint64_t data) {
  // The length of the whole address space does not fit: never added up.
  uint64_t room = file_.size() - data;
  bool inside = record.lengthMinusOne() < room;
  uint64_t next = inside ? data + record.lengthMinusOne() + 1 : file_.size();
  uint64_t stored = inside ? record.lengthMinusOne() + 1 : room;
  if (!inside || (next != file_.size() && !isHeader(file_, next))) {
    // LiME writes page by page, so a range that it gave up ends at a page.
    if (search_ == Search::None && next - data > maxQuickSearch) {
      lostAt_ = data - headerSize;
      return file_.size();
    }
    next = findRecordAtPage(file_, data, next);
    stored = next - data;
  }
  if (stored)
    plain_.add(record.first, file_.clip(data, stored).array());
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
    return findNext(end);
  }
  uint64_t next = findNext(end);
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
  if (!parseHeader(file_, 0) &&
      !(isEmptyRecord(file_, 0) && isHeader(file_, headerSize))) {
    if (file_.size() < headerSize)
      return llvm::make_error<FormatError>(
          "the first record's header runs " +
          describeOverrun(0, headerSize, file_.size()));
    return llvm::make_error<FormatError>(
        "the first record's header is broken: version " +
        hex(file_.at<uint32_t>(4)) + ", physical memory from " +
        hex(file_.at<uint64_t>(8)) + " to " + hex(file_.at<uint64_t>(16)) +
        "; expected version 1 (LiME) or 2 (AVML), an end that is not below "
        "the start, and zeros behind");
  }
  uint64_t offset = 0;
  while (offset < file_.size()) {
    if (isEmptyRecord(file_, offset)) {
      damage("the record at offset " + hex(offset) + " has no bytes");
      offset += headerSize;
      continue;
    }
    std::optional<Record> record = parseHeader(file_, offset);
    if (!record) {
      uint64_t next = findNext(offset);
      if (lostAt_)
        break;
      damage("the " + hex(next - offset) + " bytes at offset " + hex(offset) +
             " are no record and were left out");
      offset = next;
      continue;
    }
    records_.push_back(*record);
    uint64_t data = offset + headerSize;
    offset = record->compressed ? readCompressed(*record, data)
                                : readPlain(*record, data);
    if (lostAt_)
      break;
  }
  for (const auto &[at, size] : plain_.addTo(memory_->plain()))
    damage("two records have physical memory from " + hex(at) + " to " +
           hex(at + (size - 1)) + ", with different bytes");
  addOmittedBlocks();
  // Records that were to come leave no trace.
  memory_->plain().setKnowsRam(false);
  memory_->finish();
  describe();
  return llvm::Error::success();
}

/// The records up to a damaged place, and all others once memory is asked for
/// that those do not have. Of a large file that search takes minutes, and who
/// asks for a byte in front does not need it.
class LimeMemory final : public PhysicalMemory {
public:
  LimeMemory(Bytes file, std::unique_ptr<SnappyMemory> front)
      : file_(file), front_(std::move(front)) {}

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override {
    return front_->tryRead(at, out) ? whole().tryRead(at, out) : std::nullopt;
  }
  const uint8_t *tryView(PhysAddr at, uint64_t size) const override {
    const uint8_t *found = front_->tryView(at, size);
    return found ? found : whole().tryView(at, size);
  }
  bool isQuickToRead() const override { return front_->isQuickToRead(); }
  llvm::ArrayRef<MemoryRange> ranges() const override {
    return whole().ranges();
  }
  bool mayExcludeZeroPages() const override {
    return whole().mayExcludeZeroPages();
  }
  bool knowsRam() const override { return front_->knowsRam(); }
  MemoryRange nextStored(PhysAddr at, uint64_t size) const override {
    return whole().nextStored(at, size);
  }
  void forget(PhysAddr at, uint64_t size) const override {
    whole().forget(at, size);
  }
  /// What is damaged is said when the file is opened; how much is missing is
  /// known once it was searched.
  uint64_t truncatedBytes() const override {
    return whole_ ? whole_->truncatedBytes() : 0;
  }
  /// What a full search says of the file.
  const Dump &described() const {
    whole();
    return described_;
  }

private:
  const SnappyMemory &whole() const {
    std::call_once(searched_, [this] {
      Reader reader(file_, Search::Full, described_);
      llvm::cantFail(reader.run()); // the first header is sound
      whole_ = reader.takeMemory();
    });
    return *whole_;
  }

  Bytes file_;
  std::unique_ptr<SnappyMemory> front_;
  mutable std::once_flag searched_;
  mutable std::unique_ptr<SnappyMemory> whole_;
  mutable Dump described_;
};

} // namespace

bool isLime(Bytes file) {
  llvm::StringRef magic = file.clip(0, 4).text();
  return magic == "EMiL" || magic == "AVML";
}

llvm::Error readLime(Bytes file, Dump &dump) {
  Reader reader(file, Search::None, dump);
  if (llvm::Error error = reader.run())
    return error;
  if (!reader.lostAt()) {
    dump.memory = reader.takeMemory();
    return llvm::Error::success();
  }
  dump.warnings.push_back("the file is damaged: no record begins at offset " +
                          hex(*reader.lostAt()) +
                          "; what lies behind is searched for records when "
                          "memory is asked for that stands before in none");
  auto memory = std::make_unique<LimeMemory>(file, reader.takeMemory());
  dump.describeWhole = [memory = memory.get()](Dump &whole) {
    whole.format = memory->described().format;
    whole.producer = memory->described().producer;
    whole.facts = memory->described().facts;
    whole.quirks = memory->described().quirks;
  };
  dump.memory = std::move(memory);
  return llvm::Error::success();
}

} // namespace vmpt
