#include "views/MapTables.h"

#include "kernel/pages/NonPresentEntry.h"
#include "views/Words.h"

#include <algorithm>
#include <bit>

namespace vmpt {

namespace {

/// Where an entry is kept: {low_mask, low_shift, high_mask, high_shift}.
Array describeBits(const AddressBits &bits) {
  return {Value::Hex{bits.lowMask}, uint64_t(bits.lowShift),
          Value::Hex{bits.highMask}, uint64_t(bits.highShift)};
}

size_t patternOf(const EntryFormat &format, uint64_t entry) {
  return size_t(&format.find(entry) - format.patterns.data());
}

llvm::StringRef getMeaningWord(EntryMeaning meaning) {
  switch (meaning) {
  case EntryMeaning::Hole:
    return "hole";
  case EntryMeaning::Table:
    return "table";
  case EntryMeaning::Page:
    return "page";
  case EntryMeaning::Reserved:
    return "reserved";
  }
  llvm_unreachable("not a meaning");
}

/// The lowest bit that any address of the mode's entries can have.
unsigned unitShiftOf(const PagingMode &mode) {
  uint64_t all = 0;
  for (unsigned level = 0; level < mode.levelCount; ++level)
    for (const EntryPattern &pattern : mode.levels[level].entries.patterns)
      all |= pattern.address.all();
  return all ? unsigned(std::countr_zero(all)) : mode.pageShift;
}

/// Nothing where no entry of this level says so or otherwise.
std::optional<bool> meansHere(llvm::ArrayRef<AttributeMeaning> rows,
                              llvm::StringRef word, const RunState &state) {
  std::optional<bool> isSo;
  for (const AttributeMeaning &row : rows)
    if (row.word == word && row.appliesTo(state.level))
      isSo = isSo.value_or(false) || (state.attributes & row.mask) == row.value;
  return isSo;
}

} // namespace

/// The words of the kernel's own listing, the manual's names of the bits, and
/// what the MMU and Linux read out of them.
void MapTables::addWords(Record &style, const PagingMode &mode, uint64_t entry,
                         unsigned level) const {
  const Wording &wording = plan_.wording;
  // A process may have other levels than the kernel; the last ones are alike.
  const unsigned fromLast =
      std::min(mode.lastLevel() - level, plan_.mode.lastLevel());
  RunState state{entry & plan_.rules.attributeMask, 0,
                 plan_.rules.leafLevel[plan_.mode.lastLevel() - fromLast]};
  Run run{0, 0, state, entry};
  style.add("words", makeArray(wording.wordsOf(run)))
      .add("bits", makeArray(getFlagNames(mode, entry, level)));
  state.attributes = entry;
  for (llvm::StringRef word : {"accessed", "dirty"}) {
    const std::optional<bool> isSo = wording.means(word, state);
    style.add(word, isSo ? isSo : meansHere(wording.untold, word, state));
  }
  std::optional<llvm::StringRef> type;
  for (const AttributeField &row : wording.memoryTypes)
    if (row.levels >> state.level & 1 && (entry & row.mask) == row.value)
      type = row.set;
  style.add("memory", type);
}

Record MapTables::makeStyle(const Key &key, const PagingMode &mode,
                            uint64_t entry) const {
  Record style;
  style.add("mode", uint64_t(key.mode)).add("level", uint64_t(key.level));
  style.add("meaning", getMeaningWord(key.meaning));
  if (key.meaning == EntryMeaning::Hole) {
    style.add("kind", getEntryKindName(EntryKind(key.pattern)));
    style.add("has_target", EntryKind(key.pattern) == EntryKind::ProtNone);
    return style;
  }
  if (key.meaning == EntryMeaning::Reserved)
    return style;
  const EntryPattern &pattern =
      mode.levels[key.level].entries.patterns[key.pattern];
  style.add("attributes", Value::Hex{key.attributes})
      .add("address_bits", describeBits(pattern.address))
      .add("denied", uint64_t(mode.deniedBy(entry, key.level)));
  if (key.meaning == EntryMeaning::Page) {
    style.add("page_shift", uint64_t(pattern.pageShift));
    addWords(style, mode, entry, key.level);
  } else {
    style.add("bits", makeArray(getFlagNames(mode, entry, key.level)));
  }
  return style;
}

/// Nothing if there are too many.
std::optional<unsigned>
MapTables::styleOf(const Key &key, const PagingMode &mode, uint64_t entry) {
  const auto found = styles_.find(key);
  if (found != styles_.end())
    return found->second;
  const bool isRaw = key.meaning == EntryMeaning::Hole ||
                     key.meaning == EntryMeaning::Reserved;
  if (!isRaw && styles_.size() >= maxStyles)
    return std::nullopt;
  const unsigned index = unsigned(described_.size());
  styles_[key] = index;
  const uint64_t step = key.meaning == EntryMeaning::Page
                            ? mode.entrySpan(key.level)
                            : bit(mode.pageShift);
  const bool hasTarget = key.meaning == EntryMeaning::Hole &&
                         EntryKind(key.pattern) == EntryKind::ProtNone;
  facts_.push_back({isRaw, hasTarget, step >> unitShift_});
  Record style = makeStyle(key, mode, entry);
  style.add("step", facts_.back().step);
  described_.push_back(std::move(style));
  return index;
}

MapTables::Item MapTables::itemOf(const PagingMode &mode, uint64_t entry,
                                  unsigned level) {
  const EntryFormat &format = mode.levels[level].entries;
  Key key{modeIndex_, level, unsigned(patternOf(format, entry)),
          format.patterns[patternOf(format, entry)].meaning, 0};
  if (key.meaning == EntryMeaning::Page || key.meaning == EntryMeaning::Table) {
    const AddressBits &address = format.patterns[key.pattern].address;
    key.attributes = entry & ~(address.lowMask | address.highMask);
    if (auto style = styleOf(key, mode, entry))
      return {*style, address.of(entry) >> unitShift_, 0};
    // Its bits are told as they are.
    ++unstyled_;
    key.meaning = EntryMeaning::Reserved;
    key.attributes = 0;
  }
  key.pattern = 0;
  uint64_t target = 0;
  if (key.meaning == EntryMeaning::Hole) {
    const NonPresentEntry held = decodeNonPresent(rules_, mode, entry, level);
    key.pattern = unsigned(held.kind);
    target = held.address.value_or(PhysAddr()).value >> unitShift_;
  }
  return {*styleOf(key, mode, entry), entry, target};
}

/// Tokens: entries of zero to skip; how many alike, doubled, and 1 if their
/// addresses are the same; style; address as a difference, or the raw value and
/// what it still names.
void MapTables::encode(const PagingMode &mode, const StoredTable &table) {
  std::vector<Item> items;
  for (uint64_t entry : table.entries)
    items.push_back(entry ? itemOf(mode, entry, table.level)
                          : Item{none, 0, 0});
  uint64_t expected = 0;
  for (size_t i = 0, skipped = 0; i < items.size();) {
    const Item item = items[i];
    if (item.style == none) {
      ++skipped;
      ++i;
      continue;
    }
    const auto [isRaw, hasTarget, ownStep] = facts_[item.style];
    const auto valueAt = [&](size_t at) {
      return items[at].style == item.style ? items[at].value : ~item.value;
    };
    size_t end = i + 1;
    const bool steps =
        !isRaw && end < items.size() && valueAt(end) == item.value + ownStep;
    const uint64_t step = steps ? ownStep : 0;
    while (end < items.size() && valueAt(end) == item.value + step * (end - i))
      ++end;
    bodies_.add(skipped);
    bodies_.add(uint64_t(end - i) << 1 | !steps);
    bodies_.add(item.style);
    if (isRaw)
      bodies_.add(item.value);
    else
      bodies_.addSigned(int64_t(item.value - expected));
    if (hasTarget)
      bodies_.add(item.target);
    if (!isRaw)
      expected = item.value + (steps ? step * (end - i) : ownStep);
    skipped = 0;
    i = end;
  }
}

void MapTables::add(const PhysicalMemory &memory, const PagingMode &mode,
                    llvm::ArrayRef<PhysAddr> roots) {
  if (modeIndex_ == 0)
    unitShift_ = unitShiftOf(mode);
  TableStore store(memory, mode);
  auto visit = [&](const StoredTable &table) {
    State state = table.isTakenForEmpty ? TakenForEmpty : Here;
    if (table.absence)
      state = State(AbsentFirst + unsigned(*table.absence));
    const size_t before = bodies_.size();
    if (state == Here && before >= maxBytes) {
      state = LeftOut;
      ++leftOut_;
    } else if (state == Here) {
      encode(mode, table);
    }
    headers_.add(modeIndex_);
    headers_.add(table.level);
    headers_.addSigned(int64_t(table.address.value - lastAddress_) >> 2);
    headers_.add(state);
    headers_.add(bodies_.size() - before);
    lastAddress_ = table.address.value;
    ++tableCount_;
    return true;
  };
  for (PhysAddr root : roots)
    store.visit(root, visit);
  isExhausted_ |= store.isExhausted();
  ++modeIndex_;
}

Record MapTables::describe() const {
  Record record;
  record.add("unit_shift", uint64_t(unitShift_))
      .add("tables", uint64_t(tableCount_))
      .add("styles", described_);
  return record;
}

PackedBytes MapTables::take() const {
  PackedBytes all = headers_;
  all.append(bodies_.bytes());
  return all;
}

} // namespace vmpt
