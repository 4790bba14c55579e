#include "views/ReverseMap.h"

#include "support/Text.h"
#include "views/Words.h"

namespace vmpt {

static constexpr Column columns[] = {{"physical", "PHYSICAL", -18},
                                     {"virtual", "VIRTUAL", -18},
                                     {"size", "PAGE", 4},
                                     {"rights", "RIGHTS", -36},
                                     {"by", "MAPPED BY", 0}};

ReverseMapView::ReverseMapView(RecordWriter &writer) : writer_(writer) {
  writer_.beginList({"mappings", "mapping", columns});
}

Record makeRecord(const ReverseMapOwner &owner, const Mapping &mapping) {
  Record record;
  record.add("physical", mapping.physical);
  record.add("owner", owner.task ? "process" : "kernel");
  record.add("pid", owner.task ? Value(owner.pid) : Value());
  record.add("comm", owner.task ? Value(owner.task->comm) : Value());
  record.add("virtual", mapping.at).add("page_bytes", mapping.pageBytes);
  addRights(record, mapping.rights);
  return record;
}

std::string describe(const ReverseMapOwner &owner) {
  if (!owner.task)
    return "kernel";
  return "pid " + std::to_string(owner.pid) + " (" +
         escapeName(owner.task->comm) + ")";
}

void ReverseMapView::add(const ReverseMapOwner &owner, const Mapping &mapping) {
  Record record = makeRecord(owner, mapping);
  if (writer_.text()) {
    record.addCell("size", describeSize(mapping.pageBytes));
    record.addCell("rights",
                   mapping.isProtNone ? "prot-none" : describe(mapping.rights));
    record.addCell("by", describe(owner));
  }
  writer_.record(record);
}

void ReverseMapView::finish() { writer_.endList(); }

} // namespace vmpt
