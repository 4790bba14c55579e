#include "lib/Document.h"

#include "lib/Values.h"

namespace vmpt {

/// Without cells, which only columns of text show.
static Record copyMembers(const Record &record) {
  Record copy;
  for (size_t i = 0; i < record.keys().size(); ++i)
    if (!record.keys()[i].isCell)
      copy.add(record.keys()[i].name, record.valueAt(i));
  return copy;
}

Document::Document(llvm::StringRef command, vmpt_record_fn receive, void *user)
    : receive_(receive), user_(user) {
  levels_.emplace_back();
  member("schema", jsonSchema);
  member("command", command);
}

void Document::member(llvm::StringRef key, const Value &value) {
  levels_.back().object.add(key, value);
}

void Document::beginList(const ListShape &shape) {
  levels_.back().key = shape.key.str();
  levels_.back().kind = shape.kind.str();
  levels_.back().elements.clear();
}

void Document::record(const Record &record) {
  if (receive_)
    deliver(record);
  else
    levels_.back().elements.emplace_back(copyMembers(record));
}

void Document::deliver(const Record &record) {
  if (isStopped_)
    return;
  const Value value(copyMembers(record));
  isStopped_ = receive_(user_, levels_.back().kind.c_str(), toHandle(value));
}

void Document::endList() {
  Level &level = levels_.back();
  if (!receive_ || !level.elements.empty())
    level.object.add(level.key, std::move(level.elements));
  level.elements = Array();
}

void Document::beginGroup(llvm::StringRef) { levels_.emplace_back(); }

void Document::endGroup() {
  Record group = std::move(levels_.back().object);
  levels_.pop_back();
  levels_.back().elements.emplace_back(std::move(group));
}

void Document::finish(llvm::ArrayRef<Finding> findings) {
  Array list;
  for (const Finding &finding : findings)
    list.emplace_back(makeRecord(finding));
  member("findings", std::move(list));
}

} // namespace vmpt
