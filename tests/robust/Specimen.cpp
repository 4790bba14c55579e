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
  bool isQuickToRead() const override { return memory_.isQuickToRead(); }
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
  findPlaces();
  findLabels();
  traceTasks();
  return llvm::Error::success();
}

/// The program headers of an ELF file, with the numbers that lead to them; of
/// a stream, whatever is no page.
void Specimen::findPlaces() {
  llvm::ArrayRef<uint8_t> bytes = file_->pristine();
  constexpr uint64_t headerBytes = 64;
  if (bytes.size() >= headerBytes && bytes[0] == 0x7f && bytes[1] == 'E') {
    const bool isWide = bytes[4] == 2;
    const ByteOrder order = bytes[5] == 1 ? ByteOrder::little : ByteOrder::big;
    const uint64_t start = isWide ? loadUnaligned<uint64_t>(&bytes[32], order)
                                  : loadUnaligned<uint32_t>(&bytes[28], order);
    const uint64_t each =
        loadUnaligned<uint16_t>(&bytes[isWide ? 54 : 42], order);
    const uint64_t count =
        loadUnaligned<uint16_t>(&bytes[isWide ? 56 : 44], order);
    places_ = {{start, each * count},
               isWide ? Target{32, 8} : Target{28, 4},
               {isWide ? 54u : 42u, 4}};
    return;
  }
  uint64_t at = 0;
  llvm::sort(pages_, [](const Target &a, const Target &b) {
    return a.offset < b.offset;
  });
  for (const Target &page : pages_) {
    if (page.offset > at)
      places_.push_back({at, page.offset - at});
    at = std::max(at, page.offset + page.size);
  }
}

/// Words of the array that are starts, or lead to names, and these names.
void Specimen::findLabels() {
  if (!image_->dumper)
    return;
  const AddressSpace memory = image_->addressSpace(session_->memory());
  const unsigned word = image_->wordBytes();
  constexpr unsigned mostWords = 5; // of an entry
  const auto add = [&](VirtAddr at, uint64_t size) {
    llvm::Expected<PhysAddr> physical = memory.translate(at);
    if (!physical)
      return llvm::consumeError(physical.takeError());
    if (auto offset = offsetOf(*physical))
      labels_.push_back({*offset, size});
  };
  const std::vector<AddressMarker> &markers = image_->markers;
  for (size_t i = 0; i < mostWords * (markers.size() + 1); ++i) {
    const VirtAddr at = image_->dumper->markerArray + i * word;
    std::vector<uint8_t> raw(word);
    if (llvm::Error error = memory.read(at, raw)) {
      llvm::consumeError(std::move(error));
      break;
    }
    const uint64_t value =
        word == 8 ? loadUnaligned<uint64_t>(raw.data(), image_->order())
                  : loadUnaligned<uint32_t>(raw.data(), image_->order());
    llvm::Expected<std::string> name = memory.readString(VirtAddr(value), 64);
    const bool isName =
        name && llvm::any_of(markers, [&](const AddressMarker &marker) {
          return name->size() > 3 && marker.name.starts_with(*name) &&
                 *name != markers.front().name;
        });
    if (isName)
      add(VirtAddr(value), name->size() + 1);
    if (isName || llvm::any_of(markers, [&](const AddressMarker &marker) {
          return marker.start == value || marker.maxLines == value;
        }))
      add(at, word);
    llvm::consumeError(name.takeError());
  }
}

bool Specimen::mayChangeListing(const Target &target) const {
  const auto overlaps = [&](const Target &other) {
    return target.offset < other.offset + other.size &&
           other.offset < target.offset + target.size;
  };
  return findTable(target.offset) ||
         findTable(target.offset + target.size - 1) ||
         llvm::any_of(places_, overlaps) || llvm::any_of(labels_, overlaps);
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
  const auto add = [&](PhysAddr address, unsigned level, VirtAddr base) {
    auto [at, isNew] = tables.try_emplace(address.value);
    KnownTable &table = at->second;
    if (isNew)
      table.level = level;
    else if (table.level != level)
      table.isAmbiguous = true;
    if (table.bases.empty() || table.bases.back() != base)
      table.bases.push_back(base);
    if (table.bases.size() > maxBases) {
      table.isAmbiguous = true;
      table.bases.resize(1);
    }
  };
  auto visit = [&](const TreeEntry &entry) {
    add(entry.table, entry.level,
        entry.first -
            (uint64_t(entry.index) << mode.levels[entry.level].shift));
    // Which may have no entry in use.
    if (entry.decoded.isTable() && entry.level < mode.lastLevel())
      add(entry.decoded.address, entry.level + 1, entry.first);
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
