#include "views/MapTables.h"

#include "kernel/pages/NonPresentEntry.h"
#include "support/EveryMode.h"
#include "support/PageTableBuilder.h"

#include <gtest/gtest.h>

using namespace vmpt;
using namespace vmpt::testing;

namespace {

/// Reads what MapTables packs, by docs/map.md and not by its code.
class Unpacked {
public:
  explicit Unpacked(const MapTables &tables)
      : described_(tables.describe()), bytes_(tables.take().bytes()) {
    const uint64_t count = number(described_, "tables");
    std::vector<Header> headers;
    uint64_t address = 0;
    for (uint64_t i = 0; i < count; ++i) {
      Header header;
      read();
      header.level = read();
      address += uint64_t(readSigned()) << 2;
      header.address = address;
      header.state = read();
      header.size = read();
      headers.push_back(header);
    }
    for (const Header &header : headers) {
      states[{header.address, header.level}] = header.state;
      readBody(header);
    }
    isWhole = at_ == bytes_.size();
  }

  using Place = std::pair<uint64_t, uint64_t>; ///< Address, level.
  std::map<Place, std::map<uint64_t, uint64_t>> entries;
  std::map<Place, uint64_t> states;
  std::map<uint64_t, uint64_t> targets; ///< Of entries that are prot-none.
  bool isWhole = false;

private:
  struct Header {
    uint64_t address = 0, level = 0, state = 0, size = 0;
  };
  static uint64_t number(const Record &record, llvm::StringRef key) {
    const Value *value = record.find(key);
    if (const auto *hex = std::get_if<Value::Hex>(&value->content()))
      return hex->value;
    return std::get<uint64_t>(value->content());
  }
  static uint64_t numberOf(const Value &value) {
    if (const auto *hex = std::get_if<Value::Hex>(&value.content()))
      return hex->value;
    return std::get<uint64_t>(value.content());
  }
  uint64_t read() {
    uint64_t result = 0;
    for (unsigned shift = 0;; shift += 7) {
      const uint8_t byte = bytes_.at(at_++);
      result |= uint64_t(byte & 0x7f) << shift;
      if (!(byte & 0x80))
        return result;
    }
  }
  int64_t readSigned() {
    const uint64_t twice = read();
    return int64_t(twice >> 1) ^ -int64_t(twice & 1);
  }
  void readBody(const Header &header) {
    const unsigned unitShift = unsigned(number(described_, "unit_shift"));
    const auto &styles = std::get<Array>(described_.find("styles")->content());
    const size_t end = at_ + header.size;
    auto &table = entries[{header.address, header.level}];
    for (uint64_t index = 0, expected = 0; at_ < end;) {
      index += read();
      const uint64_t twice = read();
      const auto &style = std::get<Record>(styles.at(read()).content());
      const std::string meaning =
          std::get<std::string>(style.find("meaning")->content());
      const bool isRaw = meaning == "hole" || meaning == "reserved";
      const uint64_t step = number(style, "step");
      const uint64_t value = isRaw ? read() : expected + readSigned();
      const Value *target = style.find("has_target");
      if (target && std::get<bool>(target->content()))
        targets[value] = read() << unitShift;
      for (uint64_t i = 0; i < twice >> 1; ++i) {
        if (isRaw) {
          table[index++] = value;
          continue;
        }
        const uint64_t address = (value + (twice & 1 ? 0 : step * i))
                                 << unitShift;
        const auto &bits =
            std::get<Array>(style.find("address_bits")->content());
        table[index++] = number(style, "attributes") |
                         (address >> numberOf(bits[1]) & numberOf(bits[0])) |
                         (address >> numberOf(bits[3]) & numberOf(bits[2]));
      }
      if (!isRaw)
        expected = value + (twice & 1 ? step : step * (twice >> 1));
    }
  }

  Record described_;
  std::vector<uint8_t> bytes_;
  size_t at_ = 0;
};

class MapTablesTest : public ::testing::TestWithParam<const PagingMode *> {
protected:
  const PagingMode &mode = *GetParam();
  SparseMemory memory;
  PageTableBuilder tables{memory, mode};
  const Wording wording{};
  const ListingPlan plan{mode, tables.root(), wording};
  const NonPresentRules rules{};

  VirtAddr at(uint64_t page) const {
    return mode.coverage.first() + (page << mode.pageShift);
  }
  /// Entry by entry what the memory has.
  void expectTheSame(const Unpacked &found) {
    EXPECT_TRUE(found.isWhole);
    unsigned compared = 0;
    TableStore(memory, mode)
        .visit(tables.root(), [&](const StoredTable &table) {
          const Unpacked::Place place = {table.address.value, table.level};
          std::map<uint64_t, uint64_t> entries;
          for (size_t i = 0; i < table.entries.size(); ++i)
            if (table.entries[i])
              entries[i] = table.entries[i];
          EXPECT_EQ(found.entries.count(place), 1u);
          EXPECT_EQ(found.entries.at(place), entries);
          ++compared;
          return true;
        });
    EXPECT_EQ(compared, found.entries.size());
  }
};

TEST_P(MapTablesTest, EveryEntryComesBack) {
  const unsigned last = mode.lastLevel();
  for (uint64_t i : {0, 1, 2, 3, 9})
    tables.map(at(i), PhysAddr((0x100 + i) << mode.pageShift), 0, last);
  for (uint64_t i : {20, 21, 22}) // One page, again and again.
    tables.map(at(i), PhysAddr(uint64_t(0x77) << mode.pageShift), 0, last);
  for (uint64_t i : {30, 31, 40}) // Downwards.
    tables.map(at(i), PhysAddr((0x200 - i) << mode.pageShift), 0, last);
  MapTables packed(plan, rules);
  packed.add(memory, mode, {tables.root()});
  expectTheSame(Unpacked(packed));
  EXPECT_EQ(packed.leftOut(), 0u);
  EXPECT_EQ(packed.unstyled(), 0u);
}

TEST_P(MapTablesTest, EntriesOfAnyBitsComeBack) {
  const unsigned last = mode.lastLevel();
  tables.map(at(0), PhysAddr(uint64_t(1) << mode.pageShift), 0, last);
  uint64_t bits = 0x9e3779b97f4a7c15;
  const uint64_t mask = mode.entryBytes == 8 ? ~uint64_t(0) : 0xffffffff;
  for (uint64_t i = 1; i < mode.entryCount(last); ++i) {
    bits = bits * 6364136223846793005 + 1442695040888963407;
    tables.setEntry(at(i), last, bits & mask);
  }
  MapTables packed(plan, rules);
  packed.add(memory, mode, {tables.root()});
  expectTheSame(Unpacked(packed));
}

TEST_P(MapTablesTest, AnAbsentTableHasItsReason) {
  const unsigned last = mode.lastLevel();
  tables.map(at(0), PhysAddr(uint64_t(1) << mode.pageShift), 0, last);
  const PhysAddr table = tables.tableOf(at(0), last);
  memory.setAbsent(table, Absence::Corrupt);
  MapTables packed(plan, rules);
  packed.add(memory, mode, {tables.root()});
  const Unpacked found(packed);
  EXPECT_EQ(found.states.at({table.value, last}),
            MapTables::AbsentFirst + unsigned(Absence::Corrupt));
}

TEST_P(MapTablesTest, APageThatNobodyMayTouchKeepsItsAddress) {
  const unsigned last = mode.lastLevel();
  tables.map(at(0), PhysAddr(uint64_t(1) << mode.pageShift), 0, last);
  const NonPresentRules found = getNonPresentRules(mode, {6, 1});
  // A page's address behind the bit that says so, where the bits do not have
  // to be turned.
  if (!found.protNone || found.isInverted)
    GTEST_SKIP();
  const PhysAddr page(uint64_t(0x123) << mode.pageShift);
  tables.map(at(1), page, 0, last);
  uint64_t entry = 0;
  TableStore(memory, mode).visit(tables.root(), [&](const StoredTable &table) {
    if (table.level == last)
      entry = table.entries[mode.indexOf(at(1), last)];
    return true;
  });
  entry =
      (entry &
       mode.levels[last].entries.plain(EntryMeaning::Page)->address.lowMask) |
      found.protNone;
  tables.setEntry(at(1), last, entry);
  if (!mode.isHole(entry, last))
    GTEST_SKIP() << "present in Linux's half of the table (arm)";
  MapTables packed(plan, found);
  packed.add(memory, mode, {tables.root()});
  EXPECT_EQ(Unpacked(packed).targets,
            (std::map<uint64_t, uint64_t>{{entry, page.value}}));
}

INSTANTIATE_TEST_SUITE_P(Modes, MapTablesTest, ::testing::ValuesIn(allModes()),
                         nameOfMode);

} // namespace
