//===- JsonLines.cpp - a record a line ------------------------------------===//
//
// {"schema":1,"record":"area","pid":1,"comm":"init","start":"0x400000",...}
//
// The context of the groups around it stands in each line, so lines can be
// filtered and sorted. What the document or a group says of itself besides is
// a line of its own: of the command's name, or of the group's kind; none where
// there is nothing to say. A group without records has that line in any case.
//
#include "output/JsonWriter.h"
#include "output/Writers.h"

#include <cassert>

namespace vmpt {

namespace {

class JsonLines final : public RecordWriter {
public:
  JsonLines(llvm::StringRef command, llvm::raw_ostream &os) : os_(os) {
    scopes_.push_back({command.str(), {}, {}});
  }
  ~JsonLines() override {
    if (isBegun_ && !isFinished_)
      writeLine("aborted", {});
  }

  void member(llvm::StringRef key, const Value &value) override {
    isBegun_ = true;
    if (!value.isEmptyArray())
      scopes_.back().members.add(key, value);
  }
  void context(llvm::StringRef key, const Value &value) override {
    scopes_.back().context.add(key, value);
  }

  void beginList(const ListShape &shape) override {
    isBegun_ = true;
    flushMembers();
    lists_.push_back(shape.kind);
  }
  void record(const Record &record) override {
    writeLine(lists_.back(), record);
    for (Scope &scope : scopes_)
      scope.hasRecords = true;
  }
  void endList() override { lists_.pop_back(); }

  void beginGroup(llvm::StringRef) override {
    scopes_.push_back({lists_.back().str(), {}, {}});
  }
  void endGroup() override {
    if (!scopes_.back().hasRecords)
      writeLine(scopes_.back().kind, std::exchange(scopes_.back().members, {}));
    flushMembers();
    scopes_.pop_back();
  }

  void finish(llvm::ArrayRef<Finding> findings) override {
    assert(lists_.empty() && scopes_.size() == 1);
    flushMembers();
    for (const Finding &finding : findings)
      writeLine("finding", makeRecord(finding));
    isFinished_ = true;
  }

private:
  /// The document or a group.
  struct Scope {
    std::string kind;
    Record context, members;
    bool hasRecords = false;
  };

  void flushMembers() {
    Scope &scope = scopes_.back();
    if (!scope.members.keys().empty())
      writeLine(scope.kind, std::exchange(scope.members, {}));
  }
  void writeLine(llvm::StringRef kind, const Record &record) {
    JsonWriter json(os_, 0);
    json.beginObject();
    json.attribute("schema", jsonSchema);
    json.attribute("record", kind);
    if (kind != "finding" && kind != "aborted")
      for (const Scope &scope : scopes_)
        writeMembers(json, scope.context);
    writeMembers(json, record);
    json.endObject();
  }

  llvm::raw_ostream &os_;
  std::vector<Scope> scopes_;
  std::vector<llvm::StringRef> lists_; ///< Kinds; literals.
  bool isBegun_ = false, isFinished_ = false;
};

} // namespace

std::unique_ptr<RecordWriter> createJsonLines(llvm::StringRef command,
                                              llvm::raw_ostream &os) {
  return std::make_unique<JsonLines>(command, os);
}

} // namespace vmpt
