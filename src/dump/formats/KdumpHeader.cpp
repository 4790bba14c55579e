#include "dump/formats/KdumpHeader.h"

#include "memory/Arch.h"
#include "support/Bits.h"

#include "llvm/ADT/SmallVector.h"

#include <array>

namespace vmpt {

namespace {

struct Field {
  uint16_t offset = 0;
  uint8_t size = 0; ///< 4 or 8.
};

constexpr Field u32At(uint16_t offset) { return {offset, 4}; }
constexpr Field u64At(uint16_t offset) { return {offset, 8}; }

} // namespace

struct KdumpLayout {
  const char *name;
  bool is64Bit;
  // struct disk_dump_header, from the start of the file.
  Field status, blockSize, subHeaderBlocks, bitmapBlocks, maxMapnr;
  // struct kdump_sub_header, from the second block.
  Field dumpLevel, split, startPfn, endPfn; // versions 1, 2, 2, 2
  Field vmcoreinfoOffset, vmcoreinfoSize;   // version 3
  Field notesOffset, notesSize;             // version 4
  Field startPfn64, endPfn64, maxMapnr64;   // version 6
};

namespace {

constexpr KdumpLayout layout64 = {
    .name = "64-bit",
    .is64Bit = true,
    .status = u32At(424),
    .blockSize = u32At(428),
    .subHeaderBlocks = u32At(432),
    .bitmapBlocks = u32At(436),
    .maxMapnr = u32At(440),
    .dumpLevel = u32At(8),
    .split = u32At(12),
    .startPfn = u64At(16),
    .endPfn = u64At(24),
    .vmcoreinfoOffset = u64At(32),
    .vmcoreinfoSize = u64At(40),
    .notesOffset = u64At(48),
    .notesSize = u64At(56),
    .startPfn64 = u64At(80),
    .endPfn64 = u64At(88),
    .maxMapnr64 = u64At(96),
};

/// 64-bit numbers aligned to 4 bytes: i386, and whatever QEMU writes for a
/// 32-bit machine.
constexpr KdumpLayout layout32Packed = {
    .name = "32-bit packed",
    .is64Bit = false,
    .status = u32At(412),
    .blockSize = u32At(416),
    .subHeaderBlocks = u32At(420),
    .bitmapBlocks = u32At(424),
    .maxMapnr = u32At(428),
    .dumpLevel = u32At(4),
    .split = u32At(8),
    .startPfn = u32At(12),
    .endPfn = u32At(16),
    .vmcoreinfoOffset = u64At(20),
    .vmcoreinfoSize = u32At(28),
    .notesOffset = u64At(32),
    .notesSize = u32At(40),
    .startPfn64 = u64At(56),
    .endPfn64 = u64At(64),
    .maxMapnr64 = u64At(72),
};

/// 64-bit numbers aligned to 8 bytes: ARM, MIPS, PowerPC.
constexpr KdumpLayout layout32Padded = [] {
  KdumpLayout layout = layout32Packed;
  layout.name = "32-bit padded";
  layout.vmcoreinfoOffset = u64At(24);
  layout.vmcoreinfoSize = u32At(32);
  layout.notesOffset = u64At(40);
  layout.notesSize = u32At(48);
  layout.startPfn64 = u64At(72);
  layout.endPfn64 = u64At(80);
  layout.maxMapnr64 = u64At(88);
  return layout;
}();

constexpr llvm::StringLiteral signature("KDUMP   ");
constexpr uint64_t versionOffset = 8;
constexpr uint64_t utsnameOffset = 12;
constexpr uint64_t utsnameFieldSize = 65;
constexpr uint64_t mainHeaderSize = 464;
constexpr uint64_t subHeaderSize = 104;
constexpr uint32_t newestVersion = 6;
constexpr uint32_t minBlockSize = 1024, maxBlockSize = 256 * 1024;

uint64_t get(Bytes from, Field field) {
  return field.size == 4 ? from.at<uint32_t>(field.offset)
                         : from.at<uint64_t>(field.offset);
}

std::string utsnameField(Bytes header, unsigned index) {
  return header.clip(utsnameOffset + index * utsnameFieldSize, utsnameFieldSize)
      .text()
      .split('\0')
      .first.str();
}

llvm::Error formatError(const llvm::Twine &message, Field field,
                        uint64_t base = 0) {
  return llvm::make_error<FormatError>(message,
                                       FileOffset(base + field.offset));
}

void readSubHeader(Bytes bytes, const KdumpLayout &layout,
                   KdumpHeader &header) {
  const uint32_t version = header.version;
  if (version >= 1)
    header.dumpLevel = uint32_t(get(bytes, layout.dumpLevel));
  if (version >= 2) {
    header.isSplit = get(bytes, layout.split) != 0;
    header.startPfn = get(bytes, layout.startPfn);
    header.endPfn = get(bytes, layout.endPfn);
  }
  if (version >= 3)
    header.vmcoreinfo = {get(bytes, layout.vmcoreinfoOffset),
                         get(bytes, layout.vmcoreinfoSize)};
  if (version >= 4)
    header.notes = {get(bytes, layout.notesOffset),
                    get(bytes, layout.notesSize)};
  if (version >= 6) {
    header.startPfn = get(bytes, layout.startPfn64);
    header.endPfn = get(bytes, layout.endPfn64);
    header.maxMapnr = get(bytes, layout.maxMapnr64);
  }
}

bool isBlockSize(uint64_t bytes) {
  return isPowerOfTwo(bytes) && bytes >= minBlockSize && bytes <= maxBlockSize;
}

uint64_t bitmapBlocksNeeded(const KdumpHeader &header) {
  uint64_t bytes = header.maxMapnr / 8 + (header.maxMapnr % 8 != 0);
  return bytes / header.blockSize + (bytes % header.blockSize != 0);
}

/// A wrong layout puts other fields in the place of these.
llvm::Error checkGeometry(const KdumpHeader &header, const KdumpLayout &layout,
                          const FileImage &file) {
  if (header.subHeaderBlocks == 0)
    return formatError("kdump header has no sub header: sub_hdr_size is 0",
                       layout.subHeaderBlocks);
  if (header.maxMapnr == 0)
    return formatError("kdump header has no page frames: max_mapnr is 0",
                       layout.maxMapnr);
  if (header.maxMapnr > ~uint64_t(0) / header.blockSize)
    return formatError("kdump max_mapnr " + hex(header.maxMapnr) +
                           " reaches beyond 64 bits of physical address",
                       layout.maxMapnr);
  if (header.bitmapBlocks < bitmapBlocksNeeded(header))
    return formatError("kdump bitmaps of " + hex(header.bitmapBlocks) +
                           " blocks do not cover max_mapnr " +
                           hex(header.maxMapnr) + ", expected at least " +
                           hex(bitmapBlocksNeeded(header)) + " blocks of " +
                           hex(header.blockSize) + " bytes",
                       layout.bitmapBlocks);
  if (!fits(header.bitmapOffset(), header.bitmapBytes(), file.size()))
    return formatError("kdump bitmaps from offset " +
                           hex(header.bitmapOffset()) + " to " +
                           hex(header.descriptorOffset()) + " run " +
                           describeOverrun(header.bitmapOffset(),
                                           header.bitmapBytes(), file.size()),
                       layout.bitmapBlocks);
  return llvm::Error::success();
}

llvm::Expected<KdumpHeader> tryLayout(const FileImage &file, Bytes main,
                                      const KdumpLayout &layout) {
  KdumpHeader header;
  header.layout = &layout;
  header.order = main.order();
  header.version = main.at<uint32_t>(versionOffset);
  header.sysname = utsnameField(main, 0);
  header.release = utsnameField(main, 2);
  header.machine = utsnameField(main, 4);
  header.identity =
      main.clip(utsnameOffset, layout.status.offset - utsnameOffset)
          .text()
          .str();
  header.status = uint32_t(get(main, layout.status));
  header.blockSize = uint32_t(get(main, layout.blockSize));
  header.subHeaderBlocks = uint32_t(get(main, layout.subHeaderBlocks));
  header.bitmapBlocks = uint32_t(get(main, layout.bitmapBlocks));
  header.maxMapnr = get(main, layout.maxMapnr);
  if (!isBlockSize(header.blockSize))
    return formatError("kdump block size " + hex(header.blockSize) +
                           " is not a power of two from " + hex(minBlockSize) +
                           " to " + hex(maxBlockSize),
                       layout.blockSize);
  std::array<uint8_t, subHeaderSize> sub;
  if (!file.tryRead(header.blockSize, sub))
    return llvm::make_error<FormatError>(
        "kdump sub header at offset " + hex(header.blockSize) + " runs " +
            describeOverrun(header.blockSize, subHeaderSize, file.size()),
        FileOffset(header.blockSize));
  readSubHeader(Bytes(sub, header.order), layout, header);
  if (auto error = checkGeometry(header, layout, file))
    return error;
  return header;
}

/// Notes and VMCOREINFO lie behind the sub header, before the bitmaps; in the
/// wrong one of the two 32-bit layouts, zeros and halves of offsets show up.
bool piecesArePlausible(const KdumpHeader &header) {
  auto plausible = [&](const KdumpPiece &piece) {
    if (piece.offset == 0 && piece.size == 0)
      return true;
    return piece.offset >= header.blockSize &&
           fits(piece.offset, piece.size, header.bitmapOffset());
  };
  return plausible(header.vmcoreinfo) && plausible(header.notes);
}

/// uname -m, which QEMU does not always know ("Unknown").
bool isMachine32Bit(llvm::StringRef machine) {
  if (std::optional<Arch> arch = parseArch(machine))
    return getTraits(*arch).wordBytes == 4;
  for (llvm::StringRef name : {"arm", "ppc", "mips", "s390", "riscv32"})
    if (machine == name)
      return true;
  return machine.consume_front("armv") && !machine.empty() &&
         machine.front() < '8';
}

llvm::SmallVector<ByteOrder, 2> possibleOrders(Bytes main) {
  llvm::SmallVector<ByteOrder, 2> orders;
  for (ByteOrder order : {ByteOrder::little, ByteOrder::big})
    if (main.withOrder(order).at<uint32_t>(versionOffset) <= newestVersion)
      orders.push_back(order);
  return orders;
}

} // namespace

/// The first that differs of the fields of which `identity` is made.
static const char *findDifferentName(llvm::StringRef one,
                                     llvm::StringRef other) {
  static constexpr const char *names[] = {
      "utsname.sysname", "utsname.nodename", "utsname.release",
      "utsname.version", "utsname.machine",  "utsname.domainname"};
  for (size_t i = 0; i < std::size(names); ++i)
    if (one.substr(i * utsnameFieldSize, utsnameFieldSize) !=
        other.substr(i * utsnameFieldSize, utsnameFieldSize))
      return names[i];
  return one == other ? nullptr : "timestamp";
}

bool KdumpHeader::hasTwoBitmaps() const {
  return bitmapBlocks >= 2 * bitmapBlocksNeeded(*this);
}

const char *KdumpHeader::getLayoutName() const { return layout->name; }

const char *KdumpHeader::findDifference(const KdumpHeader &other) const {
  if (layout != other.layout || order != other.order)
    return "layout";
  if (version != other.version)
    return "header_version";
  if (const char *field = findDifferentName(identity, other.identity))
    return field;
  if (blockSize != other.blockSize)
    return "block_size";
  if (subHeaderBlocks != other.subHeaderBlocks)
    return "sub_hdr_size";
  if (bitmapBlocks != other.bitmapBlocks)
    return "bitmap_blocks";
  if (maxMapnr != other.maxMapnr)
    return "max_mapnr";
  return isSplit != other.isSplit ? "split" : nullptr;
}

bool isKdump(const FileImage &file) {
  std::array<uint8_t, signature.size()> start;
  return file.tryRead(0, start) && Bytes(start).text() == signature;
}

llvm::Expected<KdumpHeader> readKdumpHeader(const FileImage &file) {
  std::array<uint8_t, mainHeaderSize> raw;
  if (!file.tryRead(0, raw))
    return llvm::make_error<FormatError>(
        "kdump header of " + hex(mainHeaderSize) + " bytes runs " +
        describeOverrun(0, mainHeaderSize, file.size()));
  Bytes main(raw);
  auto orders = possibleOrders(main);
  if (orders.empty())
    return llvm::make_error<UnsupportedError>(
        "kdump header version " + hex(main.at<uint32_t>(versionOffset)) +
        " is neither little- nor big-endian one of 0 to " +
        llvm::Twine(newestVersion));

  // A layout that fits and whose notes are in place; else one that fits; else
  // what is wrong with the likeliest.
  llvm::SmallVector<const KdumpLayout *, 3> layouts = {
      &layout64, &layout32Packed, &layout32Padded};
  const std::string machine = utsnameField(main, 4);
  if (isMachine32Bit(machine))
    std::rotate(layouts.begin(), layouts.begin() + 1, layouts.end());
  std::optional<KdumpHeader> fitting;
  llvm::Error first = llvm::Error::success();
  for (ByteOrder order : orders) {
    // Of a file that is cut off, no layout fits, and the likeliest is that
    // whose block size could be one, where QEMU has no name for the machine.
    if (!parseArch(machine) && !isMachine32Bit(machine))
      std::stable_partition(
          layouts.begin(), layouts.end(), [&](const KdumpLayout *layout) {
            return isBlockSize(get(main.withOrder(order), layout->blockSize));
          });
    for (const KdumpLayout *layout : layouts) {
      auto header = tryLayout(file, main.withOrder(order), *layout);
      if (header && piecesArePlausible(*header)) {
        llvm::consumeError(std::move(first));
        return header;
      }
      if (header && !fitting)
        fitting = *header;
      if (auto error = header.takeError()) {
        if (first)
          llvm::consumeError(std::move(error));
        else
          first = std::move(error);
      }
    }
  }
  if (!fitting)
    return first;
  llvm::consumeError(std::move(first));
  return *fitting;
}

} // namespace vmpt
