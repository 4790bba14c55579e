//===- ReverseMap.h - who maps a physical address -------------------------===//
#pragma once

#include "analysis/ReverseMap.h"
#include "output/RecordWriter.h"

namespace vmpt {

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
