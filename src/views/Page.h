//===- Page.h - one page frame in full ------------------------------------===//
#pragma once

#include "analysis/PageDetails.h"
#include "output/RecordWriter.h"
#include "views/PageTypes.h"

namespace vmpt {

/// A paragraph in text, a record else. Further facts, such as who maps the
/// page, can be added to the record before it is written.
class PageView {
public:
  PageView(RecordWriter &writer, KernelVersion version, unsigned pageShift)
      : writer_(writer), names_(version), pageShift_(pageShift) {}

  void begin();
  Record make(const PageDetails &details) const;
  void write(const Record &record);
  void end();

private:
  RecordWriter &writer_;
  const PageFlagNames names_;
  const unsigned pageShift_;
  bool isFirst_ = true;
};

} // namespace vmpt
