//===- Surroundings.h - what lies at virtual addresses --------------------===//
#pragma once

#include "analysis/RangeNamer.h"
#include "reports/PageSession.h"
#include "reports/SpaceChoice.h"
#include "views/PageTypes.h"
#include "views/Translate.h"

namespace vmpt {

/// Names, areas and struct pages. Each source that fails is named once. For
/// one thread.
class Surroundings {
public:
  /// \p session must outlive the object.
  Surroundings(Session &session, const ChosenSpace &space);

  AddressReport report(const Translator &translator, VirtAddr at);

private:
  void warn(llvm::StringRef kind, llvm::StringRef what, llvm::Error error);
  void addPage(PhysAddr at, AddressReport &report);
  void openPages();

  Session &session_;
  const Kernel &kernel_;
  RangeNamer namer_;
  /// Opened for the first page; null where there are no struct pages.
  std::optional<std::unique_ptr<PageSession>> pages_;
  std::optional<PageFlagNames> names_;
};

/// Tells the session where a table on the way is not in the dump.
void reportAbsence(Session &session, const Translator &translator,
                   const AddressAnswer &answer);

} // namespace vmpt
