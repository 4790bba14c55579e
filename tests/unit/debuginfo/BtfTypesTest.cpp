#include "debuginfo/BtfTypes.h"

#include "support/BtfBuilder.h"
#include "support/Expected.h"

#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

std::unique_ptr<BtfTypes> parse(std::vector<uint8_t> blob,
                                const BtfTypes *base = nullptr) {
  auto types = BtfTypes::create(std::move(blob), "test BTF", base);
  if (types)
    return std::move(*types);
  ADD_FAILURE() << llvm::toString(types.takeError());
  return nullptr;
}

std::string errorOf(std::vector<uint8_t> blob) {
  return textOf(BtfTypes::create(std::move(blob), "test BTF"));
}

uint64_t offsetOf(const TypeSource &types, const char *name, const char *path) {
  auto member = types.findMember(name, path);
  return member ? member->offsetBytes() : ~uint64_t(0);
}

/// struct task { int pid; union { struct mm *mm; struct { long a; long b; };
///   }; struct list { list *next, *prev; } tasks; char comm[16]; } and friends.
BtfBuilder makeKernel(ByteOrder order = ByteOrder::little) {
  BtfBuilder btf(order);
  uint32_t i32 = btf.integer("int", 4);
  uint32_t i64 = btf.integer("long unsigned int", 8);
  uint32_t u8 = btf.integer("char", 1);
  uint32_t list = btf.nextId + 1;
  uint32_t listPointer = btf.pointer(list);
  btf.structure("list_head", 16,
                {{"next", listPointer, 0}, {"prev", listPointer, 64}});
  uint32_t pair = btf.structure("", 16, {{"a", i64, 0}, {"b", i64, 64}});
  uint32_t choice =
      btf.unionOf("", 16, {{"mm", listPointer, 0}, {"", pair, 0}});
  uint32_t comm = btf.array(u8, 16);
  uint32_t constInt = btf.type("", BtfBuilder::info(10), i32);
  uint32_t pid = btf.typedefOf("pid_t", constInt);
  btf.structure("task_struct", 56,
                {{"pid", pid, 0},
                 {"", choice, 64},
                 {"tasks", list, 192},
                 {"comm", comm, 320}});
  btf.enumeration("pageflags", {{"PG_locked", 0}, {"PG_buddy", 19}});
  btf.enumeration("", {{"MINUS", uint32_t(-1)}}, /*isSigned=*/true);
  return btf;
}

TEST(BtfTypes, FindsMembersSizesAndEnumeratorsInEitherByteOrder) {
  for (ByteOrder order : {ByteOrder::little, ByteOrder::big}) {
    auto types = parse(makeKernel(order).build());
    ASSERT_TRUE(types);
    EXPECT_EQ(types->findSizeBytes("task_struct"), 56u);
    EXPECT_EQ(types->findSizeBytes("pid_t"), 4u);
    EXPECT_EQ(types->findSizeBytes("pageflags"), std::nullopt);
    EXPECT_EQ(offsetOf(*types, "task_struct", "pid"), 0u);
    EXPECT_EQ(offsetOf(*types, "task_struct", "mm"), 8u);
    EXPECT_EQ(offsetOf(*types, "task_struct", "b"), 16u);
    EXPECT_EQ(offsetOf(*types, "task_struct", "tasks.prev"), 32u);
    auto comm = types->findMember("task_struct", "comm");
    ASSERT_TRUE(comm);
    EXPECT_EQ(comm->kind, TypeKind::Array);
    EXPECT_EQ(comm->sizeBytes(), 16u);
    EXPECT_EQ(comm->elementSizeBytes, 1u);
    auto mm = types->findMember("task_struct", "mm");
    ASSERT_TRUE(mm);
    EXPECT_EQ(mm->kind, TypeKind::Pointer);
    EXPECT_EQ(mm->sizeBytes(), 8u);
    auto pid = types->findMember("task_struct", "pid");
    ASSERT_TRUE(pid);
    EXPECT_EQ(pid->typeName, "int");
    EXPECT_EQ(types->findEnumConstant("PG_buddy"), 19u);
    EXPECT_EQ(types->findEnumConstant("MINUS"), ~uint64_t(0));
    EXPECT_EQ(types->findEnumConstant("PG_none"), std::nullopt);
  }
}

TEST(BtfTypes, KnowsNothingOfWrongNamesAndPaths) {
  auto types = parse(makeKernel().build());
  for (const char *path : {"", ".", "pid.", ".pid", "pid.x", "tasks..next",
                           "tasks.next.next", "nothing", "tasks."})
    EXPECT_FALSE(types->findMember("task_struct", path)) << path;
  EXPECT_FALSE(types->findMember("", "pid"));
  EXPECT_FALSE(types->findMember("no_struct", "pid"));
  EXPECT_FALSE(types->findSizeBytes(""));
}

TEST(BtfTypes, ChainNamesTheSourcesTried) {
  auto types = parse(makeKernel().build());
  TypeSources sources;
  sources.add(*types);
  EXPECT_EQ(valueOf(sources.getOffsetBytes("task_struct", "mm")), 8u);
  EXPECT_TRUE(sources.hasMember("task_struct", "mm"));
  EXPECT_FALSE(sources.hasMember("task_struct", "mmap"));
  EXPECT_EQ(textOf(sources.getMember("task_struct", "mmap")),
            "member 'mmap' of type 'task_struct' is unknown (tried test BTF); "
            "pass a vmlinux with debug information or a BTF file");
}

TEST(BtfTypes, BitFieldsOldAndNew) {
  BtfBuilder btf;
  uint32_t u32 = btf.integer("unsigned int", 4);
  // Old: an integer type of 3 bits that starts 2 bits into its bytes.
  uint32_t narrow = btf.integer("unsigned int", 4, 2 << 16 | 3);
  btf.structure("new_style", 8,
                {{"plain", u32, 0}, {"field", u32, 5 << 24 | 35}},
                /*kflag=*/true);
  btf.structure("old_style", 8, {{"plain", u32, 0}, {"field", narrow, 32}});
  auto types = parse(btf.build());
  auto field = types->findMember("new_style", "field");
  ASSERT_TRUE(field);
  EXPECT_TRUE(field->isBitField);
  EXPECT_EQ(field->bitOffset, 35u);
  EXPECT_EQ(field->bitSize, 5u);
  auto plain = types->findMember("new_style", "plain");
  ASSERT_TRUE(plain);
  EXPECT_FALSE(plain->isBitField);
  EXPECT_EQ(plain->bitSize, 32u);
  field = types->findMember("old_style", "field");
  ASSERT_TRUE(field);
  EXPECT_TRUE(field->isBitField);
  EXPECT_EQ(field->bitOffset, 34u);
  EXPECT_EQ(field->bitSize, 3u);

  TypeSources sources;
  sources.add(*types);
  EXPECT_EQ(textOf(sources.getOffsetBytes("new_style", "field")),
            "member 'field' of type 'new_style' is a bit field, at bit 35: it "
            "has no offset in bytes");
}

TEST(BtfTypes, WideEnumeratorsAndThirtyTwoBitPointers) {
  BtfBuilder btf;
  btf.integer("long unsigned int", 4);
  uint32_t pointer = btf.pointer(0);
  btf.structure("holder", 4, {{"pointer", pointer, 0}});
  btf.type("wide", BtfBuilder::info(19, 1), 8);
  btf.types.u32(btf.string("WIDE")).u32(0x89abcdef).u32(0x01234567);
  auto types = parse(btf.build());
  EXPECT_EQ(types->findMember("holder", "pointer")->sizeBytes(), 4u);
  EXPECT_EQ(types->findEnumConstant("WIDE"), 0x0123456789abcdefu);
}

TEST(BtfTypes, VlenOfMoreThanSixteenBitsAsSince7_2) {
  BtfBuilder btf;
  std::vector<std::pair<std::string, uint32_t>> values(0x12345, {"", 7});
  values.back() = {"LAST", 42};
  btf.enumeration("many", values);
  EXPECT_EQ(parse(btf.build())->findEnumConstant("LAST"), 42u);
}

TEST(BtfTypes, SkipsUnknownKindsWithTheLayoutOf7_1AndRefusesThemWithout) {
  BtfBuilder btf;
  btf.type("", BtfBuilder::info(100, 3), 0);
  btf.types.u64(0).u16(1).u16(2).u16(3); // 8 bytes, 2 for each of three
  uint32_t i32 = btf.integer("int", 4);
  btf.structure("after", 8, {{"x", i32, 32}});
  EXPECT_EQ(errorOf(btf.build()),
            "BTF kind 100 at offset 0x18 is unknown, and the blob does not say "
            "how long it is");
  btf.headerSize = 32;
  btf.layout.resize(101 * 4);
  btf.layout[400] = 8;
  btf.layout[401] = 2;
  auto types = parse(btf.build());
  ASSERT_TRUE(types);
  EXPECT_EQ(offsetOf(*types, "after", "x"), 4u);
}

TEST(BtfTypes, AModuleGoesOnWhereItsBaseEnds) {
  BtfBuilder kernel = makeKernel();
  auto base = parse(kernel.build());
  BtfBuilder module;
  module.firstString = uint32_t(kernel.strings.size());
  module.strings.clear();
  module.nextId = kernel.nextId;
  uint32_t pointer = module.pointer(1);
  module.structure("module_struct", 24,
                   {{"own", pointer, 0}, {"list", 5, 64}}); // 5: list_head
  auto types = parse(module.build(), base.get());
  ASSERT_TRUE(types);
  EXPECT_EQ(offsetOf(*types, "module_struct", "list.prev"), 16u);
  EXPECT_EQ(offsetOf(*types, "task_struct", "tasks.prev"), 32u);
  EXPECT_EQ(types->findEnumConstant("PG_buddy"), 19u);
}

TEST(BtfTypes, SeveralDefinitionsOfAName) {
  BtfBuilder btf;
  uint32_t i32 = btf.integer("int", 4);
  btf.typedefOf("twin", i32); // a typedef yields to the struct of its name
  btf.structure("twin", 8, {{"first", i32, 0}});
  btf.structure("twin", 16, {{"second", i32, 64}});
  auto types = parse(btf.build());
  EXPECT_EQ(types->findSizeBytes("twin"), 8u);
  EXPECT_EQ(offsetOf(*types, "twin", "first"), 0u);
  EXPECT_EQ(offsetOf(*types, "twin", "second"), 8u);
}

//===--- hostile blobs ----------------------------------------------------===//

TEST(BtfTypesHostile, EveryTruncationIsAnErrorOrStillConsistent) {
  auto whole = makeKernel().build();
  for (size_t size = 0; size < whole.size(); ++size) {
    std::vector<uint8_t> cut(whole.begin(), whole.begin() + size);
    EXPECT_NE(errorOf(cut), "") << size;
  }
}

TEST(BtfTypesHostile, HeaderFieldsOutOfRange) {
  auto patched = [](size_t offset, uint32_t value) {
    auto blob = makeKernel().build();
    std::memcpy(blob.data() + offset, &value, 4);
    return errorOf(blob);
  };
  EXPECT_EQ(errorOf({1, 2, 3, 4}), "no BTF: magic is 0x201, expected 0xeb9f");
  EXPECT_EQ(patched(0, 0x0002eb9f), "BTF version 2; version 1 is understood");
  EXPECT_EQ(patched(4, 23), "BTF header length is 0x17, expected 0x18 or more");
  for (size_t field = 4; field < 24; field += 4)
    EXPECT_NE(patched(field, ~0u), "") << field;
}

TEST(BtfTypesHostile, StringsWithoutStartOrEnd) {
  for (bool atEnd : {false, true}) {
    BtfBuilder btf = makeKernel();
    (atEnd ? btf.strings.back() : btf.strings.front()) = 'x';
    EXPECT_NE(errorOf(btf.build()).find("does not start and end with a NUL"),
              std::string::npos);
  }
}

TEST(BtfTypesHostile, VlenBeyondTheSection) {
  BtfBuilder btf;
  btf.type("big", BtfBuilder::info(4, 0xffffff), 8);
  EXPECT_NE(errorOf(btf.build()).find("runs past the end of its section"),
            std::string::npos);
}

TEST(BtfTypesHostile, CyclesEnd) {
  BtfBuilder btf;
  uint32_t loop = btf.nextId;
  btf.typedefOf("loop", loop);           // is itself
  btf.typedefOf("ping", btf.nextId + 1); // two that are each other
  btf.typedefOf("pong", btf.nextId - 1);
  uint32_t self = btf.nextId; // an anonymous member of itself
  btf.structure("self", 8, {{"", self, 0}, {"", loop, 8}, {"x", 9999, 16}});
  uint32_t array = btf.nextId; // an array of itself
  btf.array(array, 0xffffffff);
  btf.structure("arrays", 8, {{"array", array, 0}});
  auto types = parse(btf.build());
  EXPECT_FALSE(types->findSizeBytes("loop"));
  EXPECT_FALSE(types->findMember("ping", "x"));
  EXPECT_FALSE(types->findMember("self", "y"));
  auto member = types->findMember("self", "x"); // type 9999 does not exist
  ASSERT_TRUE(member);
  EXPECT_EQ(member->kind, TypeKind::Unknown);
  EXPECT_EQ(types->findMember("arrays", "array")->bitSize, 0u);
}

/// Each of 40 structs has the next one twice: 2^40 ways to go through them.
TEST(BtfTypesHostile, NestingThatDoublesIsSearchedOnce) {
  BtfBuilder btf;
  for (unsigned i = 0; i < 40; ++i)
    btf.structure(i ? "" : "top", 8,
                  {{"", btf.nextId + 1, 0}, {"", btf.nextId + 1, 64}});
  auto types = parse(btf.build());
  EXPECT_FALSE(types->findMember("top", "x"));
}

/// 100,000 anonymous structs in each other must not use up the stack.
TEST(BtfTypesHostile, DeepNesting) {
  BtfBuilder btf;
  for (unsigned i = 0; i < 100000; ++i)
    btf.structure(i ? "" : "top", 8, {{"", btf.nextId + 1, 8}});
  uint32_t i32 = btf.integer("int", 4);
  (void)i32;
  auto types = parse(btf.build());
  EXPECT_FALSE(types->findMember("top", "x"));
}

TEST(BtfTypesHostile, ArraySizesThatOverflowAreUnknown) {
  BtfBuilder btf;
  uint32_t u64 = btf.integer("u64", 8);
  uint32_t once = btf.array(u64, 0xffffffff);
  uint32_t twice = btf.array(once, 0xffffffff);
  btf.structure("big", 8, {{"once", once, 0}, {"twice", twice, 0}});
  auto types = parse(btf.build());
  EXPECT_EQ(types->findMember("big", "once")->sizeBytes(), 0xffffffffu * 8ull);
  EXPECT_EQ(types->findMember("big", "twice")->bitSize, 0u);
}

//===--- a blob somewhere in memory ---------------------------------------===//

TEST(FindBtf, FindsTheBlobThatIsLargeEnough) {
  auto kernel = makeKernel().build();
  BtfBuilder tiny;
  tiny.integer("int", 4);
  auto module = tiny.build();
  ByteWriter writer;
  writer.bytes(std::vector<uint8_t>(123, 0x9f)).bytes(module);
  writer.bytes({0x9f, 0xeb, 1, 0, 24, 0, 0, 0, 0xff}); // nonsense
  writer.bytes(std::vector<uint8_t>(30, 0xeb));
  const uint64_t start = writer.out.size();
  const auto &memory = writer.bytes(kernel).out;

  auto found = findBtf(Bytes(memory), 0, 1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->offset, 123u);
  EXPECT_EQ(found->sizeBytes, module.size());
  found = findBtf(Bytes(memory), 0, module.size() + 1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->offset, start);
  EXPECT_EQ(found->sizeBytes, kernel.size());
  EXPECT_FALSE(findBtf(Bytes(memory), start + 1, 1));
  EXPECT_FALSE(findBtf(Bytes(memory).clip(0, start + 23), 124, 1));
  // The header alone tells the size; the rest may be read later.
  found = findBtf(Bytes(memory).clip(0, start + 24), 124, 1);
  ASSERT_TRUE(found);
  EXPECT_EQ(found->sizeBytes, kernel.size());
}

} // namespace
