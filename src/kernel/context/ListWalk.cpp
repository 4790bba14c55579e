#include "kernel/context/ListWalk.h"

#include <unordered_set>

namespace vmpt {

namespace {

/// No DenseSet: that has values of its own which it cannot hold, and a dump
/// can have any.
using Addresses = std::unordered_set<uint64_t>;

/// Adds members along one link of each, until the head or one of \p known;
/// "", or what the ring is broken by.
std::string followLinks(const StructReader &reader, VirtAddr head,
                        uint64_t link, size_t limit, const Addresses &known,
                        std::vector<VirtAddr> &members) {
  Addresses visited;
  for (VirtAddr at = head;;) {
    llvm::Expected<uint64_t> next = reader.word(at + link);
    if (!next) {
      if (!members.empty())
        members.pop_back(); // what cannot be read is no member
      return llvm::toString(next.takeError());
    }
    if (*next == head.value || known.count(*next))
      return "";
    if (!visited.insert(*next).second)
      return "it leads back to " + hex(*next) + " before its head";
    if (known.size() + members.size() >= limit)
      return "it has more members than there can be, " + std::to_string(limit);
    at = VirtAddr(*next);
    members.push_back(at);
  }
}

} // namespace

bool isInRing(const StructReader &reader, VirtAddr head, VirtAddr next,
              VirtAddr previous) {
  const Field word{0, reader.wordBytes()};
  return reader.tryNumber(next + reader.wordBytes(), word) == head.value &&
         reader.tryNumber(previous, word) == head.value;
}

ListMembers followList(const StructReader &reader, VirtAddr head, size_t limit,
                       const llvm::Twine &what) {
  ListMembers list;
  Addresses known;
  // True if all the way round, or to where the other direction came.
  auto follow = [&](const char *direction, uint64_t link,
                    std::vector<VirtAddr> &members) {
    std::string problem =
        followLinks(reader, head, link, limit, known, members);
    if (!problem.empty())
      list.problems.push_back((what + " is broken after " +
                               llvm::Twine(members.size()) + " members (" +
                               direction + "): " + problem)
                                  .str());
    return problem.empty();
  };
  if (follow("forward", 0, list.links))
    return list;
  for (VirtAddr member : list.links)
    known.insert(member.value);
  std::vector<VirtAddr> fromEnd;
  follow("backward", reader.wordBytes(), fromEnd);
  list.links.insert(list.links.end(), fromEnd.rbegin(), fromEnd.rend());
  return list;
}

} // namespace vmpt
