#include "kernel/learn/MmAreas.h"

#include "kernel/areas/MapleTree.h"

#include <unordered_set>

namespace vmpt {

namespace {

/// What leads to the areas stands in the first part of an mm_struct.
constexpr uint64_t headBytes = 512;
constexpr size_t maxAreasOfOne = 1 << 16;
/// Enough of each mm to settle what is where.
constexpr uint64_t listBytes = 64;

/// linux v6.1, v6.12 include/linux/maple_tree.h: enum maple_type, and how many
/// slots a node of 256 bytes has.
void putMapleTree(LearnedPlaces &places, uint64_t word) {
  const uint64_t slots = word == 8 ? 16 : 32, allocSlots = word == 8 ? 10 : 21;
  places.put("maple_tree.ma_root", 0, word);
  places.put("maple_range_64.pivot", word, (slots - 1) * word);
  places.put("maple_range_64.slot", slots * word, slots * word);
  places.put("maple_arange_64.pivot", word, (allocSlots - 1) * word);
  places.put("maple_arange_64.slot", allocSlots * word, allocSlots * word);
  places.putConstant("maple_leaf_64", 1);
  places.putConstant("maple_range_64", 2);
  places.putConstant("maple_arange_64", 3);
}

class MmAreaLearner {
public:
  MmAreaLearner(const StructReader &reader, const Samples &spaces,
                uint64_t pageBytes)
      : reader_(reader), spaces_(spaces), word_(reader.wordBytes()),
        pageBytes_(pageBytes) {}

  using Areas = std::vector<std::vector<MmArea>>;
  llvm::Expected<Areas> learn(LearnedPlaces &places) const;

private:
  struct ListShape {
    uint64_t first = 0;           ///< In mm_struct.
    uint64_t start = 0, next = 0; ///< In vm_area_struct.
  };

  std::optional<MmArea> readArea(VirtAddr at, uint64_t start) const;
  bool mayBeRoot(uint64_t value) const;
  std::vector<MmArea> readTree(const MapleTree &tree, VirtAddr at) const;
  std::vector<MmArea> readList(VirtAddr mm, const ListShape &shape) const;
  /// Nothing unless most of the mm_structs have areas: one that is torn does
  /// not hide what the others show.
  template <class Read> std::optional<Areas> readAll(Read read) const;
  llvm::Expected<std::optional<Areas>> learnTree(LearnedPlaces &places) const;
  std::vector<std::pair<ListShape, Areas>> findLists() const;
  void learnCount(const Areas &areas, LearnedPlaces &places) const;

  const StructReader &reader_;
  const Samples &spaces_;
  const unsigned word_;
  const uint64_t pageBytes_;
};

std::optional<MmArea> MmAreaLearner::readArea(VirtAddr at,
                                              uint64_t start) const {
  auto from = reader_.tryNumber(at, Field{start, word_});
  auto to = reader_.tryNumber(at, Field{start + word_, word_});
  if (!from || !to || *from >= *to || *from % pageBytes_ || *to % pageBytes_)
    return std::nullopt;
  return MmArea{at, *from, *to};
}

template <class Read>
std::optional<MmAreaLearner::Areas> MmAreaLearner::readAll(Read read) const {
  Areas areas;
  size_t whole = 0;
  for (size_t i = 0; i < spaces_.size(); ++i) {
    areas.push_back(read(i));
    whole += !areas.back().empty();
    if ((i + 1 - whole) * 4 > spaces_.size())
      return std::nullopt;
  }
  return whole ? std::optional<Areas>(std::move(areas)) : std::nullopt;
}

/// A node, by what its address says of it: linux lib/maple_tree.c
/// mte_safe_root(), mte_node_type().
bool MmAreaLearner::mayBeRoot(uint64_t value) const {
  const uint64_t type = value >> 3 & 0xf;
  return (value & 3) == 2 && type >= 1 && type <= 3 &&
         isObject(reader_, alignDown(value, 256));
}

std::vector<MmArea> MmAreaLearner::readTree(const MapleTree &tree,
                                            VirtAddr at) const {
  std::vector<MmArea> areas;
  const MapleContents contents = tree.read(at);
  if (!contents.problems.empty() || contents.entries.size() > maxAreasOfOne)
    return {};
  for (const MapleEntry &entry : contents.entries) {
    const std::optional<MmArea> area = readArea(entry.value, 0);
    if (!area || area->start != entry.first || area->end - 1 != entry.last)
      return {};
    areas.push_back(*area);
  }
  return areas;
}

llvm::Expected<std::optional<MmAreaLearner::Areas>>
MmAreaLearner::learnTree(LearnedPlaces &places) const {
  putMapleTree(places, word_);
  TypeSources types;
  types.add(places);
  llvm::Expected<MapleTree> tree = MapleTree::create(types, reader_);
  if (!tree)
    return tree.takeError();
  std::optional<Areas> found;
  for (uint64_t at = 0; at < headBytes; at += word_) {
    std::optional<Areas> areas = readAll([&](size_t i) {
      return mayBeRoot(spaces_.word(i, at))
                 ? readTree(*tree, spaces_.address(i) + at)
                 : std::vector<MmArea>();
    });
    if (!areas)
      continue;
    if (found)
      return notShown("processes in memory", "the tree of areas", 2);
    found = std::move(areas);
    places.put("mm_struct.mm_mt", at, word_);
  }
  return found;
}

std::vector<MmArea> MmAreaLearner::readList(VirtAddr mm,
                                            const ListShape &shape) const {
  std::vector<MmArea> areas;
  std::unordered_set<uint64_t> seen;
  uint64_t previous = 0;
  auto at = reader_.tryNumber(mm, Field{shape.first, word_});
  while (at && *at) {
    const Field next{shape.next, word_}, back{shape.next + word_, word_};
    const std::optional<MmArea> area = readArea(VirtAddr(*at), shape.start);
    if (!area || *at % word_ || !seen.insert(*at).second ||
        areas.size() >= maxAreasOfOne ||
        (!areas.empty() && area->start < areas.back().end) ||
        reader_.tryNumber(VirtAddr(*at), back) != previous)
      return {};
    areas.push_back(*area);
    previous = *at;
    at = reader_.tryNumber(VirtAddr(*at), next);
  }
  if (!at)
    return {};
  return areas;
}

std::vector<std::pair<MmAreaLearner::ListShape, MmAreaLearner::Areas>>
MmAreaLearner::findLists() const {
  std::vector<std::pair<ListShape, Areas>> found;
  // Before 3.8 vm_mm was the first member.
  for (uint64_t start : {uint64_t(0), uint64_t(word_)})
    for (uint64_t first = 0; first < listBytes; first += word_)
      for (uint64_t next = start + 2 * word_; next < listBytes; next += word_) {
        const ListShape shape{first, start, next};
        std::optional<Areas> areas = readAll(
            [&](size_t i) { return readList(spaces_.address(i), shape); });
        // A list of one leads nowhere, and so anything is one.
        if (areas && llvm::any_of(*areas, [](const auto &one) {
              return one.size() > 1;
            }))
          found.emplace_back(shape, std::move(*areas));
      }
  return found;
}

/// It only serves to notice what is lost, so it may stay unknown: where all
/// processes have equally many areas.
void MmAreaLearner::learnCount(const Areas &areas,
                               LearnedPlaces &places) const {
  std::set<size_t> counts;
  for (const auto &of : areas)
    counts.insert(of.size());
  counts.erase(0);
  const auto found = spaces_.find(
      0, std::min(headBytes, spaces_.bound()), 4, [&](uint64_t at) {
        return spaces_.all([&](size_t i) {
          return areas[i].empty() ||
                 spaces_.number(i, at, 4) == areas[i].size();
        });
      });
  if (counts.size() > 1 && found.size() == 1)
    places.put("mm_struct.map_count", found.front(), 4);
}

llvm::Expected<MmAreaLearner::Areas>
MmAreaLearner::learn(LearnedPlaces &places) const {
  llvm::Expected<std::optional<Areas>> tree = learnTree(places);
  if (!tree)
    return tree.takeError();
  uint64_t start = 0;
  Areas areas;
  if (*tree) {
    areas = std::move(**tree);
  } else {
    auto lists = findLists();
    if (lists.size() != 1)
      return notShown("processes in memory", "a tree or a list of their areas",
                      lists.size());
    areas = std::move(lists.front().second);
    const ListShape &shape = lists.front().first;
    start = shape.start;
    places.put("mm_struct.mmap", shape.first, word_);
    places.put("vm_area_struct.vm_next", shape.next, word_);
  }
  places.put("vm_area_struct.vm_start", start, word_);
  places.put("vm_area_struct.vm_end", start + word_, word_);
  learnCount(areas, places);
  return areas;
}

} // namespace

llvm::Expected<std::vector<std::vector<MmArea>>>
learnMmAreas(const StructReader &reader, const Samples &spaces,
             uint64_t pageBytes, LearnedPlaces &places) {
  return MmAreaLearner(reader, spaces, pageBytes).learn(places);
}

} // namespace vmpt
