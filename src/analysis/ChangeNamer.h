//===- ChangeNamer.h - who has the ranges that changed --------------------===//
#pragma once

#include "analysis/RangeNamer.h"
#include "analysis/SnapshotDiff.h"

namespace vmpt {

/// Which of the two dumps a kernel is of.
enum class DiffSide : uint8_t { Before, After };

/// Names the owners of one side's ranges: symbols, modules, who asked for an
/// area of vmalloc space, areas of processes. \p tasks may be null. What is
/// not known has no name; nothing of the comparison hangs on it.
void nameOwners(SnapshotDiff &diff, DiffSide side, const Kernel &kernel,
                const TaskList *tasks);

} // namespace vmpt
