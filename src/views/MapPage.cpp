#include "views/MapPage.h"

#include "kernel/areas/VmaList.h"
#include "kernel/find/KernelArch.h"
#include "kernel/image/Kallsyms.h"
#include "output/JsonWriter.h"
#include "output/Writers.h"
#include "views/Audit.h"
#include "views/Explain.h"
#include "views/MapAssets.h"
#include "views/PageTypes.h"
#include "views/Words.h"

#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

/// JSON that may stand in a script element: "</script" ends one, "<!--" begins
/// a comment in one. Outside of strings JSON has no such character.
void writeData(llvm::raw_ostream &os, llvm::StringRef id,
               llvm::StringRef json) {
  os << "<script type=\"application/json\" id=\"" << id << "\">";
  for (char c : json)
    if (c == '<')
      os << "\\u003c";
    else
      os << c;
  os << "</script>\n";
}

void writePacked(llvm::raw_ostream &os, llvm::StringRef id,
                 llvm::ArrayRef<uint8_t> bytes) {
  os << "<script type=\"text/plain\" id=\"" << id << "\">" << pack(bytes)
     << "</script>\n";
}

std::string toJson(const Value &value) {
  std::string text;
  llvm::raw_string_ostream os(text);
  {
    JsonWriter json(os, /*indent=*/0);
    write(json, value);
  }
  return os.str();
}

Record describeMode(const PagingMode &mode) {
  Array levels;
  for (unsigned level = 0; level < mode.levelCount; ++level) {
    Record record;
    record.add("name", getLevelName(mode, level))
        .add("shift", uint64_t(mode.levels[level].shift))
        .add("index_bits", uint64_t(mode.levels[level].indexBits));
    levels.push_back(std::move(record));
  }
  Record record;
  record.add("name", mode.name)
      .add("virtual_bits", uint64_t(mode.virtualBits))
      .add("page_shift", uint64_t(mode.pageShift))
      .add("entry_bytes", uint64_t(mode.entryBytes))
      .add("levels", std::move(levels));
  return record;
}

Record describeSpace(const MapSpace &space) {
  Array spans;
  for (const MapSpan &span : space.spans) {
    Record record;
    record.add("first", span.first).add("last", span.last);
    record.add("mode", uint64_t(span.mode)).add("root", span.root);
    record.add("user_root", span.userRoot);
    spans.push_back(std::move(record));
  }
  Record record;
  if (space.task)
    record.add("pid", space.task->pid)
        .add("comm", space.task->comm)
        .add("panicked", space.task->hasPanicked)
        .add("running", space.task->isRunning);
  record.add("table_bytes", space.use.tableBytes)
      .add("mapped_bytes", space.use.mappedBytes)
      .add("absent_tables", space.use.absentTables)
      .add("frames", space.frames)
      .add("shared_frames", space.sharedFrames)
      .add("sharers", uint64_t(space.sharers))
      .add("areas", uint64_t(space.areas.size()))
      .add("spans", std::move(spans));
  return record;
}

Record describe(const MapArea &area) {
  Record record;
  record.add("first", area.first).add("last", area.last);
  record.add("kind", area.kind).add("name", area.name);
  return record;
}

Array describeAreas(const MapSpace &space) {
  Array areas;
  for (const MapArea &area : space.areas) {
    std::string rights = "---p";
    constexpr std::pair<uint64_t, char> letters[] = {
        {VmRead, 'r'}, {VmWrite, 'w'}, {VmExec, 'x'}, {VmMayShare, 's'}};
    for (size_t i = 0; i < std::size(letters); ++i)
      if (area.flags & letters[i].first)
        rights[i] = letters[i].second;
    Record record = describe(area);
    record.add("rights", rights).add("offset", Value::Hex{area.fileOffset});
    areas.push_back(std::move(record));
  }
  return areas;
}

/// What a run of frames says, without where it is.
class FrameWords {
public:
  explicit FrameWords(KernelVersion version) : names_(version) {}

  uint64_t indexOf(const FrameRun &run) {
    const auto key = std::make_tuple(run.absence, run.state, run.flags);
    const auto [found, isNew] = known_.try_emplace(key, words_.size());
    if (isNew) {
      Record record;
      record.add("absence",
                 run.absence ? Value(getReasonWord(*run.absence)) : Value());
      record.add("state", getStateWord(run.state))
          .add("raw", Value::Hex{run.flags})
          .add("flags", makeArray(names_.list(run.flags)));
      words_.push_back(std::move(record));
    }
    return found->second;
  }
  Array take() { return std::move(words_); }

private:
  const PageFlagNames names_;
  std::map<std::tuple<std::optional<Absence>, PageFacts::State, uint64_t>,
           uint64_t>
      known_;
  Array words_;
};

Record describeFrames(const MapPage &page, PackedBytes &packed) {
  const MachineMap &map = page.map;
  const unsigned shift = page.kernel.image().mode.pageShift;
  FrameWords words(page.kernel.image().version());
  uint64_t at = 0;
  for (const FrameRun &run : map.frames.runs) {
    packed.add(run.first - at);
    packed.add(run.count);
    packed.add(words.indexOf(run));
    at = run.end();
  }
  at = 0;
  for (const FrameOwners::Run &run : map.owners) {
    packed.add(run.first - at);
    packed.add(run.last - run.first + 1);
    packed.add(run.owner == FrameOwners::shared ? 0 : run.owner);
    at = run.last + 1;
  }
  Record record;
  record.add("page_shift", uint64_t(shift))
      .add("runs", uint64_t(map.frames.runs.size()))
      .add("owners", uint64_t(map.owners.size()))
      .add("words", words.take());
  if (map.image)
    record.add("image_first", map.image->first)
        .add("image_last", map.image->last);
  return record;
}

/// Ascending: distance, length, name; an empty one where the last goes on no
/// more. Returns how many there are.
uint64_t packSymbols(const MapPage &page, PackedBytes &packed) {
  const std::vector<ModuleSymbol> &ofModules = page.map.moduleSymbols;
  auto module = ofModules.begin();
  uint64_t count = 0, at = 0;
  const auto add = [&](VirtAddr address, llvm::StringRef name) {
    packed.add(address.value - at);
    packed.add(name.size());
    packed.append(llvm::arrayRefFromStringRef(name));
    at = address.value;
    ++count;
  };
  if (const Kallsyms *kallsyms = page.kernel.kallsyms())
    kallsyms->forEach([&](const Symbol &symbol) {
      for (; module != ofModules.end() && module->at < symbol.address; ++module)
        add(module->at, module->name);
      if (symbol.address.value >= at)
        add(symbol.address, symbol.name);
      return true;
    });
  // Where the kernel's last one ends is not said.
  if (at != ~uint64_t(0) && count)
    add(VirtAddr(at + 1), "");
  for (; module != ofModules.end(); ++module)
    if (module->at.value >= at)
      add(module->at, module->name);
  return count;
}

Array describeRegions(const Kernel &kernel) {
  Array regions;
  for (const KernelRegion &region : kernel.regions()) {
    Record record;
    record.add("name", getRegionName(region.region))
        .add("first", region.first)
        .add("last", region.last)
        .add("source", region.source);
    regions.push_back(std::move(record));
  }
  return regions;
}

void addFacts(Record &data, const MapPage &page) {
  const KernelImage &image = page.kernel.image();
  data.add("schema", jsonSchema).add("program", page.program);
  data.add("file", page.file).add("format", page.dump.format);
  Array options;
  for (const MapOption &option : page.options) {
    Record record;
    record.add("name", option.name)
        .add("value", option.value ? Value(*option.value) : Value());
    options.push_back(std::move(record));
  }
  data.add("options", std::move(options));
  data.add("release", image.vmcoreinfo.release().value_or(image.bannerRelease));
  data.add("arch", getArchName(image.arch->arch));
  data.add("root", image.root).add("root_doubt", image.rootDoubt);
  data.add("last_user", page.map.lastUser)
      .add("spaces_overlap", image.arch->spacesOverlap);
  data.add("present_bytes", page.dump.memory->presentBytes());
}

void addMap(Record &data, const MapPage &page) {
  const MachineMap &map = page.map;
  Array modes, spaces, sections, areas, findings;
  for (const PagingMode &mode : map.modes)
    modes.push_back(describeMode(mode));
  for (const MapSpace &space : map.spaces)
    spaces.push_back(describeSpace(space));
  for (const MapSection &section : map.sections) {
    Record record;
    record.add("first", section.first).add("name", section.name);
    sections.push_back(std::move(record));
  }
  for (const MapArea &area : map.kernelAreas)
    areas.push_back(describe(area));
  for (const Finding &finding : page.findings)
    findings.push_back(makeRecord(finding));
  data.add("modes", std::move(modes)).add("tables", page.tables.describe());
  data.add("spaces", std::move(spaces)).add("sections", std::move(sections));
  data.add("regions", describeRegions(page.kernel))
      .add("areas", std::move(areas))
      .add("findings", std::move(findings));
}

} // namespace

void writeMapPage(llvm::raw_ostream &os, const MapPage &page) {
  os << getMapPageStart();
  PackedBytes frames, symbols;
  Record data;
  addFacts(data, page);
  addMap(data, page);
  data.add("frames", describeFrames(page, frames));
  data.add("symbols", packSymbols(page, symbols));
  writeData(os, "data", toJson(data));

  std::string text;
  llvm::raw_string_ostream json(text);
  auto explain = RecordWriter::create(OutputFormat::Json, "explain", json);
  writeCrash(*explain, page.crash);
  explain->finish({});
  writeData(os, "explain", json.str());
  text.clear();
  auto audit = RecordWriter::create(OutputFormat::Json, "audit", json);
  writeAudit(*audit, page.audit, page.auditFindings);
  audit->finish({});
  writeData(os, "audit", json.str());

  writePacked(os, "tables", page.tables.take().bytes());
  writePacked(os, "frames", frames.bytes());
  Array areas;
  for (const MapSpace &space : page.map.spaces)
    areas.push_back(describeAreas(space));
  const std::string areasText = toJson(areas);
  writePacked(os, "areas", llvm::arrayRefFromStringRef(areasText));
  writePacked(os, "symbols", symbols.bytes());
  os << getMapPageEnd();
}

} // namespace vmpt
