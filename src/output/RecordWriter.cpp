#include "output/RecordWriter.h"

#include "output/Writers.h"

namespace vmpt {

llvm::Expected<OutputFormat> parseOutputFormat(llvm::StringRef word) {
  if (word == "text")
    return OutputFormat::Text;
  if (word == "json")
    return OutputFormat::Json;
  if (word == "jsonl")
    return OutputFormat::JsonLines;
  return llvm::make_error<UsageError>("--format '" + word +
                                      "' is none of text, json and jsonl");
}

std::unique_ptr<RecordWriter> RecordWriter::create(OutputFormat format,
                                                   llvm::StringRef command,
                                                   llvm::raw_ostream &os) {
  switch (format) {
  case OutputFormat::Json:
    return createJsonDocument(command, os);
  case OutputFormat::JsonLines:
    return createJsonLines(command, os);
  case OutputFormat::Text:
    break;
  }
  return createTextColumns(os);
}

void writeMembers(RecordWriter &writer, const Record &record) {
  for (size_t i = 0; i < record.keys().size(); ++i)
    writer.member(record.keys()[i].name, record.valueAt(i));
}

Record makeRecord(const Finding &finding) {
  const Subject &about = finding.subject;
  Record subject;
  if (!about.file.empty())
    subject.add("file", about.file);
  if (about.offset)
    subject.add("offset", *about.offset);
  if (about.physical)
    subject.add("physical", *about.physical);
  if (about.virtualStart)
    subject.add("virtual", *about.virtualStart);
  if (about.sizeBytes)
    subject.add("bytes", *about.sizeBytes);
  if (about.pid)
    subject.add("pid", *about.pid);
  Record record;
  record.add("kind", finding.kind)
      .add("severity", getSeverityWord(finding.severity))
      .add("sentence", finding.sentence)
      .add("subject", std::move(subject));
  return record;
}

} // namespace vmpt
