//===- JsonDocument.cpp - records as one JSON document --------------------===//
//
// {
//   "schema": 1,
//   "command": "tasks",
//   "tasks": [
//     {"pid":1,...},
//   ...
//
// A record is a line, so that a long list stays readable.
//
#include "output/JsonWriter.h"
#include "output/Writers.h"

#include <cassert>
#include <optional>

namespace vmpt {

namespace {

class JsonDocument final : public RecordWriter {
public:
  JsonDocument(llvm::StringRef command, llvm::raw_ostream &os)
      : command_(command), os_(os) {}
  ~JsonDocument() override {
    if (!json_ || isFinished_)
      return;
    while (!open_.empty())
      if (open_.back() == Scope::List)
        endList();
      else
        endGroup();
    json_->attribute("aborted", true);
    json_->endObject();
  }

  void member(llvm::StringRef key, const Value &value) override {
    assert(open_.empty() || open_.back() == Scope::Group);
    begin();
    json_->key(key);
    write(*json_, value);
    json_->endKey();
  }
  void context(llvm::StringRef key, const Value &value) override {
    context_.add(key, value);
  }

  void beginList(const ListShape &shape) override {
    begin();
    json_->beginArrayAttribute(shape.key);
    open_.push_back(Scope::List);
  }
  void record(const Record &record) override {
    assert(!open_.empty() && open_.back() == Scope::List);
    line_.clear();
    llvm::raw_string_ostream os(line_);
    {
      JsonWriter json(os, 0);
      json.beginObject();
      writeMembers(json, record);
      json.endObject();
    }
    json_->raw(llvm::StringRef(os.str()).rtrim('\n'));
  }
  void endList() override {
    json_->endArrayAttribute();
    open_.pop_back();
  }

  void beginGroup(llvm::StringRef) override {
    json_->beginObject();
    open_.push_back(Scope::Group);
  }
  void endGroup() override {
    begin();
    json_->endObject();
    open_.pop_back();
  }

  void finish(llvm::ArrayRef<Finding> findings) override {
    assert(open_.empty() && "a list or a group is not closed");
    beginList({"findings", "finding"});
    for (const Finding &finding : findings)
      record(makeRecord(finding));
    endList();
    json_->endObject();
    isFinished_ = true;
  }

private:
  enum class Scope : uint8_t { List, Group };

  /// The document, and the context of what follows.
  void begin() {
    if (!json_) {
      json_.emplace(os_).beginObject();
      json_->attribute("schema", jsonSchema);
      json_->attribute("command", llvm::StringRef(command_));
    }
    writeMembers(*json_, std::exchange(context_, {}));
  }

  const std::string command_;
  llvm::raw_ostream &os_;
  std::optional<JsonWriter> json_;
  std::vector<Scope> open_;
  Record context_; ///< Not yet written.
  std::string line_;
  bool isFinished_ = false;
};

} // namespace

void write(JsonWriter &json, const Value &value) {
  const auto &content = value.content();
  if (auto *truth = std::get_if<bool>(&content)) {
    json.value(*truth);
  } else if (auto *number = std::get_if<uint64_t>(&content)) {
    json.value(*number);
  } else if (auto *bits = std::get_if<Value::Hex>(&content)) {
    json.hex(bits->value);
  } else if (auto *text = std::get_if<std::string>(&content)) {
    json.value(llvm::StringRef(*text));
  } else if (auto *array = std::get_if<Array>(&content)) {
    json.beginArray();
    for (const Value &element : *array)
      write(json, element);
    json.endArray();
  } else if (auto *object = std::get_if<Record>(&content)) {
    json.beginObject();
    writeMembers(json, *object);
    json.endObject();
  } else {
    json.null();
  }
}

void writeMembers(JsonWriter &json, const Record &record) {
  for (size_t i = 0; i < record.keys().size(); ++i) {
    if (record.keys()[i].isCell)
      continue;
    json.key(record.keys()[i].name);
    write(json, record.valueAt(i));
    json.endKey();
  }
}

std::unique_ptr<RecordWriter> createJsonDocument(llvm::StringRef command,
                                                 llvm::raw_ostream &os) {
  return std::make_unique<JsonDocument>(command, os);
}

} // namespace vmpt
