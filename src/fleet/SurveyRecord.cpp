#include "fleet/SurveyRecord.h"

#include "output/JsonReader.h"
#include "output/JsonWriter.h"
#include "output/RecordWriter.h"
#include "output/Writers.h"
#include "support/Utf8.h"

#include "llvm/ADT/STLExtras.h"

#include <cstring>

namespace vmpt {

namespace {

constexpr llvm::StringLiteral statusWords[] = {
    "complete", "gaps", "failed", "timeout", "out_of_memory", "crashed"};

/// What a dump's process may say, in the order in which it is written.
constexpr llvm::StringLiteral partKeys[] = {
    "arch",      "release",  "build_id",     "paging_mode", "verdict",
    "group_key", "site",     "container",    "memory",      "explain",
    "audit",     "findings", "more_findings"};

/// The members of whole lines, of each key the first.
Record joinParts(llvm::StringRef output) {
  Record joined;
  while (output.contains('\n')) {
    const auto [line, rest] = output.split('\n');
    output = rest;
    llvm::Expected<Record> part = parseJsonObject(line);
    if (!part) {
      llvm::consumeError(part.takeError());
      continue;
    }
    for (size_t i = 0; i < part->keys().size(); ++i)
      if (!joined.find(part->keys()[i].name))
        joined.add(part->keys()[i].name, part->valueAt(i));
  }
  return joined;
}

bool isTrue(const Record &record, llvm::StringRef key) {
  const Value *value = record.find(key);
  const bool *truth = value ? std::get_if<bool>(&value->content()) : nullptr;
  return truth && *truth;
}

std::string describeTime(std::chrono::milliseconds time) {
  const auto count = uint64_t(time.count());
  return count % 1000 ? std::to_string(count) + "ms"
                      : std::to_string(count / 1000) + "s";
}

/// How it ended, and a sentence where that was not as it should be.
std::pair<SurveyStatus, std::string>
judge(const WorkResult &result, const WorkLimits &limits, const Record &parts) {
  using End = WorkResult::End;
  switch (result.end) {
  case End::Time:
    return {SurveyStatus::Timeout,
            "took longer than " + describeTime(limits.time) +
                "; pass a larger --time-limit, with --retry"};
  case End::Memory:
    return {SurveyStatus::OutOfMemory,
            "needs more than " + std::to_string(limits.memoryBytes) +
                " bytes of memory; pass a larger --memory-limit, with --retry"};
  case End::Signal:
    return {SurveyStatus::Crashed, "its process was ended by signal " +
                                       std::to_string(result.number) + " (" +
                                       ::strsignal(result.number) + ")"};
  case End::Output:
    return {SurveyStatus::Crashed, "its process said more than " +
                                       std::to_string(limits.outputBytes) +
                                       " bytes"};
  case End::Status:
    return {SurveyStatus::Crashed,
            "its process ended with status " + std::to_string(result.number)};
  case End::Done:
    break;
  }
  if (!isTrue(parts, "is_whole"))
    return {SurveyStatus::Crashed, "its process ended before it had said all"};
  if (const llvm::StringRef error = getText(parts, "error"); !error.empty())
    return {SurveyStatus::Failed, error.str()};
  return {isTrue(parts, "has_gap") ? SurveyStatus::Gaps
                                   : SurveyStatus::Complete,
          ""};
}

Record makeHead(const SurveyedFile &file, SurveyStatus status,
                const std::string &error) {
  Record record;
  record.add("schema", jsonSchema)
      .add("record", "dump")
      .add("path", file.path)
      .add("content_id",
           file.contentId.empty() ? Value() : Value(file.contentId))
      .add("bytes", file.contentId.empty() ? Value() : Value(file.bytes))
      .add("status", getSurveyStatusWord(status))
      .add("error", error.empty() ? Value() : Value(error));
  return record;
}

/// What there is nothing of is null, and lists are empty.
void addParts(Record &record, const Record &parts) {
  for (const llvm::StringLiteral key : partKeys) {
    const Value *value = parts.find(key);
    record.add(key, value                    ? *value
                    : key == "findings"      ? Value(Array())
                    : key == "more_findings" ? Value(uint64_t(0))
                                             : Value());
  }
}

void addCost(Record &record, const WorkResult &result) {
  Record cost;
  cost.add("wall_ms", result.wallMilliseconds)
      .add("cpu_ms", result.cpuMilliseconds)
      .add("peak_bytes", result.peakBytes);
  record.add("cost", std::move(cost));
}

} // namespace

llvm::StringRef getSurveyStatusWord(SurveyStatus status) {
  return statusWords[size_t(status)];
}

Record makeSurveyRecord(const SurveyedFile &file, const WorkResult &result,
                        const WorkLimits &limits) {
  const Record parts = joinParts(result.output);
  const auto [status, error] = judge(result, limits, parts);
  Record record = makeHead(file, status, error);
  addParts(record, parts);
  addCost(record, result);
  return record;
}

Record makeUnreadableRecord(const std::string &path, const std::string &why) {
  Record record = makeHead({path, "", 0}, SurveyStatus::Failed, why);
  addParts(record, {});
  addCost(record, {});
  return record;
}

std::optional<SurveySummary> summarizeRecord(const Record &record) {
  SurveySummary summary;
  summary.path = getText(record, "path").str();
  summary.contentId = getText(record, "content_id").str();
  summary.error = getText(record, "error").str();
  const auto *word = llvm::find(statusWords, getText(record, "status"));
  if (getText(record, "record") != "dump" || !record.find("path") ||
      word == std::end(statusWords))
    return std::nullopt;
  summary.status = SurveyStatus(word - std::begin(statusWords));
  if (const Record *audit = findObject(record, "audit")) {
    llvm::Expected<AuditSeverity> worst =
        parseAuditSeverity(getText(*audit, "severity"));
    if (worst)
      summary.worst = *worst;
    else
      llvm::consumeError(worst.takeError());
  }
  return summary;
}

std::string toJsonLine(const Record &record) {
  std::string line;
  llvm::raw_string_ostream os(line);
  {
    JsonWriter json(os, 0);
    json.beginObject();
    writeMembers(json, record);
    json.endObject();
  }
  return os.str();
}

std::string pathInRecord(llvm::StringRef path) {
  std::string text;
  while (!path.empty()) {
    const Utf8Character character = firstCharacter(path);
    text += character.isValid ? path.take_front(character.bytes)
                              : llvm::StringRef("\xef\xbf\xbd");
    path = path.drop_front(character.bytes);
  }
  return text;
}

llvm::StringRef getText(const Record &record, llvm::StringRef key) {
  const Value *value = record.find(key);
  const auto *text =
      value ? std::get_if<std::string>(&value->content()) : nullptr;
  return text ? llvm::StringRef(*text) : llvm::StringRef();
}

const Record *findObject(const Record &record, llvm::StringRef key) {
  const Value *value = record.find(key);
  return value ? std::get_if<Record>(&value->content()) : nullptr;
}

} // namespace vmpt
