#include "views/Words.h"

namespace vmpt {

llvm::StringRef getReasonWord(Absence absence) {
  if (absence == Absence::OutsideRam)
    return "outside_ram";
  return getAbsenceName(absence);
}

Record makeAbsentBytes(llvm::ArrayRef<uint64_t> byAbsence) {
  Record record;
  for (size_t i = 0; i < byAbsence.size(); ++i)
    if (byAbsence[i])
      record.add(getReasonWord(Absence(i)), byAbsence[i]);
  return record;
}

} // namespace vmpt
