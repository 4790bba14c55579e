#include "dump/formats/Vmware.h"

#include "dump/storage/ExtentMemory.h"
#include "support/Bits.h"

#include <array>
#include <set>

namespace vmpt {

namespace {

constexpr uint32_t magics[] = {0xbed0bed0, 0xbed2bed2, 0xbed3bed3, 0xbad1bad1,
                               0xbad2bad2};
constexpr uint32_t magicOf32Bit = 0xbed0bed0;
constexpr uint64_t pageSize = 4096;
/// VMware itself has three regions and at most some hundred CPUs.
constexpr uint32_t maxRegions = 64, maxCpus = 4096;

/// A run of guest pages and where the memory image has them; all in pages.
struct Region {
  std::optional<uint32_t> imagePage, guestPage, count;
};

struct State {
  uint32_t regionCount = 0;
  std::array<Region, maxRegions> regions;
  std::optional<Bytes> memory;
  std::vector<CpuRegisters> cpus;
  std::string lost; ///< Which group is cut off.
};

/// One tagged value. Its tag is u16: bits 5-0 size of the value, 7-6 number of
/// indices, 15-8 length of the name.
struct Item {
  llvm::StringRef name;
  std::array<uint32_t, 3> index = {};
  unsigned indexCount = 0;
  bool block = false, compressed = false;
  Bytes value;

  uint64_t number() const {
    switch (value.size()) {
    case 4:
      return value.at<uint32_t>(0);
    case 8:
      return value.at<uint64_t>(0);
    default:
      return 0;
    }
  }
};

/// The next item, or nothing at the end of the group or of the file.
std::optional<Item> readItem(Cursor &cursor) {
  constexpr unsigned compressedBlock = 62, wholeBlock = 63;
  uint16_t tag = cursor.u16();
  if (tag == 0)
    return std::nullopt;
  Item item;
  unsigned size = tag & 0x3f;
  item.name = cursor.take(tag >> 8).text();
  item.indexCount = tag >> 6 & 3;
  for (unsigned i = 0; i < item.indexCount; ++i)
    item.index[i] = cursor.u32();
  item.compressed = size == compressedBlock;
  item.block = item.compressed || size == wholeBlock;
  if (item.block) {
    uint64_t stored = cursor.u64();
    cursor.u64(); // size in memory
    cursor.skip(cursor.u16());
    // Memory may be cut off; what there is of it counts.
    item.value = cursor.take(std::min(stored, cursor.remaining()));
  } else {
    item.value = cursor.take(size);
  }
  if (!cursor.ok())
    return std::nullopt;
  return item;
}

llvm::Error readMemoryItem(const Item &item, State &state) {
  if (item.name == "Memory" && item.block) {
    if (item.compressed)
      return llvm::make_error<UnsupportedError>(
          "VMware state with compressed memory; take a snapshot with the "
          "memory in a .vmem file (mainMem.useNamedFile = \"TRUE\")");
    state.memory = item.value;
    return llvm::Error::success();
  }
  auto number = uint32_t(item.number());
  if (item.name == "regionsCount")
    state.regionCount = number;
  if (item.indexCount == 0 || item.index[0] >= maxRegions)
    return llvm::Error::success();
  Region &region = state.regions[item.index[0]];
  if (item.name == "regionPageNum")
    region.imagePage = number;
  else if (item.name == "regionPPN")
    region.guestPage = number;
  else if (item.name == "regionSize")
    region.count = number;
  return llvm::Error::success();
}

void addControlRegister(CpuRegisters &cpu, uint32_t n, uint64_t value) {
  if (n <= 4 && n != 1)
    cpu.system.emplace_back("cr" + std::to_string(n), value);
}

/// Registers stand one by one ("rip"[cpu], "CR64"[cpu][n]) or, in newer files,
/// the control registers of a CPU in one block ("CR64"[cpu], cr0 to cr4).
void readCpuItem(const Item &item, State &state) {
  static constexpr llvm::StringLiteral general[] = {
      "rax", "rbx", "rcx", "rdx", "rsi", "rdi", "rsp", "rbp", "r8",
      "r9",  "r10", "r11", "r12", "r13", "r14", "r15", "rip", "eflags"};
  if (item.indexCount == 0 || item.index[0] >= maxCpus)
    return;
  auto cpu = [&]() -> CpuRegisters & {
    if (state.cpus.size() <= item.index[0])
      state.cpus.resize(item.index[0] + 1);
    return state.cpus[item.index[0]];
  };
  if (item.name == "CR64" && item.block) {
    for (uint32_t n = 0; fits(n * 8, 8, item.value.size()) && n <= 4; ++n)
      addControlRegister(cpu(), n, item.value.at<uint64_t>(n * 8));
  } else if (item.name == "CR64" && item.indexCount >= 2) {
    addControlRegister(cpu(), item.index[1], item.number());
  } else if (!item.block && llvm::is_contained(general, item.name)) {
    cpu().general.emplace_back(item.name.str(), item.number());
  }
}

llvm::Error readGroup(llvm::StringRef name, Bytes file, uint64_t position,
                      State &state, Dump &dump) {
  const std::string what = "group '" + name.str() + "'";
  if (position >= file.size()) {
    state.lost = what + " at offset " + hex(position) + " lies " +
                 describeOverrun(position, 1, file.size());
    dump.quirks.push_back(state.lost);
    return llvm::Error::success();
  }
  Cursor cursor(file, position);
  while (std::optional<Item> item = readItem(cursor)) {
    if (name == "cpu")
      readCpuItem(*item, state);
    else if (llvm::Error error = readMemoryItem(*item, state))
      return error;
  }
  if (!cursor.ok())
    dump.quirks.push_back(state.lost =
                              llvm::toString(cursor.takeError(what.c_str())));
  return llvm::Error::success();
}

llvm::Expected<State> parseState(Bytes file, Dump &dump) {
  constexpr uint64_t headerSize = 12, groupSize = 80, nameSize = 64;
  if (file.size() < headerSize)
    return llvm::make_error<FormatError>(
        "VMware header runs " + describeOverrun(0, headerSize, file.size()));
  if (file.at<uint32_t>(0) == magicOf32Bit)
    return llvm::make_error<UnsupportedError>(
        "VMware state of the old 32-bit form; take it with a product of 2006 "
        "or later");
  llvm::Expected<Bytes> groups = file.slice(
      headerSize, file.at<uint32_t>(8) * groupSize, "the table of groups");
  if (!groups)
    return groups.takeError();
  State state;
  // Each once: many groups at one place would be read many times.
  std::set<llvm::StringRef> wanted = {"memory", "cpu"};
  for (uint64_t at = 0; at < groups->size(); at += groupSize) {
    llvm::StringRef name = groups->clip(at, nameSize).text();
    name = name.take_until([](char c) { return c == '\0'; });
    if (!wanted.erase(name))
      continue;
    if (llvm::Error error = readGroup(
            name, file, groups->at<uint64_t>(at + nameSize), state, dump))
      return error;
  }
  return state;
}

/// [offset, offset + size) of the image is the memory from \p start on.
void addRegion(ExtentMemory &memory, Bytes image, PhysAddr start,
               uint64_t offset, uint64_t size) {
  Bytes data = image.clip(offset, size);
  memory.addData(start, data.array());
  memory.addAbsent(start + data.size(), size - data.size(), Absence::Truncated);
}

llvm::Error addRegions(const State &state, ExtentMemory &memory, Dump &dump) {
  const Bytes image = *state.memory;
  if (state.regionCount > maxRegions)
    return llvm::make_error<FormatError>(std::to_string(state.regionCount) +
                                         " memory regions, expected at most " +
                                         std::to_string(maxRegions));
  for (uint32_t i = 0; i < state.regionCount; ++i) {
    const auto &[imagePage, guestPage, count] = state.regions[i];
    if (!imagePage || !guestPage || !count)
      return llvm::make_error<FormatError>(
          "memory region " + std::to_string(i) + " of " +
          std::to_string(state.regionCount) +
          " lacks its regionPageNum, regionPPN or regionSize");
    addRegion(memory, image, PhysAddr(*guestPage * pageSize),
              *imagePage * pageSize, *count * pageSize);
  }
  if (state.regionCount)
    return llvm::Error::success();
  constexpr uint64_t flatLimit = 0xc0000000;
  addRegion(memory, image, PhysAddr(0), 0, image.size());
  if (image.size() > flatLimit)
    dump.quirks.push_back("no memory regions in a state of more than 3 GiB: "
                          "memory above the hole at 0xc0000000 may be "
                          "misplaced");
  return llvm::Error::success();
}

} // namespace

bool isVmware(Bytes file) {
  return file.size() >= 4 && llvm::is_contained(magics, file.at<uint32_t>(0));
}

std::string getVmemPath(llvm::StringRef path) {
  return path.rsplit('.').first.str() + ".vmem";
}

llvm::Error readVmware(Bytes file, std::optional<Bytes> vmem, Dump &dump) {
  llvm::Expected<State> state = parseState(file, dump);
  if (!state)
    return state.takeError();
  const bool embedded = state->memory.has_value();
  if (!embedded)
    state->memory = vmem;
  if (!state->memory && !state->lost.empty())
    return llvm::make_error<FormatError>(state->lost);
  if (!state->memory)
    return llvm::make_error<UnsupportedError>(
        "the memory of this VMware state is in a .vmem file of its own, which "
        "is not beside it under the same name; give it as a further part");
  auto memory = std::make_unique<ExtentMemory>();
  if (llvm::Error error = addRegions(*state, *memory, dump))
    return error;
  memory->finish();
  dump.format = embedded ? "VMware state with its memory"
                         : "VMware state with a .vmem file";
  dump.producer = "VMware";
  dump.facts.push_back({"regions", std::to_string(state->regionCount)});
  dump.machine.cpus = std::move(state->cpus);
  dump.memory = std::move(memory);
  nameTruncations(dump);
  return llvm::Error::success();
}

} // namespace vmpt
