#include "DumpBuilder.h"

#include "ByteWriter.h"

namespace vmpt::testing {

FileBytes writeNotes(const std::vector<NoteText> &notes, ByteOrder order) {
  ByteWriter out(order);
  for (const NoteText &note : notes)
    out.u32(uint32_t(note.name.size() + 1))
        .u32(uint32_t(note.desc.size()))
        .u32(note.type)
        .text(note.name)
        .u8(0)
        .align(4)
        .bytes(note.desc)
        .align(4);
  return out.take();
}

NoteText vmcoreinfoNote(const std::string &text) {
  return {"VMCOREINFO", 0, FileBytes(text.begin(), text.end())};
}

FileBytes flatten(const FileBytes &file, const FlattenShape &shape) {
  std::mt19937_64 random(shape.seed);
  struct Record {
    uint64_t offset;
    FileBytes data;
  };
  std::vector<Record> records;
  for (uint64_t at = 0; at < file.size();) {
    uint64_t size =
        std::min<uint64_t>(1 + random() % shape.maxRecord, file.size() - at);
    FileBytes data(file.begin() + long(at), file.begin() + long(at + size));
    at += size;
    bool zeros = std::all_of(data.begin(), data.end(),
                             [](uint8_t byte) { return byte == 0; });
    // The last record tells how long the file is.
    if (!(shape.skipZeros && zeros && at < file.size()))
      records.push_back({at - size, std::move(data)});
  }
  if (shape.shuffle)
    for (size_t i = records.size(); i > 1; --i)
      std::swap(records[i - 1], records[random() % i]);
  if (shape.overwrite) {
    std::vector<Record> garbage;
    for (size_t i = 0; i < records.size(); i += 3) {
      const Record &right = records[i];
      auto cut = long(right.data.size() / 3);
      Record wrong{right.offset + uint64_t(cut),
                   FileBytes(right.data.begin() + cut, right.data.end())};
      for (uint8_t &byte : wrong.data)
        byte = uint8_t(~byte);
      garbage.push_back(std::move(wrong));
    }
    records.insert(records.begin(), garbage.begin(), garbage.end());
  }

  ByteWriter out(ByteOrder::big);
  out.text("makedumpfile").align(16).u64(1).u64(1).align(4096);
  for (const Record &record : records)
    out.u64(record.offset).u64(record.data.size()).bytes(record.data);
  if (shape.endMarker)
    out.u64(~uint64_t(0)).u64(~uint64_t(0));
  return out.take();
}

namespace {

struct Segment {
  uint64_t physical = 0, fileSize = 0, memorySize = 0;
  FileBytes data;
};

/// Each run of RAM as pieces of stored pages with excluded ones behind.
std::vector<Segment> makeSegments(const MemoryImage &image) {
  std::vector<Segment> segments;
  const MemoryImage::Page *before = nullptr;
  for (const auto &[frame, page] : image.pages) {
    uint64_t physical = image.addressOf(frame).value;
    bool excluded = page.state == PageState::Excluded;
    bool joins =
        before &&
        segments.back().physical + segments.back().memorySize == physical &&
        (excluded || before->state != PageState::Excluded);
    if (!joins)
      segments.push_back({physical, 0, 0, {}});
    Segment &segment = segments.back();
    segment.memorySize += image.pageSize;
    if (!excluded) {
      FileBytes bytes = image.bytesOf(frame);
      segment.data.insert(segment.data.end(), bytes.begin(), bytes.end());
      segment.fileSize += image.pageSize;
    }
    before = &page;
  }
  return segments;
}

/// Fields of the two classes differ in size, and program headers in order.
class ElfWriter : public ByteWriter {
public:
  ElfWriter(const ElfShape &shape)
      : ByteWriter(shape.order), is64Bit_(shape.is64Bit) {}

  ElfWriter &word(uint64_t value) {
    is64Bit_ ? u64(value) : u32(uint32_t(value));
    return *this;
  }
  void programHeader(uint32_t type, uint64_t offset, uint64_t physical,
                     uint64_t fileSize, uint64_t memorySize) {
    u32(type);
    if (is64Bit_)
      u32(7);
    word(offset).word(physical).word(physical).word(fileSize).word(memorySize);
    if (!is64Bit_)
      u32(7);
    word(0);
  }

private:
  bool is64Bit_;
};

} // namespace

FileBytes writeElf(const MemoryImage &image, const ElfShape &shape) {
  const uint64_t headerSize = shape.is64Bit ? 64 : 52;
  const uint64_t programSize = shape.is64Bit ? 56 : 32;
  const uint64_t sectionSize = shape.is64Bit ? 64 : 40;
  FileBytes notes = writeNotes(shape.notes, shape.order);
  std::vector<Segment> segments = makeSegments(image);
  if (shape.overlap && !segments.empty() && segments[0].fileSize > 64)
    segments.push_back({segments[0].physical + 32, 32, 32,
                        FileBytes(segments[0].data.begin() + 32,
                                  segments[0].data.begin() + 64)});
  if (shape.unknownAddress)
    segments.push_back({~uint64_t(0), 16, 16, FileBytes(16, 0x77)});

  uint64_t count = 1 + segments.size();
  uint64_t padding = shape.manySegments ? 65600 - count : 0;
  count += padding;
  const bool extended = count >= 0xffff;
  const bool hasSections = shape.qemuOrder || extended;
  uint64_t sections = hasSections ? headerSize : 0;
  uint64_t programs = headerSize + (hasSections ? sectionSize : 0);
  uint64_t notesAt = programs + count * programSize;
  uint64_t dataAt = notesAt + notes.size() + (shape.unaligned ? 3 : 0);

  ElfWriter out(shape);
  out.u8(0x7f).text("ELF").u8(shape.is64Bit ? 2 : 1);
  out.u8(shape.order == ByteOrder::little ? 1 : 2).u8(1).zeros(9);
  out.u16(4).u16(shape.machine).u32(1); // ET_CORE
  out.word(0).word(programs).word(sections).u32(0);
  out.u16(uint16_t(shape.qemuOrder ? (shape.is64Bit ? 8 : 4) : headerSize));
  out.u16(uint16_t(programSize)).u16(uint16_t(extended ? 0xffff : count));
  out.u16(uint16_t(hasSections ? sectionSize : 0)).u16(hasSections).u16(0);
  if (hasSections) { // section 0: sh_info has the count
    out.u32(0).u32(0);
    out.word(0).word(0).word(0).word(0).u32(0).u32(uint32_t(count));
    out.word(0).word(0);
  }
  out.programHeader(4, notesAt, 0, notes.size(), 0); // PT_NOTE
  for (uint64_t i = 0, at = dataAt; i < segments.size(); ++i) {
    const Segment &segment = segments[i];
    out.programHeader(1, at, segment.physical, segment.fileSize,
                      segment.memorySize);
    at += segment.fileSize;
  }
  for (uint64_t i = 0; i < padding; ++i)
    out.programHeader(0, 0, 0, 0, 0);
  out.bytes(notes).zeros(dataAt - out.size());
  for (const Segment &segment : segments)
    out.bytes(segment.data);
  return out.take();
}

} // namespace vmpt::testing
