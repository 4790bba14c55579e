#include "dump/formats/S390Dump.h"

#include "dump/storage/ExtentMemory.h"
#include "support/Bits.h"

#include <elf.h>

namespace vmpt {

namespace {

constexpr uint64_t magic = 0xa8190173618f23fd;
/// The same with pieces of memory that are compressed (zipl 2.6 on).
constexpr uint64_t extendedMagic = 0xa8190173618f23fe;
constexpr uint64_t headerBytes = 4096;
constexpr llvm::StringLiteral endMark = "DUMP_END";

/// struct df_s390_hdr, which is packed.
namespace at {
constexpr uint64_t version = 0x08, headerSize = 0x0c, pageSize = 0x14,
                   memorySize = 0x18, memoryStart = 0x20, memoryEnd = 0x28,
                   volume = 0x4c, buildArch = 0x50, isMultiVolume = 0x5c,
                   cpuCount = 0x5d, realCpuCount = 0x5f, prefixes = 0x800;
} // namespace at
constexpr uint32_t maxCpus = 512, arch64 = 2;

/// Where a CPU's registers are stored, from its prefix on.
constexpr uint64_t generalArea = 0x1280, pswArea = 0x1300, controlArea = 0x1380,
                   statusEnd = 0x1400;

/// One of the registers' names of the architecture after the other.
void addWords(llvm::ArrayRef<llvm::StringLiteral> names, Bytes words,
              std::vector<std::pair<std::string, uint64_t>> &registers) {
  for (size_t i = 0; i < names.size() && fits(i * 8, 8, words.size()); ++i)
    registers.emplace_back(names[i].str(), words.at<uint64_t>(i * 8));
}

void readCpu(uint32_t prefix, const ArchTraits &traits, Dump &dump) {
  std::vector<uint8_t> raw(statusEnd - generalArea);
  if (dump.memory->tryRead(PhysAddr(prefix + generalArea), raw)) {
    dump.quirks.push_back("the registers of a CPU, behind its prefix " +
                          hex(uint64_t(prefix)) + ", are not in the file");
    return;
  }
  const Bytes area(raw, ByteOrder::big);
  CpuRegisters cpu;
  const llvm::ArrayRef<llvm::StringLiteral> general(
      traits.prstatus.registers.data(), traits.prstatus.registers.size());
  addWords(general.take_front(2), area.clip(pswArea - generalArea, 16),
           cpu.general);
  addWords(general.drop_front(2), area.clip(0, 16 * 8), cpu.general);
  for (const RegisterNote &note : traits.systemNotes)
    if (note.type == NT_S390_CTRS)
      addWords({note.registers.data(), note.registers.size()},
               area.clip(controlArea - generalArea, 16 * 8), cpu.system);
  cpu.system.emplace_back("prefix", prefix);
  dump.machine.cpus.push_back(std::move(cpu));
}

void readCpus(Bytes header, Dump &dump) {
  uint32_t count = header.at<uint16_t>(at::realCpuCount);
  if (!count)
    count = header.at<uint16_t>(at::cpuCount);
  // Version 1 to 4 know no CPUs.
  if (header.at<uint32_t>(at::version) < 5 || !count) {
    dump.quirks.push_back("the header names no CPUs, so there are no "
                          "registers");
    return;
  }
  if (count > maxCpus) {
    dump.quirks.push_back("the header has " + std::to_string(count) +
                          " CPUs, of which it can name " +
                          std::to_string(maxCpus));
    count = maxCpus;
  }
  for (uint32_t i = 0; i < count; ++i)
    readCpu(header.at<uint32_t>(at::prefixes + i * 4),
            getTraits(*dump.machine.arch), dump);
}

llvm::Error checkHeader(Bytes header, uint64_t start, uint64_t size) {
  const uint32_t headerSize = header.at<uint32_t>(at::headerSize),
                 pageSize = header.at<uint32_t>(at::pageSize);
  auto error = [](const llvm::Twine &what, uint64_t place) {
    return llvm::make_error<FormatError>(what, FileOffset(place));
  };
  if (headerSize != headerBytes)
    return error("s390 dump header of " + hex(headerSize) +
                     " bytes, expected " + hex(headerBytes),
                 at::headerSize);
  if (pageSize != 4096)
    return error("s390 dump with pages of " + hex(pageSize) +
                     " bytes, expected 0x1000",
                 at::pageSize);
  if (size == 0 || size % 4096 || start % 4096 || start > ~size)
    return error("s390 dump of " + hex(size) + " bytes of memory from " +
                     hex(start) + " on, which is no range of pages",
                 at::memorySize);
  if (header.at<uint8_t>(at::isMultiVolume) || header.at<uint32_t>(at::volume))
    return llvm::make_error<UnsupportedError>(
        "s390 dump on several volumes; join them first with 'zgetdump'");
  if (header.at<uint32_t>(at::buildArch) &&
      header.at<uint32_t>(at::buildArch) != arch64)
    return llvm::make_error<UnsupportedError>(
        "s390 dump of a 31-bit system; vmpt knows s390x");
  return llvm::Error::success();
}

/// The mark and when the dump ended. A dump that was stopped has none.
void checkEnd(Bytes file, uint64_t size, Dump &dump) {
  if (fits(headerBytes, size, file.size()) &&
      file.clip(headerBytes + size, endMark.size()).text() != endMark)
    dump.quirks.push_back("there is no " + endMark.str() +
                          " behind the memory: the dump was not finished");
}

} // namespace

bool isS390Dump(Bytes file) {
  if (file.size() < 8)
    return false;
  const uint64_t value = file.withOrder(ByteOrder::big).at<uint64_t>(0);
  return value == magic || value == extendedMagic;
}

llvm::Error readS390Dump(Bytes file, Dump &dump) {
  file = file.withOrder(ByteOrder::big);
  if (file.at<uint64_t>(0) == extendedMagic)
    return llvm::make_error<UnsupportedError>(
        "a compressed s390 dump; convert it first with 'zgetdump -f elf'");
  llvm::Expected<Bytes> header = file.slice(0, headerBytes, "s390 dump header");
  if (!header)
    return header.takeError();
  const uint64_t size = header->at<uint64_t>(at::memorySize),
                 start = header->at<uint64_t>(at::memoryStart);
  if (llvm::Error error = checkHeader(*header, start, size))
    return error;
  auto memory = std::make_unique<ExtentMemory>();
  const Bytes stored = file.clip(headerBytes, size);
  if (!stored.empty())
    memory->addData(PhysAddr(start), stored.array());
  if (stored.size() < size)
    memory->addAbsent(PhysAddr(start + stored.size()), size - stored.size(),
                      Absence::Truncated);
  memory->finish();
  dump.format = "S/390 dump";
  dump.producer = "IBM Z stand-alone dump tools";
  dump.facts.push_back(
      {"format version", std::to_string(header->at<uint32_t>(at::version))});
  const uint64_t end = header->at<uint64_t>(at::memoryEnd);
  if (end != start + size && end != start + size - 1)
    dump.quirks.push_back("the header ends memory at " + hex(end) +
                          ", its size at " + hex(start + size));
  dump.machine.arch = findElfArch(EM_S390, ELFCLASS64);
  dump.machine.archSource = "s390 dump header";
  dump.machine.order = ByteOrder::big;
  dump.memory = std::move(memory);
  nameTruncations(dump);
  readCpus(*header, dump);
  checkEnd(file, size, dump);
  return llvm::Error::success();
}

} // namespace vmpt
