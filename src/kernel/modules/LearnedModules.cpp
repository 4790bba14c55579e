#include "kernel/modules/LearnedModules.h"

#include "kernel/context/ListWalk.h"
#include "kernel/find/KernelArch.h"

#include "llvm/ADT/StringExtras.h"

namespace vmpt {

namespace {

constexpr size_t maxModules = 1 << 16;
constexpr unsigned maxStructBytes = 2048;
constexpr const char *partNames[] = {
    "MOD_TEXT",      "MOD_DATA",      "MOD_RODATA",     "MOD_RO_AFTER_INIT",
    "MOD_INIT_TEXT", "MOD_INIT_DATA", "MOD_INIT_RODATA"};
constexpr unsigned partCount = std::size(partNames), dataPart = 1,
                   rodataPart = 2;

class ModuleLearner {
public:
  explicit ModuleLearner(const Kernel &kernel)
      : kernel_(kernel), reader_(kernel.reader()),
        word_(kernel.reader().wordBytes()),
        pageBytes_(bit(kernel.image().mode.pageShift)) {}

  llvm::Expected<LearnedModules> learn();

private:
  /// struct module_layout of 4.5 to 6.3, or an element of mem[] since 6.4.
  struct Shape {
    bool isArray = false;
    uint64_t offset = 0, stride = 0, sizeOffset = 0;
  };

  bool isModule(VirtAddr at) const;
  llvm::Error readStructs(VirtAddr head);
  uint64_t wordAt(size_t module, uint64_t offset) const;
  uint64_t numberAt(size_t module, uint64_t offset) const;
  bool fits(const Shape &shape, size_t module, bool needsText) const;
  bool fitsLayout(const Shape &shape, size_t module) const;
  bool fitsArray(const Shape &shape, size_t module, bool needsText) const;
  std::vector<Shape> findShapes(bool needsText) const;
  LearnedPlaces makePlaces(const Shape *shape) const;

  uint64_t nameOffset() const { return 3 * word_; }
  uint64_t nameBytes() const { return 64 - word_; } // MODULE_NAME_LEN

  const Kernel &kernel_;
  const StructReader &reader_;
  const uint64_t word_, pageBytes_;
  std::vector<VirtAddr> modules_;
  std::vector<std::vector<uint8_t>> structs_; ///< Their bytes.
};

/// A state, and a name with nothing but zeros behind it.
bool ModuleLearner::isModule(VirtAddr at) const {
  std::vector<uint8_t> raw(nameOffset() + nameBytes());
  if (llvm::Error error = reader_.memory().read(at, raw)) {
    llvm::consumeError(std::move(error));
    return false;
  }
  const llvm::StringRef name(
      reinterpret_cast<const char *>(raw.data()) + nameOffset(), nameBytes());
  const llvm::StringRef text = name.take_until([](char c) { return c == 0; });
  return loadUnaligned<uint32_t>(raw.data(), reader_.memory().order()) <=
             maxModuleState &&
         text.size() < name.size() && isModuleName(text) &&
         name.drop_front(text.size()).find_first_not_of('\0') ==
             llvm::StringRef::npos;
}

llvm::Error ModuleLearner::readStructs(VirtAddr head) {
  const ListMembers members =
      followList(reader_, head, maxModules, "the list of modules");
  if (!members.problems.empty())
    return llvm::make_error<LookupError>(members.problems.front());
  for (VirtAddr link : members.links) {
    const VirtAddr at = link - word_;
    if (!isModule(at))
      return llvm::make_error<LookupError>(
          "what is on the list of modules at " + hex(at) +
          " has no module's name");
    std::vector<uint8_t> raw(maxStructBytes);
    // The last of a module's data may be shorter than what is looked at.
    while (raw.size() > nameOffset() + nameBytes()) {
      llvm::Error error = reader_.memory().read(at, raw);
      if (!error)
        break;
      llvm::consumeError(std::move(error));
      raw.resize(raw.size() - 64);
    }
    modules_.push_back(at);
    structs_.push_back(std::move(raw));
  }
  return llvm::Error::success();
}

uint64_t ModuleLearner::wordAt(size_t module, uint64_t offset) const {
  const uint8_t *raw = structs_[module].data() + offset;
  const ByteOrder order = reader_.memory().order();
  return word_ == 8 ? loadUnaligned<uint64_t>(raw, order)
                    : loadUnaligned<uint32_t>(raw, order);
}

uint64_t ModuleLearner::numberAt(size_t module, uint64_t offset) const {
  return loadUnaligned<uint32_t>(structs_[module].data() + offset,
                                 reader_.memory().order());
}

/// {base, u32 size, text_size, ro_size, ro_after_init_size}: data is behind
/// the last.
bool ModuleLearner::fitsLayout(const Shape &shape, size_t module) const {
  if (shape.offset + word_ + 16 > structs_[module].size())
    return false;
  const uint64_t base = wordAt(module, shape.offset);
  const uint64_t at = shape.offset + word_, size = numberAt(module, at),
                 text = numberAt(module, at + 4), ro = numberAt(module, at + 8),
                 afterInit = numberAt(module, at + 12);
  const uint64_t self = modules_[module].value;
  return base && base % pageBytes_ == 0 && size <= maxModulePartBytes && text &&
         text <= ro && ro <= afterInit && afterInit <= size &&
         self - base >= afterInit && self - base < size;
}

/// Of some modules all text is __init, and was freed; rodata each has.
bool ModuleLearner::fitsArray(const Shape &shape, size_t module,
                              bool needsText) const {
  if (shape.offset + partCount * shape.stride > structs_[module].size())
    return false;
  const uint64_t self = modules_[module].value;
  for (unsigned part = 0; part < partCount; ++part) {
    const uint64_t at = shape.offset + part * shape.stride;
    const uint64_t base = wordAt(module, at),
                   size = numberAt(module, at + shape.sizeOffset);
    if (!base && (part == dataPart || part == (needsText ? 0 : rodataPart)))
      return false;
    if (!base != !size || base % pageBytes_ || size % pageBytes_ ||
        size > maxModulePartBytes)
      return false;
    if (part == dataPart && self - base >= size)
      return false;
  }
  return true;
}

bool ModuleLearner::fits(const Shape &shape, size_t module,
                         bool needsText) const {
  return shape.isArray ? fitsArray(shape, module, needsText)
                       : fitsLayout(shape, module);
}

/// All shapes at all places that fit every module.
std::vector<ModuleLearner::Shape>
ModuleLearner::findShapes(bool needsText) const {
  std::vector<Shape> found;
  auto tryShape = [&](const Shape &shape) {
    for (size_t module = 0; module < modules_.size(); ++module)
      if (!fits(shape, module, needsText))
        return;
    found.push_back(shape);
  };
  for (uint64_t at = nameOffset() + nameBytes(); at < maxStructBytes;
       at += word_) {
    tryShape({false, at, 0, 0});
    // 6.13 and 6.14 have a pointer and a truth between base and size, later
    // ones a truth.
    for (uint64_t stride = 2 * word_; stride <= 16 * word_; stride += word_)
      for (uint64_t sizeOffset : {word_, word_ + 4, 2 * word_ + 4})
        if (sizeOffset + 4 <= stride)
          tryShape({true, at, stride, sizeOffset});
  }
  return found;
}

/// \p shape may be null where there is no module.
LearnedPlaces ModuleLearner::makePlaces(const Shape *shape) const {
  LearnedPlaces places("learned from the " + std::to_string(modules_.size()) +
                       " modules in memory");
  places.put("module.state", 0, 4);
  places.put("module.list", word_, 2 * word_);
  places.put("module.name", nameOffset(), nameBytes());
  if (!shape || !shape->isArray) {
    const uint64_t at = shape ? shape->offset : 0;
    places.put("module.core_layout.base", at, word_);
    places.put("module.core_layout.size", at + word_, 4);
    places.put("module.core_layout.text_size", at + word_ + 4, 4);
    places.put("module.core_layout.ro_size", at + word_ + 8, 4);
    places.put("module.core_layout.ro_after_init_size", at + word_ + 12, 4);
    return places;
  }
  places.put("module.mem", shape->offset, partCount * shape->stride);
  places.putSize("module_memory", shape->stride);
  places.put("module_memory.base", 0, word_);
  places.put("module_memory.size", shape->sizeOffset, 4);
  for (unsigned part = 0; part < partCount; ++part)
    places.putConstant(partNames[part], part);
  return places;
}

llvm::Expected<LearnedModules> ModuleLearner::learn() {
  VirtAddr head;
  if (auto symbol = kernel_.symbols().find("modules"))
    head = symbol->address;
  else if (auto found =
               findModuleHead(reader_, kernel_.image().imageRuns,
                              firstKernelPointer(kernel_.image()), word_,
                              [this](VirtAddr at) { return isModule(at); }))
    head = *found;
  else
    return llvm::make_error<LookupError>(
        "no list of modules was found: no symbol 'modules', and nothing in the "
        "kernel's image looks like its head");
  if (llvm::Error error = readStructs(head))
    return error;
  if (modules_.empty())
    return LearnedModules{makePlaces(nullptr), head};
  std::vector<Shape> shapes = findShapes(true);
  if (shapes.empty()) {
    shapes = findShapes(false);
    // What lies twice as far apart may fit, too.
    uint64_t least = ~uint64_t(0);
    for (const Shape &shape : shapes)
      least = std::min(least, shape.stride);
    llvm::erase_if(shapes,
                   [&](const Shape &shape) { return shape.stride != least; });
  }
  if (shapes.size() == 1)
    return LearnedModules{makePlaces(&shapes.front()), head};
  return llvm::make_error<LookupError>(
      "where struct module has the parts of a module is unknown: " +
      llvm::Twine(shapes.size()) + " places fit all " +
      llvm::Twine(modules_.size()) + " modules in memory (tried " +
      kernel_.types().describe() + ")");
}

/// Are \p next and \p previous members of the ring of \p head?
bool isHead(const StructReader &reader, VirtAddr head, VirtAddr next,
            VirtAddr previous, uint64_t listOffset,
            llvm::function_ref<bool(VirtAddr)> isModule) {
  // The runs may reach to where modules lie (i386): none of them is the head.
  return isInRing(reader, head, next, previous) &&
         isModule(next - listOffset) && isModule(previous - listOffset) &&
         !isModule(head - listOffset);
}

} // namespace

bool isModuleName(llvm::StringRef name) {
  return !name.empty() && llvm::all_of(name, [](char c) {
    return llvm::isAlnum(c) || c == '_' || c == '-' || c == '.';
  });
}

std::optional<VirtAddr>
findModuleHead(const StructReader &reader, llvm::ArrayRef<MappedRun> runs,
               VirtAddr lowest, uint64_t listOffset,
               llvm::function_ref<bool(VirtAddr)> isModule) {
  constexpr uint64_t pageBytes = 4096;
  const uint64_t word = reader.wordBytes();
  const PhysicalMemory &physical = reader.memory().physical().forScanning();
  std::vector<uint8_t> page(pageBytes);
  for (const MappedRun &run : runs)
    for (uint64_t done = 0; done + pageBytes <= run.size; done += pageBytes) {
      if (physical.tryRead(run.physical + done, page))
        continue;
      const Bytes bytes(page, reader.memory().order());
      for (uint64_t at = 0; at + 2 * word <= pageBytes; at += word) {
        const uint64_t next =
            word == 8 ? bytes.at<uint64_t>(at) : bytes.at<uint32_t>(at);
        const uint64_t previous = word == 8 ? bytes.at<uint64_t>(at + word)
                                            : bytes.at<uint32_t>(at + word);
        // Two kernel pointers, into memory that modules can share.
        if (next % word || previous % word || VirtAddr(next) < lowest ||
            std::max(next, previous) - std::min(next, previous) >
                maxModulePartBytes ||
            next - run.start.value < run.size ||
            previous - run.start.value < run.size)
          continue;
        const VirtAddr head = run.start + done + at;
        if (isHead(reader, head, VirtAddr(next), VirtAddr(previous), listOffset,
                   isModule))
          return head;
      }
    }
  return std::nullopt;
}

llvm::Expected<LearnedModules> learnModules(const Kernel &kernel) {
  return ModuleLearner(kernel).learn();
}

} // namespace vmpt
