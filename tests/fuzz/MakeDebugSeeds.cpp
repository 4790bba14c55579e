// Writes the first inputs of FuzzBtf, FuzzKallsyms and FuzzLog into the folder
// given.

#include "support/BtfBuilder.h"
#include "support/KallsymsBuilder.h"
#include "support/LogBuilder.h"

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
}
