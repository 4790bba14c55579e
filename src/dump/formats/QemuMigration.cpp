#include "dump/formats/QemuMigration.h"

#include "dump/formats/QemuMemory.h"
#include "dump/formats/RawLayout.h"
#include "support/Bits.h"

#include <algorithm>

namespace vmpt {

namespace {

constexpr uint64_t GiB = 1 << 30;

/// How a machine type places its RAM.
struct MachineRam {
  llvm::StringLiteral machine; ///< Prefix of the type's name.
  llvm::StringLiteral block;   ///< What it calls its RAM by default.
  llvm::StringLiteral layout;  ///< In rawLayouts().
  /// The emulator, qemu-system-X, where the type is of one alone.
  llvm::StringLiteral target;
};

// qemu 7.2: default_ram_id of each machine class. "virt" is both arm's (with
// a version) and riscv's (without): the first row that fits decides.
constexpr MachineRam machines[] = {
    {"pc-i440fx", "pc.ram", "qemu-i440fx", ""},
    {"pc-q35", "pc.ram", "qemu-q35", ""},
    {"microvm", "microvm.ram", "qemu-microvm", ""},
    {"virt", "mach-virt.ram", "qemu-arm-virt", "aarch64"},
    {"virt", "riscv_virt_board.ram", "qemu-riscv-virt", "riscv64"},
    {"virt-", "", "qemu-arm-virt", "aarch64"},
    {"virt", "", "qemu-riscv-virt", "riscv64"},
};

bool hasPrefix(llvm::StringRef text, llvm::StringRef prefix) {
  return text.consume_front(prefix);
}

/// PCs of machine types up to 1.7 (there are 10.0 and later, too).
std::string findLayout(const QemuStream &stream, const MachineRam &machine) {
  const bool isOld = hasPrefix(stream.machine, "pc-i440fx-1.") ||
                     hasPrefix(stream.machine, "pc-q35-1.");
  return machine.layout.str() + (isOld ? "-1.7" : "");
}

const QemuBlock *findBlock(const QemuStream &stream, llvm::StringRef name) {
  auto found =
      std::find_if(stream.blocks.begin(), stream.blocks.end(),
                   [&](const QemuBlock &block) { return block.name == name; });
  return found == stream.blocks.end() ? nullptr : &*found;
}

/// By the machine's name; a stream without one by its block alone.
const MachineRam *findMachine(const QemuStream &stream) {
  for (const MachineRam &row : machines) {
    bool named = !row.block.empty() && findBlock(stream, row.block);
    if (stream.machine.empty() ? named
                               : hasPrefix(stream.machine, row.machine) &&
                                     (named || row.block.empty()))
      return &row;
  }
  // A type of the table whose RAM is an object that the user named.
  for (const MachineRam &row : machines)
    if (!stream.machine.empty() && hasPrefix(stream.machine, row.machine))
      return &row;
  return nullptr;
}

/// The blocks that are the machine's RAM, in the order of its addresses.
std::vector<size_t> findRamBlocks(const QemuStream &stream,
                                  const MachineRam &machine, Dump &dump) {
  std::vector<size_t> nodes;
  size_t largest = 0;
  for (size_t i = 0; i < stream.blocks.size(); ++i) {
    llvm::StringRef name = stream.blocks[i].name;
    if (name == machine.block)
      return {i};
    name.consume_front("/objects/");
    if (name.consume_front("ram-node"))
      nodes.push_back(i);
    if (stream.blocks[i].length > stream.blocks[largest].length)
      largest = i;
  }
  if (nodes.empty()) {
    dump.quirks.push_back("no RAM block '" + machine.block.str() +
                          "': the largest, '" + stream.blocks[largest].name +
                          "', is taken for the RAM");
    return {largest};
  }
  // libvirt names the nodes' blocks by number; 2 comes before 10.
  std::sort(nodes.begin(), nodes.end(), [&](size_t a, size_t b) {
    const std::string &x = stream.blocks[a].name, &y = stream.blocks[b].name;
    return std::make_pair(x.size(), x) < std::make_pair(y.size(), y);
  });
  return nodes;
}

/// A piece of the machine's RAM as pieces of its blocks.
void addPiece(const RawPiece &piece, const QemuStream &stream,
              llvm::ArrayRef<size_t> ram, QemuMemory &memory) {
  uint64_t base = 0;
  for (size_t index : ram) {
    uint64_t length = stream.blocks[index].length;
    uint64_t first = std::max(base, piece.offset);
    uint64_t end = std::min(base + length, piece.offset + piece.size);
    if (first < end)
      memory.addPiece(piece.start + (first - piece.offset), index, first - base,
                      end - first);
    base += length;
  }
}

/// The low RAM behind [start, end) is out of the CPUs' sight.
void cutWindow(std::vector<RawPiece> &pieces, uint64_t start, uint64_t end) {
  RawPiece low = pieces.front();
  if (low.size <= start)
    return;
  pieces.front().size = start;
  if (low.size > end)
    pieces.insert(pieces.begin() + 1, {end, PhysAddr(end), low.size - end});
}

/// The window of video memory is there if a device for it is (its RAM block is
/// "0000:00:01.0/vga.vram"); else RAM shows, also in dump-guest-memory's files.
/// A secondary-vga has such a block and no window: then 128 KiB are missed.
bool hasVga(const QemuStream &stream) {
  return llvm::any_of(stream.blocks, [](const QemuBlock &block) {
    return llvm::StringRef(block.name).contains("vga");
  });
}

/// Firmware that is not RAM: it ends at 4 GiB, above the low RAM and below the
/// high one. Its end shows below 1 MiB, too (qemu 7.2 hw/i386/x86.c,
/// x86_bios_rom_init); on a PC that is RAM once the firmware runs.
class Firmware {
public:
  explicit Firmware(const QemuStream &stream)
      : block_(findBlock(stream, "pc.bios")) {
    if (block_ && block_->length <= GiB / 2) {
      index_ = size_t(block_ - stream.blocks.data());
      shadow_ = std::min<uint64_t>(block_->length, 128 << 10);
    } else {
      block_ = nullptr;
    }
  }
  uint64_t shadowStart() const { return shadowEnd - shadow_; }
  void addShadow(QemuMemory &memory) const {
    if (block_)
      memory.addPiece(PhysAddr(shadowStart()), index_, block_->length - shadow_,
                      shadow_);
  }
  void addTop(QemuMemory &memory) const {
    if (block_)
      memory.addPiece(PhysAddr(4 * GiB - block_->length), index_, 0,
                      block_->length);
  }
  static constexpr uint64_t shadowEnd = 1 << 20;

private:
  const QemuBlock *block_;
  size_t index_ = 0;
  uint64_t shadow_ = 0;
};

void placeRam(const QemuStream &stream, const MachineRam &machine,
              QemuMemory &memory, Dump &dump) {
  std::vector<size_t> ram = findRamBlocks(stream, machine, dump);
  uint64_t total = 0; // cannot wrap: the list of blocks has a bound
  for (size_t index : ram)
    total += stream.blocks[index].length;
  const RawLayout *layout =
      llvm::cantFail(findRawLayout(findLayout(stream, machine)));
  std::vector<RawPiece> pieces = layout->pieces(total);
  dump.ramEnd = pieces.back().start + pieces.back().size;
  const Firmware firmware(stream);
  const bool isMicrovm = machine.block == "microvm.ram";
  const bool isPc = machine.block == "pc.ram";
  if (isMicrovm)
    cutWindow(pieces, firmware.shadowStart(), Firmware::shadowEnd);
  else if (isPc && hasVga(stream))
    cutWindow(pieces, 0xa0000, 0xc0000);
  auto high = std::find_if(pieces.begin(), pieces.end(), [](auto &piece) {
    return piece.start >= PhysAddr(4 * GiB);
  });
  for (auto piece = pieces.begin(); piece != high; ++piece) {
    if (isMicrovm && piece->start == PhysAddr(Firmware::shadowEnd))
      firmware.addShadow(memory);
    addPiece(*piece, stream, ram, memory);
  }
  if (isPc || isMicrovm)
    firmware.addTop(memory);
  for (auto piece = high; piece != pieces.end(); ++piece)
    addPiece(*piece, stream, ram, memory);

  for (size_t i = 0; i < stream.blocks.size(); ++i)
    if (!llvm::is_contained(ram, i) && stream.blocks[i].length >= GiB / 8)
      dump.quirks.push_back("RAM block '" + stream.blocks[i].name + "' of " +
                            hex(stream.blocks[i].length) +
                            " bytes was left out: nothing tells its address");
}

void describe(const QemuStream &stream, const MachineRam &machine, Dump &dump) {
  dump.producer = "QEMU migration or savevm";
  dump.facts.push_back(
      {"machine", stream.machine.empty() ? "not named" : stream.machine});
  dump.facts.push_back({"layout", findLayout(stream, machine)});
  if (llvm::is_contained(stream.capabilities, "mapped-ram"))
    dump.facts.push_back({"capability", "mapped-ram"});
  dump.machine.arch = parseArch(machine.target);
  if (dump.machine.arch)
    dump.machine.archSource = "QEMU machine type and RAM block";
  if (stream.machine.empty())
    dump.quirks.push_back("the stream does not name its machine type; its RAM "
                          "block has the name of " +
                          machine.machine.str() + "'s");
  if (!stream.cutShort.empty())
    dump.quirks.push_back("the stream was not read to the end of RAM (" +
                          stream.cutShort +
                          "): later pages are missing, and those that were "
                          "sent may be of different moments");
  dump.quirks.push_back("no registers: they are among the device state, which "
                        "is not read");
}

/// libvirt src/qemu/qemu_saveimage.h virQEMUSaveFormat.
llvm::Error refuseCompressed(uint32_t compression, uint64_t start) {
  static constexpr llvm::StringLiteral programs[] = {
      "", "gunzip", "bunzip2", "unxz", "lzop -d", "zstd -d"};
  if (compression >= std::size(programs))
    return llvm::make_error<UnsupportedError>(
        "libvirt save file with compression " + llvm::Twine(compression) +
        ", which vmpt does not know; use 'virsh dump --memory-only'");
  return llvm::make_error<UnsupportedError>(
      "compressed libvirt save file; unpack the stream in it first with "
      "'tail -c +" +
      llvm::Twine(start + 1) + " FILE | " + programs[compression] +
      " > STREAM'");
}

/// The place of the stream in libvirt's save file: libvirt
/// src/qemu/qemu_saveimage.h virQEMUSaveHeader, in the host's byte order.
llvm::Expected<Bytes> unwrapLibvirt(Bytes file) {
  constexpr uint64_t headerSize = 92;
  if (file.size() < headerSize)
    return llvm::make_error<FormatError>(
        "libvirt's save header runs " +
        describeOverrun(0, headerSize, file.size()));
  if (file.at<uint32_t>(16) > 0xffff) // the version, below 4
    file = file.withOrder(ByteOrder::big);
  uint32_t xmlSize = file.at<uint32_t>(20);
  uint64_t start = headerSize + uint64_t(xmlSize);
  if (uint32_t compression = file.at<uint32_t>(28))
    return refuseCompressed(compression, start);
  Bytes stream = file.clip(start, file.size());
  if (stream.size() < 4)
    return llvm::make_error<FormatError>(
        "the QEMU stream behind libvirt's save header, at offset " +
            hex(start) + ", runs " + describeOverrun(start, 4, file.size()),
        FileOffset(start));
  if (stream.clip(0, 4).text() != "QEVM")
    return llvm::make_error<FormatError>(
        "no QEMU stream behind libvirt's save header, at offset " + hex(start),
        FileOffset(start));
  return stream;
}

constexpr llvm::StringLiteral libvirtMagic = "LibvirtQemudSave";

} // namespace

bool isQemuMigration(Bytes file) {
  return file.clip(0, 4).text() == "QEVM" ||
         file.clip(0, libvirtMagic.size()).text() == libvirtMagic;
}

llvm::Error readQemuMigration(Bytes file, Dump &dump) {
  dump.format = "QEMU migration stream";
  if (file.clip(0, libvirtMagic.size()).text() == libvirtMagic) {
    llvm::Expected<Bytes> inside = unwrapLibvirt(file);
    if (!inside)
      return inside.takeError();
    file = *inside;
    dump.format += " in a libvirt save file";
  }
  llvm::Expected<QemuStream> stream = parseQemuStream(file);
  if (!stream)
    return stream.takeError();
  const MachineRam *machine = findMachine(*stream);
  if (!machine)
    return llvm::make_error<UnsupportedError>(
        "QEMU machine type '" + stream->machine +
        "' puts its RAM where vmpt does not know (it knows pc-i440fx, pc-q35, "
        "microvm, virt); take the dump with dump-guest-memory");
  describe(*stream, *machine, dump);
  // The memory takes the stream over; its blocks stay what they are.
  auto memory = std::make_unique<QemuMemory>(std::move(*stream));
  placeRam(memory->stream(), *machine, *memory, dump);
  dump.memory = std::move(memory);
  return llvm::Error::success();
}

} // namespace vmpt
