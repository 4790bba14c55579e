#include "analysis/Translator.h"

#include "kernel/find/KernelArch.h"

namespace vmpt {

Translator::Translator(const Kernel &kernel)
    : kernel_(&kernel), firstKernel_(firstKernelAddress(kernel.image())),
      rules_(findNonPresentRules(kernel)) {}

Translator Translator::ofKernel(const Kernel &kernel) {
  Translator translator(kernel);
  translator.spaces_.push_back(kernel.memory());
  return translator;
}

Translator Translator::ofTask(const Kernel &kernel, PhysAddr root) {
  Translator translator(kernel);
  const PhysicalMemory &memory = kernel.memory().physical();
  const KernelImage &image = kernel.image();
  translator.spaces_.emplace_back(memory, getTaskMode(image, memory, root),
                                  root, image.order());
  translator.takeForTask();
  if (!image.arch->tasksMapKernel && !image.arch->spacesOverlap)
    translator.spaces_.push_back(kernel.memory());
  if (auto userRoot = kernel.image().arch->userRoot) {
    const PhysAddr ofUser = userRoot(kernel, root);
    if (ofUser != root)
      translator.userRoot_ = ofUser;
  }
  return translator;
}

Translator Translator::ofRoot(const Kernel &kernel, PhysAddr root) {
  Translator translator(kernel);
  const PhysicalMemory &memory = kernel.memory().physical();
  const KernelImage &image = kernel.image();
  const PagingMode &mode = kernel.memory().mode();
  const PagingMode lower = getTaskMode(image, memory, root);
  if (image.arch->spacesOverlap && root != image.root) {
    translator.spaces_.emplace_back(memory, lower, root, image.order());
    translator.takeForTask();
    return translator;
  }
  translator.spaces_.emplace_back(memory, mode, root, image.order());
  if (!image.arch->spacesOverlap && !(lower.coverage == mode.coverage))
    translator.spaces_.emplace_back(memory, lower, root, image.order());
  return translator;
}

void Translator::takeForTask() {
  const KernelImage &image = kernel_->image();
  if (image.arch->spacesOverlap)
    firstKernel_ = lastUserAddress(image, spaces_.front().mode()) + 1;
}

size_t Translator::indexOf(VirtAddr at) const {
  for (size_t i = 0; i < spaces_.size(); ++i)
    if (spaces_[i].mode().coverage.covers(at))
      return i;
  return 0;
}

const AddressSpace &Translator::spaceOf(VirtAddr at) const {
  return spaces_[indexOf(at)];
}

static Ending getEnding(EntryKind kind) {
  switch (kind) {
  case EntryKind::Untouched:
    return Ending::NoEntry;
  case EntryKind::Present:
    return Ending::Page;
  case EntryKind::ProtNone:
    return Ending::ProtNone;
  case EntryKind::Swapped:
    return Ending::Swapped;
  case EntryKind::Migrating:
    return Ending::Migrating;
  case EntryKind::HwPoison:
    return Ending::HwPoison;
  case EntryKind::Device:
    return Ending::Device;
  case EntryKind::UffdMarker:
    return Ending::UffdMarker;
  case EntryKind::GuardMarker:
    return Ending::GuardMarker;
  case EntryKind::PoisonMarker:
    return Ending::PoisonMarker;
  case EntryKind::Unknown:
    return Ending::NotPresent;
  case EntryKind::TableAbsent:
    return Ending::TableAbsent;
  }
  llvm_unreachable("not an EntryKind");
}

/// The kernel's own addresses are never swapped: it makes pages inaccessible
/// by the present bit alone.
void Translator::explainHole(AddressAnswer &answer) const {
  const TranslationStep &last = answer.translation.steps.back();
  const PagingMode &mode = spaceOf(answer.address).mode();
  if (!isUserAddress(answer.address)) {
    answer.ending = mode.isEmpty(last.entry, last.level) ? Ending::NoEntry
                                                         : Ending::NotPresent;
    return;
  }
  const NonPresentEntry held =
      decodeNonPresent(rules_, mode, last.entry, last.level);
  answer.ending = getEnding(held.kind);
  answer.swapType = held.swapType;
  answer.swapOffset = held.swapOffset;
  if (held.address)
    answer.physical = *held.address +
                      (answer.address.value & (mode.entrySpan(last.level) - 1));
}

/// The one exception to "absent is not empty": see docs/architecture.md.
void Translator::explainAbsence(AddressAnswer &answer) const {
  const Translation &found = answer.translation;
  answer.isTableExcluded =
      !found.steps.empty() &&
      kernel_->memory().physical().mayBeZeros(found.absent.absence) &&
      spaceOf(answer.address)
          .mode()
          .zerosAreEmpty(found.steps.back().level + 1);
  answer.ending =
      answer.isTableExcluded ? Ending::NoEntry : Ending::TableAbsent;
}

Translator::Cache &Translator::cacheOf(size_t space) const {
  if (caches_.empty())
    caches_.resize(spaces_.size());
  return caches_[space];
}

std::optional<PhysAddr> Translator::findPage(VirtAddr at) const {
  const size_t index = indexOf(at);
  const AddressSpace &space = spaces_[index];
  Cache &cache = cacheOf(index);
  return cache.linear.find(space.physical(), space.mode(), space.root(), at,
                           cache.ways);
}

AddressAnswer Translator::ask(VirtAddr at) const {
  const size_t index = indexOf(at);
  const AddressSpace &space = spaces_[index];
  AddressAnswer answer;
  answer.address = at;
  const uint8_t denied = cacheOf(index).ways.translate(
      space.physical(), space.mode(), space.root(), at, answer.translation);
  const Translation &found = answer.translation;
  answer.pageBytes = found.pageBytes;
  switch (found.outcome) {
  case Translation::Outcome::Mapped: {
    answer.ending = Ending::Page;
    answer.physical = found.address;
    answer.rights = PageRights::without(denied);
    if (!userRoot_ || !isUserAddress(at))
      break;
    const Translation ofUser =
        translate(space.physical(), space.mode(), *userRoot_, at);
    if (ofUser.isMapped() && ofUser.address == found.address)
      answer.rights = ofUser.rights(space.mode());
    break;
  }
  case Translation::Outcome::NotPresent:
    explainHole(answer);
    break;
  case Translation::Outcome::Reserved:
    answer.ending = Ending::ReservedBits;
    break;
  case Translation::Outcome::NotCovered: {
    if (kernel_->image().arch->spacesOverlap) {
      answer.ending = Ending::BeyondLimit;
      break;
    }
    const PagingMode &mode = kernel_->memory().mode();
    const bool isCanonical =
        mode.coverage.covers(at) || ofLowerRoot(mode).coverage.covers(at);
    answer.ending = isCanonical ? Ending::NotCovered : Ending::NotCanonical;
    break;
  }
  case Translation::Outcome::TableAbsent:
    explainAbsence(answer);
    break;
  }
  return answer;
}

const KernelRegion *findRegionAt(const KernelImage &kernel, VirtAddr at) {
  const KernelRegion *found = nullptr;
  for (const KernelRegion &region : kernel.regions)
    if (region.contains(at) &&
        (!found || region.last - region.first < found->last - found->first))
      found = &region;
  return found;
}

} // namespace vmpt
