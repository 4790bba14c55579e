#include "debuginfo/Symbols.h"
#include "debuginfo/Types.h"

#include "support/Expected.h"

#include "gtest/gtest.h"

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// A list of symbols that counts how often it is passed over.
class ListSource : public SymbolSource {
public:
  ListSource(std::string name, std::vector<Symbol> symbols)
      : name_(std::move(name)), symbols_(std::move(symbols)) {}

  std::vector<std::optional<Symbol>>
  findAll(llvm::ArrayRef<llvm::StringRef> names) const override {
    ++passes;
    SymbolQuery query(names);
    for (const Symbol &symbol : symbols_)
      if (auto *slot = query.findSlot(symbol.name))
        query.answer(slot, symbol);
    return query.takeAnswers();
  }
  std::string describe() const override { return name_; }

  mutable unsigned passes = 0;

private:
  std::string name_;
  std::vector<Symbol> symbols_;
};

Symbol symbol(const char *name, uint64_t address) {
  return {name, VirtAddr(address), 'T', 0};
}

TEST(Symbols, TheFirstOfSeveralIsFoundAndAskedTwiceAnsweredTwice) {
  ListSource source("list", {symbol("a", 1), symbol("b", 2), symbol("a", 3)});
  auto found = source.findAll({"a", "missing", "b", "a"});
  ASSERT_EQ(found.size(), 4u);
  EXPECT_EQ(found[0], symbol("a", 1));
  EXPECT_EQ(found[1], std::nullopt);
  EXPECT_EQ(found[2], symbol("b", 2));
  EXPECT_EQ(found[3], symbol("a", 1));
}

TEST(Symbols, AQueryIsDoneWhenEachDistinctNameHasItsAnswer) {
  SymbolQuery query({"a", "b", "a"});
  EXPECT_TRUE(query.mayStartWith('b'));
  EXPECT_FALSE(query.mayStartWith('c'));
  query.answer(query.findSlot("a"), symbol("a", 1));
  EXPECT_EQ(query.findSlot("a"), nullptr);
  EXPECT_FALSE(query.done());
  query.answer(query.findSlot("b"), symbol("b", 2));
  EXPECT_TRUE(query.done());
}

TEST(Symbols, LaterSourcesAreAskedOnlyForWhatIsMissing) {
  ListSource first("first", {symbol("a", 1)});
  ListSource second("second", {symbol("a", 100), symbol("b", 2)});
  SymbolSources all;
  EXPECT_EQ(all.describe(), "nothing");
  all.add(first);
  all.add(second);
  auto found = all.findAll({"b", "a"});
  EXPECT_EQ(found[0], symbol("b", 2));
  EXPECT_EQ(found[1], symbol("a", 1));
  EXPECT_EQ(valueOf(all.get("a")).address, VirtAddr(1));
  EXPECT_EQ(first.passes, 2u);
  EXPECT_EQ(second.passes, 1u);
  EXPECT_EQ(textOf(all.get("c")),
            "no symbol 'c' (tried first, second); pass a vmlinux or "
            "System.map");
}

TEST(GivenTest, SymbolsGoBeforeOthersAndNonsenseIsNamed) {
  GivenSymbols given;
  EXPECT_FALSE(bool(given.add("init_task=0xffffffff82000000")));
  EXPECT_EQ(given.find("init_task")->address, VirtAddr(0xffffffff82000000));
  EXPECT_FALSE(given.find("init_mm"));
  for (const char *bad : {"init_task", "=0x10", "init_task=", "init_task=x"})
    EXPECT_TRUE(llvm::errorToBool(given.add(bad))) << bad;
}

TEST(GivenTest, PlacesAreBytesAndNonsenseIsNamed) {
  GivenPlaces given;
  EXPECT_FALSE(bool(given.add("task_struct.mm=0x938")));
  EXPECT_FALSE(bool(given.add("task_struct.thread.sp=24:8")));
  TypeSources types;
  types.add(given);
  EXPECT_EQ(types.getMember("task_struct", "mm")->offsetBytes(), 0x938u);
  EXPECT_EQ(types.getMember("task_struct", "mm")->bitSize, 0u) << "unknown";
  EXPECT_EQ(types.getMember("task_struct", "thread.sp")->sizeBytes(), 8u);
  for (const char *bad : {"task_struct=1", ".mm=1", "task_struct.mm=",
                          "task_struct.mm=1:x", "a.b=0x100000000"})
    EXPECT_TRUE(llvm::errorToBool(given.add(bad))) << bad;
}

} // namespace
