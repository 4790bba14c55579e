#include "fleet/SurveyDatabase.h"

#if VMPT_HAS_SQLITE

#include "support/Text.h"

#include <cerrno>
#include <cstring>
#include <fcntl.h>
#include <sqlite3.h>
#include <sys/stat.h>
#include <unistd.h>

namespace vmpt {

namespace {

/// In the header of the file: "vmpt", and which tables there are.
constexpr int applicationId = 0x766d7074, tablesVersion = 1;

constexpr const char *tables = R"(
CREATE TABLE dumps (
  id INTEGER PRIMARY KEY, content_id TEXT UNIQUE, path TEXT NOT NULL,
  bytes INTEGER, status TEXT NOT NULL, error TEXT, arch TEXT, release TEXT,
  build_id TEXT, paging_mode TEXT, verdict TEXT, group_key TEXT, site TEXT,
  region TEXT, address TEXT, access TEXT, title TEXT, panic TEXT, cpu INTEGER,
  pid INTEGER, comm TEXT, format TEXT, producer TEXT, present_bytes INTEGER,
  audit_severity TEXT, audit_findings INTEGER, gaps INTEGER NOT NULL,
  wall_ms INTEGER, cpu_ms INTEGER, peak_bytes INTEGER, record TEXT NOT NULL);
CREATE INDEX dumps_by_group ON dumps (group_key);
CREATE INDEX dumps_by_build ON dumps (build_id);
CREATE TABLE audit_findings (
  dump_id INTEGER NOT NULL REFERENCES dumps (id) ON DELETE CASCADE,
  number INTEGER NOT NULL, rule TEXT, severity TEXT, pid INTEGER, comm TEXT,
  first TEXT, last TEXT, entry_address TEXT, entry TEXT, detail TEXT,
  PRIMARY KEY (dump_id, number)) WITHOUT ROWID;
CREATE INDEX audit_findings_by_rule ON audit_findings (rule);
CREATE TABLE rules_not_judged (
  dump_id INTEGER NOT NULL REFERENCES dumps (id) ON DELETE CASCADE,
  number INTEGER NOT NULL, rule TEXT, state TEXT, reason TEXT,
  PRIMARY KEY (dump_id, number)) WITHOUT ROWID;
CREATE TABLE findings (
  dump_id INTEGER NOT NULL REFERENCES dumps (id) ON DELETE CASCADE,
  number INTEGER NOT NULL, kind TEXT, severity TEXT, sentence TEXT,
  PRIMARY KEY (dump_id, number)) WITHOUT ROWID;
)";

class Database final : public SurveyDatabase {
public:
  explicit Database(sqlite3 *handle) : handle_(handle) {}
  ~Database() override { ::sqlite3_close(handle_); }

  llvm::Error prepare();

  llvm::Error
  review(const std::function<bool(const SurveySummary &)> &isStale,
         const std::function<void(const SurveySummary &)> &onDump) override;
  bool has(llvm::StringRef contentId) override;
  llvm::Error add(const Record &record, llvm::StringRef line) override;

private:
  llvm::Error makeTables();
  llvm::Error fail() const {
    return llvm::make_error<UsageError>("cannot be used: " +
                                        llvm::Twine(::sqlite3_errmsg(handle_)));
  }
  llvm::Error execute(const char *sql) {
    if (::sqlite3_exec(handle_, sql, nullptr, nullptr, nullptr) != SQLITE_OK)
      return fail();
    return llvm::Error::success();
  }
  llvm::Expected<int64_t> ask(const char *sql);
  llvm::Error insert(const Record &record, llvm::StringRef line);
  llvm::Error insertDump(const Record &record, llvm::StringRef line);
  llvm::Error insertList(const Record &owner, llvm::StringRef key,
                         const char *table,
                         llvm::ArrayRef<llvm::StringLiteral> columns,
                         int64_t dump);
  friend class Statement;

  sqlite3 *handle_;
};

/// One statement, whose values are bound in their order.
class Statement {
public:
  Statement(sqlite3 *handle, const std::string &sql) {
    isSound_ = ::sqlite3_prepare_v2(handle, sql.c_str(), int(sql.size()) + 1,
                                    &statement_, nullptr) == SQLITE_OK;
  }
  ~Statement() { ::sqlite3_finalize(statement_); }
  Statement(const Statement &) = delete;
  Statement &operator=(const Statement &) = delete;

  void bindText(llvm::StringRef text) {
    isSound_ &=
        ::sqlite3_bind_text64(statement_, ++place_, text.data(), text.size(),
                              SQLITE_TRANSIENT, SQLITE_UTF8) == SQLITE_OK;
  }
  void bindNumber(uint64_t number) {
    if (number > uint64_t(INT64_MAX))
      return bindText(std::to_string(number));
    isSound_ &= ::sqlite3_bind_int64(statement_, ++place_, int64_t(number)) ==
                SQLITE_OK;
  }
  /// NULL for what is no number and no text.
  void bind(const Value *value) {
    if (const auto *text =
            value ? std::get_if<std::string>(&value->content()) : nullptr)
      return bindText(*text);
    if (const auto *number =
            value ? std::get_if<uint64_t>(&value->content()) : nullptr)
      return bindNumber(*number);
    if (const auto *bits =
            value ? std::get_if<Value::Hex>(&value->content()) : nullptr)
      return bindText(hex(bits->value));
    isSound_ &= ::sqlite3_bind_null(statement_, ++place_) == SQLITE_OK;
  }
  void bind(const Record *record, llvm::StringRef key) {
    bind(record ? record->find(key) : nullptr);
  }
  /// SQLITE_ROW, SQLITE_DONE, or an error.
  int step() { return isSound_ ? ::sqlite3_step(statement_) : SQLITE_ERROR; }
  void reset() {
    ::sqlite3_reset(statement_);
    place_ = 0;
  }
  int64_t number(int column) {
    return ::sqlite3_column_int64(statement_, column);
  }
  std::string text(int column) {
    const auto *bytes = ::sqlite3_column_text(statement_, column);
    return bytes ? reinterpret_cast<const char *>(bytes) : "";
  }

private:
  sqlite3_stmt *statement_ = nullptr;
  int place_ = 0;
  bool isSound_;
};

llvm::Expected<int64_t> Database::ask(const char *sql) {
  Statement statement(handle_, sql);
  if (statement.step() != SQLITE_ROW)
    return fail();
  return statement.number(0);
}

constexpr const char *countTables = "SELECT count(*) FROM sqlite_schema";

/// Unless another survey makes them meanwhile.
llvm::Error Database::makeTables() {
  if (llvm::Error error = execute("BEGIN IMMEDIATE"))
    return error;
  llvm::Expected<int64_t> count = ask(countTables);
  if (!count)
    return count.takeError();
  std::string sql;
  if (*count == 0)
    sql = tables +
          ("PRAGMA application_id = " + std::to_string(applicationId) +
           "; PRAGMA user_version = " + std::to_string(tablesVersion) + ";");
  return execute((sql + "COMMIT").c_str());
}

llvm::Error Database::prepare() {
  constexpr int waitMilliseconds = 10'000; // For one that only reads.
  ::sqlite3_busy_timeout(handle_, waitMilliseconds);
  llvm::Expected<int64_t> count = ask(countTables);
  if (!count)
    return count.takeError();
  if (*count == 0)
    if (llvm::Error error = makeTables())
      return error;
  llvm::Expected<int64_t> application = ask("PRAGMA application_id");
  if (!application)
    return application.takeError();
  llvm::Expected<int64_t> version = ask("PRAGMA user_version");
  if (!version)
    return version.takeError();
  if (*application != applicationId || *version != tablesVersion)
    return llvm::make_error<UsageError>(
        "exists and is no database of a survey; name another file");
  return execute("PRAGMA foreign_keys = ON");
}

llvm::Error
Database::review(const std::function<bool(const SurveySummary &)> &isStale,
                 const std::function<void(const SurveySummary &)> &onDump) {
  std::vector<int64_t> stale;
  Statement all(handle_, "SELECT id, path, content_id, status, error, "
                         "audit_severity FROM dumps ORDER BY id");
  int state;
  while ((state = all.step()) == SQLITE_ROW) {
    // As a record of a file has them.
    Record record, audit;
    audit.add("severity", all.text(5));
    record.add("record", "dump")
        .add("path", all.text(1))
        .add("content_id", all.text(2))
        .add("status", all.text(3))
        .add("error", all.text(4))
        .add("audit", std::move(audit));
    const std::optional<SurveySummary> summary = summarizeRecord(record);
    if (!summary || isStale(*summary))
      stale.push_back(all.number(0));
    else
      onDump(*summary);
  }
  if (state != SQLITE_DONE)
    return fail();
  all.reset();
  for (const int64_t id : stale) {
    Statement remove(handle_, "DELETE FROM dumps WHERE id = ?");
    remove.bindNumber(uint64_t(id));
    if (remove.step() != SQLITE_DONE)
      return fail();
  }
  return llvm::Error::success();
}

bool Database::has(llvm::StringRef contentId) {
  Statement find(handle_, "SELECT 1 FROM dumps WHERE content_id = ?");
  find.bindText(contentId);
  return find.step() == SQLITE_ROW;
}

llvm::Error Database::add(const Record &record, llvm::StringRef line) {
  if (llvm::Error error = execute("BEGIN IMMEDIATE"))
    return error;
  llvm::Error error = insert(record, line);
  if (!error)
    error = execute("COMMIT");
  if (error) // The full disk's own sentence was taken.
    llvm::consumeError(execute("ROLLBACK"));
  return error;
}

llvm::Error Database::insert(const Record &record, llvm::StringRef line) {
  Statement remove(handle_, "DELETE FROM dumps WHERE content_id = ?1 OR "
                            "(content_id IS NULL AND path = ?2)");
  remove.bind(&record, "content_id");
  remove.bind(&record, "path");
  if (remove.step() != SQLITE_DONE)
    return fail();
  if (llvm::Error error = insertDump(record, line))
    return error;
  const int64_t id = ::sqlite3_last_insert_rowid(handle_);
  static constexpr llvm::StringLiteral ofAudit[] = {
      "rule", "severity",      "pid",   "comm",  "first",
      "last", "entry_address", "entry", "detail"};
  static constexpr llvm::StringLiteral ofGap[] = {"rule", "state", "reason"};
  static constexpr llvm::StringLiteral ofFinding[] = {"kind", "severity",
                                                      "sentence"};
  if (const Record *audit = findObject(record, "audit")) {
    if (llvm::Error error =
            insertList(*audit, "audit", "audit_findings", ofAudit, id))
      return error;
    if (llvm::Error error = insertList(*audit, "rules_not_judged",
                                       "rules_not_judged", ofGap, id))
      return error;
  }
  return insertList(record, "findings", "findings", ofFinding, id);
}

llvm::Error Database::insertDump(const Record &record, llvm::StringRef line) {
  static constexpr llvm::StringLiteral own[] = {
      "content_id", "path",     "bytes",       "status",  "error",     "arch",
      "release",    "build_id", "paging_mode", "verdict", "group_key", "site"};
  static constexpr llvm::StringLiteral ofCrash[] = {
      "region", "address", "access", "title", "panic", "cpu", "pid", "comm"};
  std::string sql = "INSERT INTO dumps (", places;
  const auto column = [&](llvm::StringRef name) {
    sql += name.str() + ", ";
    places += "?, ";
  };
  for (const llvm::StringLiteral name : own)
    column(name);
  for (const llvm::StringLiteral name : ofCrash)
    column(name);
  sql += "format, producer, present_bytes, audit_severity, audit_findings, "
         "gaps, wall_ms, cpu_ms, peak_bytes, record) VALUES (" +
         places + "?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
  const Record *crash = findObject(record, "explain"),
               *container = findObject(record, "container"),
               *memory = findObject(record, "memory"),
               *audit = findObject(record, "audit"),
               *cost = findObject(record, "cost");
  Statement statement(handle_, sql);
  for (const llvm::StringLiteral name : own)
    statement.bind(&record, name);
  for (const llvm::StringLiteral name : ofCrash)
    statement.bind(crash, name);
  statement.bind(container, "format");
  statement.bind(container, "producer");
  statement.bind(memory, "present_bytes");
  statement.bind(audit, "severity");
  if (const Record *counts = audit ? findObject(*audit, "counts") : nullptr) {
    uint64_t sum = 0;
    for (size_t i = 0; i < counts->keys().size(); ++i)
      if (const auto *count =
              std::get_if<uint64_t>(&counts->valueAt(i).content()))
        sum += *count;
    statement.bindNumber(sum);
  } else {
    statement.bind(nullptr);
  }
  uint64_t gaps = 0;
  if (const Value *findings = record.find("findings"))
    if (const auto *list = std::get_if<Array>(&findings->content()))
      for (const Value &finding : *list)
        if (const auto *object = std::get_if<Record>(&finding.content()))
          gaps += getText(*object, "severity") == "gap";
  statement.bindNumber(gaps);
  for (const llvm::StringLiteral name :
       {llvm::StringLiteral("wall_ms"), llvm::StringLiteral("cpu_ms"),
        llvm::StringLiteral("peak_bytes")})
    statement.bind(cost, name);
  statement.bindText(line.rtrim('\n'));
  return statement.step() == SQLITE_DONE ? llvm::Error::success() : fail();
}

llvm::Error Database::insertList(const Record &owner, llvm::StringRef key,
                                 const char *table,
                                 llvm::ArrayRef<llvm::StringLiteral> columns,
                                 int64_t dump) {
  const Value *value = owner.find(key);
  const auto *list = value ? std::get_if<Array>(&value->content()) : nullptr;
  if (!list || list->empty())
    return llvm::Error::success();
  std::string sql = std::string("INSERT INTO ") + table + " (dump_id, number",
              places = "?, ?";
  for (const llvm::StringLiteral column : columns) {
    sql += ", " + column.str();
    places += ", ?";
  }
  Statement statement(handle_, sql + ") VALUES (" + places + ")");
  for (size_t i = 0; i < list->size(); ++i) {
    statement.reset();
    statement.bindNumber(uint64_t(dump));
    statement.bindNumber(i);
    const auto *object = std::get_if<Record>(&(*list)[i].content());
    for (const llvm::StringLiteral column : columns)
      statement.bind(object, column);
    if (statement.step() != SQLITE_DONE)
      return fail();
  }
  return llvm::Error::success();
}

} // namespace

llvm::Expected<std::unique_ptr<SurveyDatabase>>
SurveyDatabase::open(const std::string &path, unsigned mode) {
  struct stat status;
  if (::stat(path.c_str(), &status) == 0 && !S_ISREG(status.st_mode))
    return llvm::make_error<UsageError>(
        "is no regular file, which a database needs; name another file");
  // SQLite's own mode would let more people read it than may read the dumps.
  const int fd =
      ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, mode_t(mode));
  if (fd < 0)
    return llvm::make_error<UsageError>(std::string("cannot create: ") +
                                        std::strerror(errno));
  ::close(fd);
  sqlite3 *handle = nullptr;
  // A name that begins with "file:" is no URI of ours, nor ":memory:".
  const std::string name = startsWith(path, "/") ? path : "./" + path;
  const int result =
      ::sqlite3_open_v2(name.c_str(), &handle, SQLITE_OPEN_READWRITE, nullptr);
  auto database = std::make_unique<Database>(handle);
  if (result != SQLITE_OK)
    return llvm::make_error<UsageError>("cannot be used: " +
                                        llvm::Twine(::sqlite3_errstr(result)));
  if (llvm::Error error = database->prepare())
    return error;
  return database;
}

std::string getDatabaseLibrary() {
  return std::string("SQLite ") + ::sqlite3_libversion();
}

} // namespace vmpt

#else // VMPT_HAS_SQLITE

namespace vmpt {

llvm::Expected<std::unique_ptr<SurveyDatabase>>
SurveyDatabase::open(const std::string &, unsigned) {
  return llvm::make_error<UnsupportedError>(
      "this program was built without SQLite (libsqlite3-dev)");
}

std::string getDatabaseLibrary() { return {}; }

} // namespace vmpt

#endif // VMPT_HAS_SQLITE
