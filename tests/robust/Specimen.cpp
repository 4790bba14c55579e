#include "Specimen.h"

#include "analysis/MapsReader.h"
#include "analysis/TableTree.h"
#include "kernel/areas/VmaList.h"

#include <mutex>
#include <set>

namespace vmpt::robust {

/// Keeps each read as it was asked for: small ones are fields.
class TraceMemory final : public PhysicalMemory {
public:
  explicit TraceMemory(const PhysicalMemory &memory) : memory_(memory) {}

  std::optional<AbsentByte>
  tryRead(PhysAddr at, llvm::MutableArrayRef<uint8_t> out) const override {
    record(at, out.size());
    return memory_.tryRead(at, out);
  }
  const uint8_t *tryView(PhysAddr at, uint64_t size) const override {
    record(at, size);
    return memory_.tryView(at, size);
  }
  llvm::ArrayRef<MemoryRange> ranges() const override {
    return memory_.ranges();
  }
  bool mayExcludeZeroPages() const override {
    return memory_.mayExcludeZeroPages();
  }
  uint64_t knownZeroBytes() const override { return memory_.knownZeroBytes(); }

  const std::set<std::pair<uint64_t, uint64_t>> &reads() const {
    return reads_;
  }

private:
  void record(PhysAddr at, uint64_t size) const {
    std::lock_guard lock(mutex_);
    reads_.insert({at.value, size});
  }

  const PhysicalMemory &memory_;
  mutable std::mutex mutex_;
  mutable std::set<std::pair<uint64_t, uint64_t>> reads_;
};

llvm::StringRef getPartName(Part part) {
  static constexpr llvm::StringLiteral names[partCount] = {
      "header", "image", "table", "task", "area", "anything"};
  return names[unsigned(part)];
}

llvm::Expected<std::unique_ptr<Specimen>>
Specimen::create(std::unique_ptr<DumpFile> file) {
  std::unique_ptr<Specimen> specimen(new Specimen);
  specimen->file_ = std::move(file);
  Request request;
  request.path = specimen->file_->path();
  // No vmlinux of this machine: the dump alone.
  request.debug.searchRoot = "/nonexistent";
  auto session = Session::open(std::move(request), llvm::nulls());
  if (!session)
    return session.takeError();
  specimen->session_ = std::move(*session);
  if (llvm::Error error = specimen->trace())
    return error;
  return specimen;
}

llvm::Error Specimen::trace() {
  const PhysicalMemory &memory = session_->memory();
  TraceMemory finding(memory);
  llvm::Expected<KernelImage> image = session_->findKernel(finding);
  if (!image)
    return image.takeError();
  image_ = std::make_unique<KernelImage>(std::move(*image));
  llvm::Expected<ListingPlan> plan = planKernelListing(*image_);
  if (!plan)
    return plan.takeError();
  plan_.emplace(std::move(*plan));
  findTables();
  addReads(Part::Image, finding);
  uint64_t firstPage = file_->size();
  for (const MemoryRange &range : memory.ranges())
    for (uint64_t at = 0; !range.absence && at < range.size; at += 4096)
      if (std::optional<uint64_t> offset = offsetOf(range.start + at)) {
        firstPage = std::min(firstPage, *offset);
        pages_.push_back({*offset, 4096});
      }
  for (uint64_t at = 0; at + 4 <= std::min<uint64_t>(firstPage, 16384); at += 4)
    targets_[unsigned(Part::Header)].push_back({at, 4});
  traceTasks();
  return llvm::Error::success();
}

std::optional<uint64_t> Specimen::offsetOf(PhysAddr at) const {
  const uint8_t *view = session_->memory().tryView(at, 1);
  const uint8_t *start = session_->dump().files.front()->data();
  if (!view || !start || view < start || view >= start + file_->size())
    return std::nullopt;
  return uint64_t(view - start);
}

void Specimen::addReads(Part part, const TraceMemory &trace) {
  for (auto [at, size] : trace.reads()) {
    std::optional<uint64_t> offset = offsetOf(PhysAddr(at));
    if (!offset || !size || size > 65536 || findTable(*offset))
      continue;
    // What is read as a whole is looked at word by word.
    const uint64_t step = size > 64 ? 8 : size;
    for (uint64_t i = 0; i < size && *offset + i + step <= file_->size();
         i += step * (size > 4096 ? 8 : 1))
      targets_[unsigned(part)].push_back({*offset + i, step});
  }
}

void Specimen::findTables() {
  const PagingMode &mode = image_->mode;
  constexpr size_t maxBases = 16, maxEntries = 1 << 21;
  std::map<uint64_t, KnownTable> tables;
  size_t left = maxEntries;
  auto visit = [&](const TreeEntry &entry) {
    auto [at, isNew] = tables.try_emplace(entry.table.value);
    KnownTable &table = at->second;
    const VirtAddr base =
        entry.first - (uint64_t(entry.index) << mode.levels[entry.level].shift);
    if (isNew)
      table.level = entry.level;
    else if (table.level != entry.level)
      table.isAmbiguous = true;
    if (table.bases.empty() || table.bases.back() != base)
      table.bases.push_back(base);
    if (table.bases.size() > maxBases) {
      table.isAmbiguous = true;
      table.bases.resize(1);
    }
    return --left != 0;
  };
  (void)visitTables(session_->memory(), mode, image_->root, mode.levelCount,
                    visit);
  for (auto &[address, table] : tables) {
    std::optional<uint64_t> offset = offsetOf(PhysAddr(address));
    const uint64_t size = mode.tableBytes(table.level);
    if (!offset || *offset + size > file_->size())
      continue;
    table.offset = *offset;
    tables_.push_back(table);
  }
  llvm::sort(tables_, [](const KnownTable &a, const KnownTable &b) {
    return a.offset < b.offset;
  });
  for (const KnownTable &table : tables_)
    for (unsigned i = 0; i < mode.entryCount(table.level); ++i)
      targets_[unsigned(Part::Table)].push_back(
          {table.offset + uint64_t(i) * mode.entryBytes, mode.entryBytes});
}

const KnownTable *Specimen::findTable(uint64_t offset) const {
  auto after = llvm::partition_point(
      tables_, [&](const KnownTable &t) { return t.offset <= offset; });
  if (after == tables_.begin())
    return nullptr;
  const KnownTable &table = *std::prev(after);
  return offset - table.offset < image_->mode.tableBytes(table.level) ? &table
                                                                      : nullptr;
}

const KnownObject *Specimen::findObject(Part part, uint64_t offset) const {
  for (const KnownObject &object : part == Part::Task ? tasks_ : areas_)
    if (offset >= object.offset && offset - object.offset < object.size)
      return &object;
  return nullptr;
}

void Specimen::addObject(Part part, VirtAddr address, llvm::StringRef type) {
  llvm::Expected<PhysAddr> at = kernel_->memory().translate(address);
  if (!at)
    return llvm::consumeError(at.takeError());
  llvm::Expected<uint64_t> size = kernel_->types().getSizeBytes(type);
  llvm::consumeError(size.takeError());
  constexpr uint64_t usualBytes = 1024; // of what is learned, no size is known
  if (std::optional<uint64_t> offset = offsetOf(*at))
    (part == Part::Task ? tasks_ : areas_)
        .push_back({address, *offset, size ? *size : usualBytes});
}

void Specimen::traceTasks() {
  auto kernel = session_->createKernel(*image_, session_->memory());
  if (!kernel)
    return llvm::consumeError(kernel.takeError());
  llvm::Expected<TaskList> list =
      readTaskList(**kernel, {/*withThreads=*/true});
  if (!list)
    return llvm::consumeError(list.takeError());
  TraceMemory reading(session_->memory());
  auto traced = session_->createKernel(*image_, reading);
  if (!traced)
    return llvm::consumeError(traced.takeError());
  TraceMemory tasks(session_->memory());
  auto again = session_->createKernel(*image_, tasks);
  if (again)
    llvm::consumeError(
        readTaskList(**again, {/*withThreads=*/true}).takeError());
  kernel_ = std::move(*kernel);
  addReads(Part::Image, reading);
  addReads(Part::Task, tasks);
  for (const Task &task : list->tasks)
    addObject(Part::Task, task.address, "task_struct");
  traceAreas(*list);
}

void Specimen::traceAreas(const TaskList &list) {
  TraceMemory tracing(session_->memory());
  auto kernel = session_->createKernel(*image_, tracing);
  if (!kernel)
    return llvm::consumeError(kernel.takeError());
  llvm::Expected<MapsReader> maps = MapsReader::create(**kernel);
  if (!maps)
    return llvm::consumeError(maps.takeError());
  for (const Task &task : list.tasks) {
    if (!task.mm.value || task.isKernelThread || processes_.size() >= 4)
      continue;
    processes_.push_back(task.mm);
    llvm::consumeError(maps->read(task.mm).takeError());
  }
  llvm::Expected<VmaReader> reader =
      VmaReader::create(kernel_->types(), kernel_->reader());
  if (!reader)
    return llvm::consumeError(reader.takeError());
  for (VirtAddr mm : processes_)
    for (const Vma &vma : reader->readAll(mm).vmas)
      addObject(Part::Area, vma.address, "vm_area_struct");
  addReads(Part::Area, tracing);
}

} // namespace vmpt::robust
