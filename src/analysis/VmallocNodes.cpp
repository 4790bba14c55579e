#include "analysis/VmallocNodes.h"

#include "analysis/PageDetails.h"
#include "kernel/context/Problems.h"
#include "support/Text.h"

#include <map>

namespace vmpt {

namespace {

class NodeCounter {
public:
  NodeCounter(const Kernel &kernel, PageFlags &flags)
      : kernel_(kernel), flags_(flags), explorer_(kernel, flags),
        left_(flags.map().frameCount()) {}

  /// An error in words, or "".
  std::string count(VmallocArea &area) {
    const unsigned order = unsigned(std::min<uint64_t>(area.pageOrder, 32));
    const uint64_t step = uint64_t(1) << order;
    const unsigned wordBytes = kernel_.image().wordBytes();
    std::map<uint32_t, uint64_t> counts;
    // No page belongs to two areas.
    if (area.pageCount > left_)
      return "more pages than there are";
    left_ -= area.pageCount;
    for (uint64_t i = 0; i < area.pageCount; i += step) {
      auto page = kernel_.reader().tryNumber(area.pages + i * wordBytes,
                                             Field{0, wordBytes});
      if (!page)
        return "its array of pages cannot be read at " +
               hex(area.pages + i * wordBytes);
      auto frame = flags_.map().findFrame(VirtAddr(*page));
      auto node = frame ? explorer_.nodeOf(*frame) : std::nullopt;
      if (!node)
        return "the page at " + hex(*page) + " lies in no zone";
      counts[*node] += step;
    }
    area.nodePages.assign(counts.begin(), counts.end());
    return "";
  }

private:
  const Kernel &kernel_;
  PageFlags &flags_;
  PageExplorer explorer_;
  uint64_t left_;
};

} // namespace

void countVmallocNodes(const Kernel &kernel, VmallocList &list) {
  llvm::Expected<PageFlags> flags = PageFlags::create(kernel);
  if (!flags) {
    list.problems.push_back("on which NUMA nodes the pages are is not known: " +
                            llvm::toString(flags.takeError()));
    return;
  }
  NodeCounter counter(kernel, *flags);
  Problems problems;
  for (VmallocArea &area : list.areas) {
    if (area.kind != VmallocArea::Struct || !area.pages.value ||
        area.flags & VmUninitialized)
      continue;
    std::string problem = counter.count(area);
    if (!problem.empty())
      problems.add("the nodes of the pages of area " + hex(area.start) +
                   " are not known: " + problem);
  }
  llvm::append_range(list.problems, problems.take());
}

} // namespace vmpt
