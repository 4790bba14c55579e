// Writes the first inputs of FuzzBtf, FuzzKallsyms, FuzzLog and FuzzPages into
// the folder given.

#include "FuzzPages.h"
#include "support/BtfBuilder.h"
#include "support/KallsymsBuilder.h"
#include "support/LogBuilder.h"

#include <cstring>
#include <filesystem>
#include <fstream>

using namespace vmpt;
using namespace vmpt::testing;

static void save(const std::filesystem::path &path,
                 const std::vector<uint8_t> &bytes) {
  std::filesystem::create_directories(path.parent_path());
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char *>(bytes.data()),
             std::streamsize(bytes.size()));
}

static std::vector<uint8_t> makeBtf(ByteOrder order, bool withLayout) {
  BtfBuilder btf(order);
  uint32_t i32 = btf.integer("int", 4);
  uint32_t u8 = btf.integer("char", 1);
  uint32_t list = btf.nextId + 1;
  uint32_t pointer = btf.pointer(list);
  btf.structure("list_head", 16, {{"next", pointer, 0}, {"prev", pointer, 64}});
  uint32_t inner = btf.unionOf("", 8, {{"mm", pointer, 0}, {"x", i32, 0}});
  uint32_t comm = btf.array(u8, 16);
  uint32_t pid = btf.typedefOf("pid_t", i32);
  btf.structure("task_struct", 56,
                {{"pid", pid, 0},
                 {"", inner, 64},
                 {"tasks", list, 192},
                 {"comm", comm, 320}});
  btf.structure("s", 8, {{"a", i32, 5 << 24 | 3}}, /*kflag=*/true);
  btf.enumeration("pageflags", {{"PG_buddy", 19}});
  btf.enumeration("", {{"MINUS", ~0u}}, /*isSigned=*/true);
  if (withLayout) {
    btf.type("", BtfBuilder::info(30, 1), 0);
    btf.types.u32(0).u32(0);
    btf.headerSize = 32;
    btf.layout.resize(31 * 4);
    btf.layout[120] = btf.layout[121] = 4;
  }
  return btf.build();
}

static std::vector<uint8_t> makeKallsyms(KallsymsBuilder builder) {
  builder.addSymbols(builder.wordBytes == 4 ? 0xc1000000 : 0xffffffff81000000,
                     300, builder.wideLengths ? 140 : 0);
  if (builder.wordBytes == 4)
    builder.tablesStart = VirtAddr(0xc1800000);
  KernelImage image = builder.build();
  ByteWriter out;
  out.u8(uint8_t((builder.wordBytes == 4) | (builder.order == ByteOrder::big)
                                                << 1));
  const auto &names = builder.tables.names;
  const auto &addresses = builder.tables.addresses;
  for (VirtAddr table :
       {names.symbolCount, names.names, names.tokenTable, names.tokenIndex,
        addresses.offsets.value_or(image.start),
        addresses.relativeBase.value_or(image.start),
        addresses.addresses.value_or(image.start)})
    out.u16(uint16_t(table - image.start));
  return out.bytes(image.data).out;
}

static std::vector<uint8_t> makeLog(const LogImage &image, uint8_t flags,
                                    const RecordBuffer &buffer) {
  ByteWriter out;
  out.u8(flags).u16(uint16_t(buffer.first)).u16(uint16_t(buffer.next));
  return out.bytes(image.bytes).out;
}

static std::vector<uint8_t> makeRing(unsigned wordBytes, ByteOrder order) {
  LogRingBuilder log(wordBytes, order, 3, 7);
  for (int i = 0; i < 30; ++i)
    log.add("line " + std::to_string(i) + (i % 3 ? "" : "\nanother"), i, i % 8);
  log.add("");
  return makeLog(
      log, uint8_t((wordBytes == 4) | (order == ByteOrder::big) << 1), {});
}

static std::vector<uint8_t> makeBuffer() {
  LogBufferBuilder log(160);
  for (int i = 0; i < 10; ++i)
    log.add("piece", i % 4 ? "" : "KEY=VALUE", i, i % 8, i % 2 ? 8 : 2);
  return makeLog(log, 4, log.buffer);
}

/// A file's page, anonymous ones, a compound page, a free block; zones, a
/// cgroup, and a process's tables.
static std::vector<uint8_t> makePages(uint8_t release) {
  using namespace pages_input;
  std::vector<uint8_t> out(1 + tables + 4 * 4096);
  auto put = [&](uint64_t offset, auto value) {
    std::memcpy(&out[1 + offset], &value, sizeof value);
  };
  auto at = [](uint64_t offset) { return (start + offset).value; };
  auto page = [](uint64_t frame) { return pages + frame * pageBytes; };
  out[0] = release;
  put(memMap, at(pages));
  put(maxFrame, frameCount);
  put(node + 8, frameCount);
  put(zones, uint64_t(1));
  put(zones + 8, uint64_t(15));
  put(zones + zoneBytes, uint64_t(16));
  put(zones + zoneBytes + 8, uint64_t(48));
  for (uint64_t frame = 0; frame < frameCount; ++frame)
    put(page(frame) + 48, ~uint32_t(0));

  // Names lie at `others`, objects of four words behind them.
  const uint64_t top = others + 256, folder = top + 32, file = folder + 32,
                 inode = file + 32, mapping = inode + 32, memcg = mapping + 32,
                 group = memcg + 32;
  std::memcpy(&out[1 + others], "usr\0ls\0Normal", 14);
  const std::pair<uint64_t, uint64_t> words[] = {{top, at(top)},
                                                 {top + 8, at(others + 3)},
                                                 {folder, at(top)},
                                                 {folder + 8, at(others)},
                                                 {file, at(folder)},
                                                 {file + 8, at(others + 4)},
                                                 {inode, 1234},
                                                 {inode + 8, at(inode)},
                                                 {inode + 16, at(file + 16)},
                                                 {mapping, at(inode)},
                                                 {memcg, at(group)},
                                                 {group, at(group + 8)},
                                                 {group + 8, 0},
                                                 {group + 16, at(others)},
                                                 {zones + 16, at(others + 7)}};
  for (const auto &[offset, word] : words)
    put(offset, word);
  put(page(20) + 24, at(mapping));
  put(page(20) + 48, uint32_t(0));
  put(page(20) + 52, uint32_t(2));
  put(page(20) + 56, at(memcg));
  put(page(21) + 24, at(mapping) | 1);
  put(page(32), uint64_t(1) << 16);
  for (uint64_t frame = 33; frame < 40; ++frame)
    put(page(frame) + 8, at(page(32)) | 1);
  put(page(33) + 16, uint16_t(0x302));
  put(page(8) + 48, ~uint32_t(0x80));
  put(page(8) + 40, uint64_t(2));

  const uint64_t table = (physical + tables).value;
  put(tables, (table + 0x1000) | 0x67);
  put(tables + 0x1000, (table + 0x2000) | 0x67);
  put(tables + 0x2000, (table + 0x3000) | 0x67);
  for (uint64_t i = 0; i < 40; ++i)
    put(tables + 0x3000 + 8 * i, i << 12 | (i % 5 ? 0x67 : 0x100));
  return out;
}

int main(int argc, char **argv) {
  if (argc != 2)
    return 2;
  const std::filesystem::path corpus = argv[1];
  using enum KallsymsEncoding;
  save(corpus / "FuzzBtf/little", makeBtf(ByteOrder::little, false));
  save(corpus / "FuzzBtf/big-layout", makeBtf(ByteOrder::big, true));

  save(corpus / "FuzzKallsyms/old-percpu",
       makeKallsyms({.encoding = AbsolutePercpu}));
  save(corpus / "FuzzKallsyms/old-absolute-words",
       makeKallsyms({.encoding = Absolute, .countBytes = 8, .markerBytes = 8}));
  save(
      corpus / "FuzzKallsyms/new-relative",
      makeKallsyms(
          {.wideLengths = true, .addressesFirst = false, .seqsOfNames = true}));
  save(corpus / "FuzzKallsyms/new-place-relative",
       makeKallsyms({.encoding = PlaceRelative,
                     .alignment = 4,
                     .wideLengths = true,
                     .addressesFirst = false,
                     .seqsOfNames = true}));
  save(corpus / "FuzzKallsyms/new-32-bit",
       makeKallsyms({.encoding = Offset32,
                     .wordBytes = 4,
                     .alignment = 4,
                     .wideLengths = true,
                     .addressesFirst = false}));

  save(corpus / "FuzzLog/ring", makeRing(8, ByteOrder::little));
  save(corpus / "FuzzLog/ring-32-big", makeRing(4, ByteOrder::big));
  save(corpus / "FuzzLog/records", makeBuffer());

  for (uint8_t i = 0; i < std::size(pages_input::releases); ++i)
    save(corpus / "FuzzPages" / pages_input::releases[i], makePages(i));
}
