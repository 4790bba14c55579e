//===- RecordWriter.h - records in; text, JSON or JSONL out ---------------===//
//
// A result is a document: members, and lists of records or of groups. All of
// it is streamed, so memory does not grow with the result.
//
//   writer->beginList(tasks);        // {"schema": 1, "command": "tasks",
//   writer->record(task);            //  "tasks": [{"pid": 1, ...},
//   writer->endList();               //  ...],
//   writer->finish(findings);        //  "findings": []}
//
// JSON Lines has no document around it: each record is a line that says its
// schema and its kind, and repeats the context of the groups it stands in.
// docs/json.md is what users read of this.
//
#pragma once

#include "output/Record.h"
#include "support/Error.h"
#include "support/Finding.h"

#include "llvm/ADT/ArrayRef.h"
#include "llvm/Support/raw_ostream.h"

#include <memory>

namespace vmpt {

/// Of every JSON document and line: another number when a key changes its
/// meaning or goes away.
inline constexpr uint64_t jsonSchema = 1;

enum class OutputFormat : uint8_t { Text, Json, JsonLines };

/// "text", "json" or "jsonl"; a UsageError for another word.
llvm::Expected<OutputFormat> parseOutputFormat(llvm::StringRef word);

/// A column of text: which member, under which title.
struct Column {
  llvm::StringLiteral key = "";
  llvm::StringLiteral title = "";
  /// Numbers to the right of so many characters; negative: to the left; 0, for
  /// the last column: as it is. What is wider pushes the rest.
  int width = 0;
};

/// Records of one kind under one name.
struct ListShape {
  llvm::StringLiteral key = "";  ///< Of the array: "tasks".
  llvm::StringLiteral kind = ""; ///< "record" of each line of JSONL: "task".
  /// None: the list is not there in text.
  llvm::ArrayRef<Column> columns = {};
};

class RecordWriter {
public:
  /// \p os must outlive the object. Nothing is written before the first call,
  /// so a command that fails early has said nothing.
  static std::unique_ptr<RecordWriter>
  create(OutputFormat format, llvm::StringRef command, llvm::raw_ostream &os);
  /// Without a finish() the document is closed and says "aborted".
  virtual ~RecordWriter() = default;

  /// Where a view prints text that is not made of columns, the kernel's own
  /// for one; null if text is not what is wanted.
  virtual llvm::raw_ostream *text() { return nullptr; }

  /// Something that the document, or the group, says of itself. Text shows
  /// only what columns name.
  virtual void member(llvm::StringRef key, const Value &value) = 0;
  /// The same, and the records that follow inside belong to it: a pid. Written
  /// with what follows.
  virtual void context(llvm::StringRef key, const Value &value) = 0;

  virtual void beginList(const ListShape &shape) = 0;
  virtual void record(const Record &record) = 0;
  virtual void endList() = 0;

  /// Inside a list, instead of a record: an object with members and lists of
  /// its own. Text has \p heading in front of it: "=== pid 1 (init) ===".
  virtual void beginGroup(llvm::StringRef heading) = 0;
  virtual void endGroup() = 0;

  /// The end, with what was found on the way. Standard error has it as well,
  /// and the exit status follows from it, so text has nothing of it.
  virtual void finish(llvm::ArrayRef<Finding> findings) = 0;
};

/// Each member of \p record as one of the document.
void writeMembers(RecordWriter &writer, const Record &record);

/// {"kind", "severity", "sentence", "subject": {...}}
Record makeRecord(const Finding &finding);

} // namespace vmpt
