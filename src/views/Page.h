//===- Page.h - one page frame in full ------------------------------------===//
#pragma once

#include "analysis/PageDetails.h"
#include "output/RecordWriter.h"
#include "views/PageTypes.h"

namespace vmpt {

/// A paragraph in text, a record else.
class PageView {
public:
  /// \p mode must outlive the object.
  PageView(RecordWriter &writer, KernelVersion version, const PagingMode &mode)
      : writer_(writer), names_(version), mode_(mode) {}

  void begin();
  void add(const PageDetails &details);
  void end();

private:
  PhysAddr addressOf(uint64_t frame) const {
    return PhysAddr(frame << mode_.pageShift);
  }
  Record make(const PageDetails &details) const;
  void addStruct(const PageDetails &details, Record &record) const;
  void addOwner(const PageDetails &details, Record &record) const;
  void printMapping(llvm::raw_ostream &os, const PageMapping &mapping) const;

  RecordWriter &writer_;
  const PageFlagNames names_;
  const PagingMode &mode_;
  bool isFirst_ = true;
};

} // namespace vmpt
