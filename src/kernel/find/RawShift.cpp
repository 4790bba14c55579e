#include "kernel/find/RawShift.h"

#include "kernel/find/UtsName.h"
#include "kernel/image/DebugData.h"
#include "memory/MemoryScan.h"
#include "paging/Translate.h"

#include "llvm/ADT/STLExtras.h"
#include "llvm/ADT/SmallVector.h"

namespace vmpt {

namespace {

/// Shifts are sought for one root in the image, in modes of one architecture.
class ShiftFinder {
public:
  ShiftFinder(const FileImage &image, const Vmcoreinfo &info,
              const KernelArch &arch, const ImageSymbols &symbols,
              Diagnostics &diagnostics)
      : image_(image), info_(info), arch_(arch), symbols_(symbols),
        diagnostics_(diagnostics), flat_(layOut(rawLayouts().front(), 0)) {
    std::string reason;
    modes_ = listModes(arch_, queryOf(flat_), reason);
  }

  std::vector<RawShift> find();

private:
  Dump layOut(const RawLayout &layout, int64_t shift) const {
    Dump dump;
    readRawLayout(image_, layout, shift, dump);
    return dump;
  }
  RootQuery queryOf(const Dump &dump) const {
    static const KernelOverrides none;
    return {dump, *dump.memory, none, info_};
  }
  std::vector<PhysAddr> guessRoots() const;
  std::vector<PhysAddr> followTables(PhysAddr inImage) const;
  std::optional<PhysAddr> follow(const PagingMode &mode, unsigned level,
                                 PhysAddr table, uint64_t shift) const;
  void judge(PhysAddr root, PhysAddr inImage);

  const FileImage &image_;
  const Vmcoreinfo &info_;
  const KernelArch &arch_;
  const ImageSymbols &symbols_;
  Diagnostics &diagnostics_;
  const Dump flat_; ///< Its addresses are offsets in the image.
  std::vector<ModeChoice> modes_;
  std::vector<RawShift> found_;
};

/// By VMCOREINFO; of a layout it depends where RAM starts.
std::vector<PhysAddr> ShiftFinder::guessRoots() const {
  std::vector<PhysAddr> roots;
  for (const RawLayout &layout : rawLayouts())
    for (const RootGuess &guess :
         arch_.guessRoots(queryOf(layOut(layout, 0)), symbols_.self))
      if (!llvm::is_contained(roots, guess.root))
        roots.push_back(guess.root);
  return roots;
}

/// Where the root's own address leads to from \p table, a place in the image,
/// if what is at a physical address stands \p shift bytes behind it.
std::optional<PhysAddr> ShiftFinder::follow(const PagingMode &mode,
                                            unsigned level, PhysAddr table,
                                            uint64_t shift) const {
  uint64_t entry = 0;
  const uint64_t index = mode.indexOf(symbols_.self, level);
  if (readEntry(*flat_.memory, mode, table + index * mode.entryBytes, entry))
    return std::nullopt;
  const DecodedEntry decoded = mode.decode(entry, level);
  if (decoded.isPage())
    return decoded.byteAt(symbols_.self);
  if (!decoded.isTable() || level == mode.lastLevel())
    return std::nullopt;
  return follow(mode, level + 1, decoded.address + shift, shift);
}

/// Where no number leads to the root: each page of the image is taken for the
/// table that it leads to, and some of them lead back to it.
std::vector<PhysAddr> ShiftFinder::followTables(PhysAddr inImage) const {
  constexpr size_t mostRoots = 16;
  std::vector<PhysAddr> roots;
  using Places = llvm::SmallVector<PhysAddr, 0>;
  for (const ModeChoice &choice : modes_) {
    const PagingMode &mode = choice.mode;
    uint64_t entry = 0;
    const uint64_t index = mode.indexOf(symbols_.self, 0);
    if (!mode.coverage.covers(symbols_.self) ||
        readEntry(*flat_.memory, mode, inImage + index * mode.entryBytes,
                  entry))
      continue;
    const DecodedEntry top = mode.decode(entry, 0);
    if (!top.isTable())
      continue;
    const uint64_t step = bit(mode.pageShift);
    const uint64_t offset = top.address.value & (step - 1);
    scanMemory<Places>(
        flat_.memory->forScanning(), diagnostics_,
        "looking for the tables that the kernel's root leads to",
        [&](const MemoryPiece &piece, Places &places) {
          for (uint64_t at = alignUp(piece.start.value, step) + offset;
               at - piece.start.value < piece.size; at += step) {
            const uint64_t shift = at - top.address.value;
            if (follow(mode, 1, PhysAddr(at), shift) ==
                PhysAddr(inImage.value - shift))
              places.push_back(PhysAddr(inImage.value - shift));
          }
        },
        [&](const Places &places) {
          llvm::append_range(roots, places);
          return roots.size() < mostRoots;
        });
  }
  return roots;
}

/// Adds what brings \p inImage to \p root, where that is confirmed.
void ShiftFinder::judge(PhysAddr root, PhysAddr inImage) {
  constexpr uint64_t mostBytes = bit(52);
  for (const RawLayout &layout : rawLayouts()) {
    const std::optional<uint64_t> offset = layout.offsetOf(root);
    if (!offset)
      continue;
    const int64_t shift = int64_t(inImage.value - *offset);
    const uint64_t distance = shift < 0 ? -uint64_t(shift) : uint64_t(shift);
    if (!shift || distance >= mostBytes ||
        (shift > 0 && distance >= image_.size()))
      continue;
    const Dump dump = layOut(layout, shift);
    if (llvm::any_of(modes_, [&](const ModeChoice &mode) {
          return judgeRoot(*dump.memory, mode.mode, root, symbols_).verdict ==
                 RootVerdict::Confirmed;
        }))
      found_.push_back({&layout, shift});
  }
}

std::vector<RawShift> ShiftFinder::find() {
  std::vector<PhysAddr> places;
  guessRootsByUtsName(*flat_.memory, info_, symbols_, diagnostics_,
                      [&](const RootGuess &guess) {
                        places.push_back(guess.root);
                        for (PhysAddr root : guessRoots())
                          judge(root, guess.root);
                        return !found_.empty();
                      });
  for (PhysAddr place : places)
    if (found_.empty())
      for (PhysAddr root : followTables(place))
        judge(root, place);
  return std::move(found_);
}

/// Those nearest to none; of layouts that are alike in them, the first.
std::vector<RawShift> pickNearest(std::vector<RawShift> shifts,
                                  uint64_t imageSize) {
  auto distance = [](const RawShift &shift) {
    return shift.bytes < 0 ? -uint64_t(shift.bytes) : uint64_t(shift.bytes);
  };
  std::vector<RawShift> nearest;
  for (const RawShift &shift : shifts) {
    if (!nearest.empty() && distance(shift) < distance(nearest.front()))
      nearest.clear();
    if (!nearest.empty() && distance(shift) > distance(nearest.front()))
      continue;
    if (llvm::none_of(nearest, [&](const RawShift &other) {
          return other.layout->pieces(imageSize, other.bytes) ==
                 shift.layout->pieces(imageSize, shift.bytes);
        }))
      nearest.push_back(shift);
  }
  return nearest;
}

} // namespace

std::vector<PossibleArch> listPossibleArchs(const Vmcoreinfo &info) {
  const bool isOwned = llvm::any_of(
      getKernelArchs(), [&](auto *arch) { return arch->owns(info); });
  std::vector<PossibleArch> possible;
  for (const KernelArch *arch : getKernelArchs())
    if (!isOwned || arch->owns(info))
      if (auto symbols = findImageSymbols(*arch, VmcoreinfoSymbols(info)))
        possible.push_back({arch, *symbols});
  return possible;
}

std::vector<RawShift> findRawShifts(const FileImage &image,
                                    const Vmcoreinfo &info,
                                    Diagnostics &diagnostics) {
  for (const auto &[arch, symbols] : listPossibleArchs(info)) {
    std::vector<RawShift> found =
        ShiftFinder(image, info, *arch, symbols, diagnostics).find();
    if (!found.empty())
      return pickNearest(std::move(found), image.size());
  }
  return {};
}

} // namespace vmpt
