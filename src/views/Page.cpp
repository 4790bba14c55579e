#include "views/Page.h"

#include "support/Text.h"
#include "views/ReverseMap.h"
#include "views/Translate.h"
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

/// Of a page that has a struct page in the dump.
void PageView::addStruct(const PageDetails &details, Record &record) const {
  const PageFacts &facts = details.facts;
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
    record.add("head_physical", addressOf(facts.headFrame));
    record.add("order", facts.order);
  }
}

void PageView::addOwner(const PageDetails &details, Record &record) const {
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
}

Record PageView::make(const PageDetails &details) const {
  const PageFacts &facts = details.facts;
  Record record;
  record.add("frame", Value::Hex{facts.frame});
  record.add("physical", addressOf(facts.frame));
  record.add("state", getStateWord(facts.state));
  if (facts.state == PageFacts::State::Absent)
    record.add("reason", facts.problem);
  if (facts.state == PageFacts::State::Known) {
    addStruct(details, record);
    addOwner(details, record);
  }
  return record;
}

void PageView::printMapping(llvm::raw_ostream &os,
                            const PageMapping &page) const {
  const Mapping &mapping = page.mapping;
  os << hex(mapping.at) << " by " << describe(page.owner) << ", "
     << describeSize(mapping.pageBytes) << ", "
     << (mapping.isProtNone ? "prot-none" : describe(mapping.rights));
  for (const TranslationStep &step : page.way.steps) {
    const uint64_t index = mode_.indexOf(mapping.at, step.level);
    os << "; " << getLevelName(mode_, step.level) << " table "
       << hex(step.entryAddress - index * mode_.entryBytes) << " [" << index
       << "] " << hex(step.entry);
  }
  os << '\n';
}

void PageView::add(const PageDetails &details) {
  Record record = make(details);
  llvm::raw_ostream *os = writer_.text();
  if (!os) {
    Array mappings;
    for (const PageMapping &page : details.mappings) {
      Record mapping = makeRecord(page.owner, page.mapping);
      mapping.add("prot_none", page.mapping.isProtNone);
      Array steps;
      for (const TranslationStep &step : page.way.steps)
        steps.push_back(makeStep(step, page.mapping.at, mode_));
      mapping.add("steps", std::move(steps));
      mappings.push_back(std::move(mapping));
    }
    record.add("mappings", std::move(mappings));
    return writer_.record(record);
  }
  if (!isFirst_)
    *os << '\n';
  isFirst_ = false;
  for (size_t i = 0; i < record.keys().size(); ++i) {
    std::string title = record.keys()[i].name;
    for (char &letter : title)
      letter = letter == '_' ? ' ' : letter;
    *os << llvm::left_justify(title, 16) << textOf(record.valueAt(i)) << '\n';
  }
  if (details.mappings.empty())
    *os << "mapped at       -\n";
  for (const PageMapping &page : details.mappings) {
    *os << "mapped at       ";
    printMapping(*os, page);
  }
}

} // namespace vmpt
