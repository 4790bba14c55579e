#include "dump/writer/ElfCoreWriter.h"

#include "memory/MemoryScan.h"
#include "support/Bits.h"

#include <algorithm>
#include <elf.h>
#include <memory>
#include <mutex>
#include <optional>

namespace vmpt {

namespace {

constexpr uint64_t pageBytes = 4096;
constexpr uint64_t pieceBytes = 1 << 20; ///< What one thread reads at a time.

/// Fields one after the other in the file's byte order.
class FieldWriter {
public:
  explicit FieldWriter(ByteOrder order) : order_(order) {}

  template <class T> void put(T value) {
    if (order_ != ByteOrder::native)
      value = byteSwap(value);
    const auto *raw = reinterpret_cast<const uint8_t *>(&value);
    bytes_.insert(bytes_.end(), raw, raw + sizeof value);
  }
  void append(llvm::ArrayRef<uint8_t> raw) {
    bytes_.insert(bytes_.end(), raw.begin(), raw.end());
  }
  void padTo(uint64_t alignment) {
    bytes_.resize(alignUp(bytes_.size(), alignment));
  }
  const std::vector<uint8_t> &bytes() const { return bytes_; }

private:
  ByteOrder order_;
  std::vector<uint8_t> bytes_;
};

std::vector<uint8_t> encodeNotes(const CoreContents &contents) {
  FieldWriter out(contents.order);
  for (const Note &note : contents.notes) {
    out.put(uint32_t(note.name.size() + 1));
    out.put(uint32_t(note.desc.size()));
    out.put(note.type);
    out.append(llvm::ArrayRef<uint8_t>(
        reinterpret_cast<const uint8_t *>(note.name.c_str()),
        note.name.size() + 1));
    out.padTo(4);
    out.append(note.desc.array());
    out.padTo(4);
  }
  return out.bytes();
}

struct FileLayout {
  uint64_t headerCount, sectionsAt, notesAt, dataAt;
  bool needsSection; ///< PN_XNUM: the count stands in section header 0.
};

struct Load {
  uint64_t offset, virtualStart;
  PhysAddr start;
  uint64_t storedBytes, memoryBytes;
};

/// The program headers of the memory; offsets count from where its data begins.
/// Aliases come first, as the kernel image does in /proc/vmcore. Memory without
/// bytes is in headers of its own, at the end: makedumpfile 1.7.2 maps the file
/// as far as p_offset + p_memsz, and ends by SIGBUS where that is beyond it.
std::vector<Load> makeLoads(const CoreContents &contents) {
  std::vector<Load> loads, stored, absent;
  uint64_t offset = 0;
  for (const CoreSegment &segment : contents.segments) {
    const uint64_t bytes = segment.storedBytes;
    for (const CoreAlias &alias : contents.aliases) {
      PhysAddr start = std::max(segment.start, alias.start);
      PhysAddr end = std::min(segment.start + bytes, alias.start + alias.size);
      if (start < end)
        loads.push_back({offset + (start - segment.start),
                         alias.virtualStart + (start - alias.start), start,
                         end - start, end - start});
    }
    if (bytes)
      stored.push_back(
          {offset, segment.virtualStart, segment.start, bytes, bytes});
    if (segment.memoryBytes > bytes)
      absent.push_back({0,
                        segment.virtualStart == noVirtualAddress
                            ? noVirtualAddress
                            : segment.virtualStart + bytes,
                        segment.start + bytes, 0, segment.memoryBytes - bytes});
    offset += bytes;
  }
  loads.insert(loads.end(), stored.begin(), stored.end());
  loads.insert(loads.end(), absent.begin(), absent.end());
  return loads;
}

FileLayout layOut(size_t loadCount, uint64_t noteBytes) {
  FileLayout layout;
  layout.headerCount = loadCount + 1;
  layout.needsSection = layout.headerCount >= PN_XNUM;
  uint64_t at = sizeof(Elf64_Ehdr) + layout.headerCount * sizeof(Elf64_Phdr);
  layout.sectionsAt = at;
  if (layout.needsSection)
    at += sizeof(Elf64_Shdr);
  layout.notesAt = at;
  layout.dataAt = alignUp(at + noteBytes, pageBytes);
  return layout;
}

void putElfHeader(FieldWriter &out, const CoreContents &contents,
                  const FileLayout &layout) {
  const uint8_t identification[EI_NIDENT] = {
      0x7f,
      'E',
      'L',
      'F',
      ELFCLASS64,
      uint8_t(contents.order == ByteOrder::big ? ELFDATA2MSB : ELFDATA2LSB),
      EV_CURRENT};
  out.append(llvm::ArrayRef<uint8_t>(identification));
  out.put(uint16_t(ET_CORE));
  out.put(getTraits(contents.arch).elfMachine);
  out.put(uint32_t(EV_CURRENT));
  out.put(uint64_t(0)); // e_entry
  out.put(uint64_t(sizeof(Elf64_Ehdr)));
  out.put(layout.needsSection ? layout.sectionsAt : uint64_t(0));
  out.put(uint32_t(0)); // e_flags
  out.put(uint16_t(sizeof(Elf64_Ehdr)));
  out.put(uint16_t(sizeof(Elf64_Phdr)));
  out.put(uint16_t(layout.needsSection ? PN_XNUM : layout.headerCount));
  out.put(uint16_t(sizeof(Elf64_Shdr)));
  out.put(uint16_t(layout.needsSection ? 1 : 0)); // e_shnum
  out.put(uint16_t(0));                           // e_shstrndx
}

void putProgramHeader(FieldWriter &out, uint32_t type, uint64_t offset,
                      uint64_t vaddr, uint64_t paddr, uint64_t fileSize,
                      uint64_t memorySize) {
  out.put(type);
  out.put(uint32_t(type == PT_LOAD ? PF_R | PF_W | PF_X : 0));
  out.put(offset);
  out.put(vaddr);
  out.put(paddr);
  out.put(fileSize);
  out.put(memorySize);
  out.put(uint64_t(0)); // p_align
}

/// The section header that only carries the number of program headers.
void putCountingSection(FieldWriter &out, const FileLayout &layout) {
  out.put(uint32_t(0)); // sh_name
  out.put(uint32_t(SHT_NULL));
  for (int i = 0; i < 4; ++i) // sh_flags, sh_addr, sh_offset, sh_size
    out.put(uint64_t(0));
  out.put(uint32_t(0));                  // sh_link
  out.put(uint32_t(layout.headerCount)); // sh_info
  out.put(uint64_t(0));                  // sh_addralign
  out.put(uint64_t(0));                  // sh_entsize
}

/// Of one segment, for one thread.
struct CopiedPiece {
  PhysAddr start;
  uint64_t size = 0;
  bool isZeros = false;
  uint64_t passed = 0; ///< Bytes up to its end.
};

/// What is in it.
struct CopiedBytes {
  std::unique_ptr<uint8_t[]> bytes;
  std::vector<std::pair<uint64_t, bool>> runs; ///< Bytes, and are they zeros?
  std::optional<AbsentByte> absent;

  void addPage(uint64_t size, bool isZeros) {
    if (!runs.empty() && runs.back().second == isZeros)
      runs.back().first += size;
    else
      runs.push_back({size, isZeros});
  }
};

/// The pieces of all segments, in their order.
class SegmentPieces {
public:
  SegmentPieces(llvm::ArrayRef<CoreSegment> segments,
                const PhysicalMemory &memory)
      : segments_(segments), memory_(memory) {}

  bool next(CopiedPiece &piece) {
    while (!segments_.empty() && done_ == segments_.front().storedBytes) {
      segments_ = segments_.drop_front();
      done_ = 0;
    }
    if (segments_.empty())
      return false;
    const CoreSegment &segment = segments_.front();
    const uint64_t left = segment.storedBytes - done_;
    piece.start = segment.start + done_;
    if (!stored_) {
      const MemoryRange found = memory_.nextStored(piece.start, left);
      stored_ = found.size;
      zeros_ =
          alignDown(found.size ? found.start - piece.start : left, pageBytes);
      stored_ +=
          found.size ? found.start - piece.start - zeros_ : left - zeros_;
    }
    piece.isZeros = zeros_;
    uint64_t &rest = zeros_ ? zeros_ : stored_;
    piece.size = piece.isZeros ? zeros_ : std::min(rest, pieceBytes);
    rest -= piece.size;
    done_ += piece.size;
    piece.passed = passed_ += piece.size;
    return true;
  }

private:
  llvm::ArrayRef<CoreSegment> segments_; ///< The first is copied.
  const PhysicalMemory &memory_;
  uint64_t done_ = 0, passed_ = 0;
  uint64_t zeros_ = 0, stored_ = 0; ///< What comes next.
};

/// Memory for pieces, used again: what comes new from the system costs a fault
/// for each page, as much as to copy it.
class PieceBuffers {
public:
  std::unique_ptr<uint8_t[]> take() {
    {
      std::lock_guard lock(mutex_);
      if (!spare_.empty()) {
        std::unique_ptr<uint8_t[]> buffer = std::move(spare_.back());
        spare_.pop_back();
        return buffer;
      }
    }
    return std::make_unique_for_overwrite<uint8_t[]>(pieceBytes);
  }
  void give(std::unique_ptr<uint8_t[]> buffer) {
    std::lock_guard lock(mutex_);
    spare_.push_back(std::move(buffer));
  }

private:
  std::mutex mutex_;
  std::vector<std::unique_ptr<uint8_t[]>> spare_;
};

/// By page: a piece may be in no one piece in the file.
void readPiece(const PhysicalMemory &memory, const CopiedPiece &piece,
               PieceBuffers &buffers, CopiedBytes &out) {
  if (piece.isZeros)
    return out.addPage(piece.size, true);
  out.bytes = buffers.take();
  for (uint64_t done = 0; done < piece.size && !out.absent;) {
    const llvm::MutableArrayRef<uint8_t> page(
        out.bytes.get() + done, std::min(pageBytes, piece.size - done));
    out.absent = memory.tryRead(piece.start + done, page);
    out.addPage(page.size(), isZero(page));
    done += page.size();
  }
}

llvm::Error writePiece(OutputFile &file, const CopiedBytes &piece) {
  if (piece.absent)
    return llvm::make_error<MemoryError>(*piece.absent);
  uint64_t at = 0;
  for (auto [size, isZeros] : piece.runs) {
    if (llvm::Error error = isZeros
                                ? file.skip(size)
                                : file.write({piece.bytes.get() + at, size}))
      return error;
    at += size;
  }
  return llvm::Error::success();
}

/// Pieces are read by all threads and written in their order.
llvm::Error copyMemory(OutputFile &file, const CoreContents &contents,
                       const PhysicalMemory &memory, Diagnostics &diagnostics) {
  uint64_t total = 0;
  for (const CoreSegment &segment : contents.segments)
    total += segment.storedBytes;
  MemoryBehind behind(memory);
  SegmentPieces pieces(contents.segments, memory);
  PieceBuffers buffers;
  llvm::Error failure = llvm::Error::success();
  inOrder<CopiedPiece, CopiedBytes>(
      diagnostics.threads(),
      [&](CopiedPiece &piece) { return pieces.next(piece); },
      [&](unsigned, const CopiedPiece &piece, CopiedBytes &bytes) {
        readPiece(memory, piece, buffers, bytes);
      },
      [&](const CopiedPiece &piece, CopiedBytes &bytes) {
        if (!piece.isZeros)
          behind.pass(piece.start, piece.size);
        diagnostics.progress("writing memory", piece.passed, total);
        llvm::Error error = writePiece(file, bytes);
        if (bytes.bytes)
          buffers.give(std::move(bytes.bytes));
        if (!error)
          return true;
        failure = llvm::joinErrors(std::move(failure), std::move(error));
        return false;
      });
  return failure;
}

} // namespace

Note makeNote(llvm::StringRef name, uint32_t type, llvm::StringRef text) {
  return {name.str(), type,
          Bytes({reinterpret_cast<const uint8_t *>(text.data()), text.size()})};
}

std::vector<CoreSegment> makeSegments(llvm::ArrayRef<MemoryRange> ranges) {
  std::vector<CoreSegment> segments;
  for (const MemoryRange &range : ranges) {
    const bool present = !range.absence;
    if (range.absence == Absence::OutsideRam)
      continue;
    CoreSegment *last = segments.empty() ? nullptr : &segments.back();
    const bool continues = last &&
                           last->start + last->memoryBytes == range.start &&
                           last->memoryBytes + range.size != 0;
    if (!present && continues)
      last->memoryBytes += range.size;
    else
      segments.push_back({range.start, range.size, present ? range.size : 0,
                          range.start.value});
  }
  return segments;
}

llvm::Error writeElfCore(OutputFile &file, const CoreContents &contents,
                         const PhysicalMemory &memory,
                         Diagnostics &diagnostics) {
  std::vector<uint8_t> notes = encodeNotes(contents);
  std::vector<Load> loads = makeLoads(contents);
  FileLayout layout = layOut(loads.size(), notes.size());
  FieldWriter headers(contents.order);
  putElfHeader(headers, contents, layout);
  putProgramHeader(headers, PT_NOTE, layout.notesAt, 0, 0, notes.size(),
                   notes.size());
  for (const Load &load : loads)
    putProgramHeader(headers, PT_LOAD, layout.dataAt + load.offset,
                     load.virtualStart, load.start.value, load.storedBytes,
                     load.memoryBytes);
  if (layout.needsSection)
    putCountingSection(headers, layout);
  headers.append(notes);
  headers.padTo(pageBytes);

  if (llvm::Error error = file.write(headers.bytes()))
    return error;
  if (llvm::Error error = copyMemory(file, contents, memory, diagnostics))
    return error;
  return file.commit();
}

} // namespace vmpt
