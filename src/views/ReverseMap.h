//===- ReverseMap.h - who maps a physical address -------------------------===//
#pragma once

#include "analysis/ReverseMap.h"
#include "output/RecordWriter.h"

namespace vmpt {

/// Who maps a page, where, and with which rights.
Record makeRecord(const ReverseMapOwner &owner, const Mapping &mapping);
/// "pid 71 (worker)" or "kernel".
std::string describe(const ReverseMapOwner &owner);

/// Mappings, as they come.
class ReverseMapView {
public:
  explicit ReverseMapView(RecordWriter &writer);
  void add(const ReverseMapOwner &owner, const Mapping &mapping);
  void finish();

private:
  RecordWriter &writer_;
};

} // namespace vmpt
