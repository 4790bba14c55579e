//===- Pieces.h - what moves as a whole from boot to boot -----------------===//
#pragma once

#include "analysis/MapsReader.h"
#include "analysis/Snapshot.h"

namespace vmpt {

/// The direct map's view of the kernel's image.
inline constexpr llvm::StringLiteral imageAliasKey =
    "kernel_image in direct_map";

/// Pieces that may lie in each other: what is added later stands before what
/// was there.
class PieceMap {
public:
  void add(Piece piece);
  std::vector<Piece> take() const;

private:
  std::map<uint64_t, Piece> pieces_; ///< By their last address; disjoint.
};

/// Regions of the kernel, its image, and the parts of its modules.
std::vector<Piece> findKernelPieces(const Kernel &kernel,
                                    const ModuleList &modules,
                                    const Snapshot &snapshot);
/// Sections of a listing, by the names that all kernels give them.
std::vector<Piece> findListingPieces(const Snapshot &snapshot);
/// Memory areas: by name, and of one name by order.
std::vector<Piece> findAreaPieces(const MapsListing &maps);

/// The physical place of [_text, _end); false if it is not known.
bool findImagePlace(const Kernel &kernel, Snapshot &snapshot);

} // namespace vmpt
