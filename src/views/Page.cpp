#include "views/Page.h"

#include "support/Text.h"
#include "views/Words.h"

#include "llvm/Support/Format.h"

namespace vmpt {

namespace {

/// One member as text: "-" where there is nothing.
std::string textOf(const Value &value) {
  std::string text;
  llvm::raw_string_ostream os(text);
  const auto &content = value.content();
  if (auto *truth = std::get_if<bool>(&content))
    os << (*truth ? "yes" : "no");
  else if (auto *number = std::get_if<uint64_t>(&content))
    os << *number;
  else if (auto *bits = std::get_if<Value::Hex>(&content))
    os << hex(bits->value);
  else if (auto *word = std::get_if<std::string>(&content))
    os << printable(*word);
  else if (auto *array = std::get_if<Array>(&content))
    for (const Value &element : *array)
      os << (&element == array->data() ? "" : ",") << textOf(element);
  os.flush();
  return text.empty() ? "-" : text;
}

} // namespace

void PageView::begin() { writer_.beginList({"pages", "page"}); }
void PageView::end() { writer_.endList(); }

Record PageView::make(const PageDetails &details) const {
  const PageFacts &facts = details.facts;
  Record record;
  record.add("frame", Value::Hex{facts.frame});
  record.add("physical", PhysAddr(facts.frame << pageShift_));
  record.add("state", getStateWord(facts.state));
  if (facts.state == PageFacts::State::Absent)
    record.add("reason", facts.problem);
  if (facts.state != PageFacts::State::Known)
    return record;
  record.add("struct_page", facts.page.address);
  record.add("flags", Value::Hex{details.flags});
  record.add("names", makeArray(names_.list(details.flags)));
  record.add("raw_flags", Value::Hex{facts.page.flags});
  // Counts of references and mappings are signed; a negative one is damage.
  auto add = [&](llvm::StringRef key, int64_t number) {
    if (number >= 0)
      record.add(key, uint64_t(number));
    else
      record.add(key, std::to_string(number));
  };
  add("reference_count", facts.head.refCount);
  add("map_count", details.mapCount);
  if (facts.isCompound) {
    record.add("head_physical", PhysAddr(facts.headFrame << pageShift_));
    record.add("order", facts.order);
  }
  record.add("owner", getPageOwnerName(details.owner));
  if (details.owner != PageOwner::None)
    record.add("mapping", details.mapping);
  if (details.inode)
    record.add("inode", *details.inode);
  if (details.inodeNumber)
    record.add("inode_number", *details.inodeNumber);
  if (details.device)
    record.add("device", std::to_string(*details.device >> 20) + ":" +
                             std::to_string(*details.device & 0xfffff));
  if (!details.path.empty())
    record.add("path", details.path);
  if (details.fileOffset)
    record.add(details.owner == PageOwner::File ? "file_offset"
                                                : "virtual_offset",
               Value::Hex{*details.fileOffset});
  if (details.node)
    record.add("node", *details.node);
  if (!details.zone.empty())
    record.add("zone", details.zone);
  if (details.memcg)
    record.add("memcg", *details.memcg);
  if (!details.cgroup.empty())
    record.add("cgroup", details.cgroup);
  return record;
}

void PageView::write(const Record &record) {
  llvm::raw_ostream *os = writer_.text();
  if (!os)
    return writer_.record(record);
  if (!isFirst_)
    *os << '\n';
  isFirst_ = false;
  for (size_t i = 0; i < record.keys().size(); ++i) {
    std::string title = record.keys()[i].name;
    for (char &letter : title)
      letter = letter == '_' ? ' ' : letter;
    *os << llvm::left_justify(title, 16) << textOf(record.valueAt(i)) << '\n';
  }
}

} // namespace vmpt
