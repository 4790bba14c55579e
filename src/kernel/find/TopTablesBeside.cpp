//===- TopTablesBeside.cpp - tables that do not map the kernel ------------===//
#include "kernel/find/TopTableFinder.h"

#include "kernel/find/RootCheck.h"
#include "paging/Translate.h"

#include "llvm/ADT/STLExtras.h"

#include <map>

namespace vmpt {

/// The second table of PTI follows the first (linux arch/x86/mm/pti.c,
/// kernel_to_user_pgdp()); both have the same in the user half.
void TopTableFinder::addUserTable(const TopTable &owner) {
  const PagingMode &mode = *owner.mode;
  const PhysAddr root = owner.root + mode.tableBytes(0);
  if (owner.kind != TopTableKind::Process || taken_.count(root.value) ||
      findTableFault(memory_, mode, root))
    return;
  SoundTables tables(memory_, mode);
  const Entries own = tables.read(owner.root), other = tables.read(root);
  unsigned shared = 0;
  for (unsigned index = 0; index < mode.indexOf(firstShared(mode), 0) &&
                           index < other.size() && index < own.size();
       ++index) {
    const DecodedEntry mine = mode.decode(own[index], 0);
    if (!mine.isTable() && mode.isHole(other[index], 0))
      continue;
    if (!(mine == mode.decode(other[index], 0)))
      return;
    ++shared;
  }
  if (!shared)
    return;
  TopTable table = owner;
  table.root = root;
  table.kind = TopTableKind::UserTable;
  table.self.reset();
  table.sharers = 1;
  const auto below =
      tables.lookBelow(root, firstShared(mode), mode.coverage.last());
  table.kernelBytes = below ? below->mappedBytes() : 0;
  table.lostKernelTables = below ? below->lostTables : 0;
  add(std::move(table));
}

/// All that they map is for user code, most of it in RAM, and found by way of
/// tables.
void TopTableFinder::addUserRoots(const PagingMode &mode,
                                  llvm::ArrayRef<PhysAddr> candidates) {
  const PagingMode lower = modeOfProcess(mode);
  SoundTables tables(memory_, lower);
  std::vector<PhysAddr> roots;
  for (PhysAddr root : candidates) {
    if (taken_.count(root.value))
      continue;
    const auto below =
        tables.lookBelow(root, VirtAddr(0), lower.coverage.last());
    if (!below || !below->tables || !below->isSound(true) || !below->isOfUser())
      continue;
    roots.push_back(root);
    below_.addBelow(tables, root, modes_);
  }
  for (PhysAddr root : roots) {
    if (below_.contain(root))
      continue;
    TopTable table;
    table.root = root;
    table.mode = &mode;
    table.kind = TopTableKind::User;
    countUser(tables, lower, table, lower.coverage.last());
    add(table);
  }
  noteCut(mode, tables.isCut());
}

/// Each table that it leads to is where it is, or it is a chance hit.
bool TopTableFinder::isIdentity(SoundTables &tables, const PagingMode &lower,
                                PhysAddr root, TopTable &table) const {
  auto isWhereItIs = [&](PhysAddr at) {
    const Translation path =
        translate(memory_, lower, root, VirtAddr(at.value));
    return path.isMapped() && path.address == at && !path.rights(lower).user;
  };
  if (!isWhereItIs(root))
    return false;
  const auto below = tables.lookBelow(root, VirtAddr(0), lower.coverage.last());
  if (!below || !below->tables || !below->isSound(false))
    return false;
  for (uint64_t entry : tables.read(root))
    if (const DecodedEntry decoded = lower.decode(entry, 0);
        decoded.isTable() && !isWhereItIs(decoded.address))
      return false;
  table.root = root;
  table.kind = TopTableKind::Identity;
  table.self = VirtAddr(root.value);
  countUser(tables, lower, table, lower.coverage.last());
  return true;
}

void TopTableFinder::addIdentities(const PagingMode &mode,
                                   llvm::ArrayRef<PhysAddr> candidates) {
  const PagingMode lower = ofLowerRoot(mode);
  SoundTables tables(memory_, lower);
  for (PhysAddr root : candidates) {
    TopTable table;
    table.mode = &mode;
    if (!isKnown(root) && isIdentity(tables, lower, root, table))
      add(std::move(table));
  }
  noteCut(mode, tables.isCut());
}

/// Where the kernel lies in a direct window, no table maps itself: what proves
/// one is its architecture's to say. Of each root, all pages are for the kernel
/// or all are for a process.
void TopTableFinder::judgeByWindow(const PagingMode &mode,
                                   llvm::ArrayRef<PhysAddr> candidates) {
  // What is empty differs between kernels, of which there are few.
  constexpr size_t maxKernels = 16;
  std::map<std::vector<uint64_t>, SoundTables> kernels;
  auto *judge = findKernelArch(mode.arch)->judgeRoot;
  for (PhysAddr root : candidates) {
    PagingMode own = mode;
    if (isKnown(root) ||
        judge(memory_, own, root).verdict != RootVerdict::Confirmed)
      continue;
    std::vector<uint64_t> empty;
    for (const PagingLevel &level : own.levels)
      empty.push_back(level.empty);
    if (kernels.size() >= maxKernels && !kernels.count(empty)) {
      noteCut(mode, true);
      return;
    }
    SoundTables &tables =
        kernels.try_emplace(std::move(empty), memory_, own).first->second;
    const VirtAddr last(lowBits(own.virtualBits));
    const auto below = tables.lookBelow(root, VirtAddr(0), last);
    if (!below || !below->mappedBytes() || !below->isSound(true))
      continue;
    TopTable table;
    table.root = root;
    table.mode = &mode;
    if (below->isOfUser()) {
      table.kind = TopTableKind::User;
      countUser(tables, own, table, last);
    } else if (!below->userBytes()) {
      table.kernelBytes = below->mappedBytes();
      table.absentTables = below->absentTables;
    } else {
      continue;
    }
    add(table);
    below_.addBelow(tables, root, modes_);
    noteCut(mode, tables.isCut());
  }
}

} // namespace vmpt
