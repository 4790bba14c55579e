//===- Document.h - an answer as a value, or record by record -------------===//
#pragma once

#include "lib/vmpt.h"
#include "output/RecordWriter.h"

namespace vmpt {

/// The value that the JSON document of an answer has. Records of lists go to a
/// receiver instead, where there is one.
class Document final : public RecordWriter {
public:
  /// \p receive may be null.
  Document(llvm::StringRef command, vmpt_record_fn receive, void *user);

  void member(llvm::StringRef key, const Value &value) override;
  void context(llvm::StringRef key, const Value &value) override {
    member(key, value);
  }
  void beginList(const ListShape &shape) override;
  void record(const Record &record) override;
  void endList() override;
  void beginGroup(llvm::StringRef heading) override;
  void endGroup() override;
  void finish(llvm::ArrayRef<Finding> findings) override;

  /// The receiver wants no more; what comes is dropped.
  bool isStopped() const { return isStopped_; }
  Value take() { return Value(std::move(levels_.front().object)); }

private:
  /// The document or a group, and the list that is open in it.
  struct Level {
    Record object;
    std::string key, kind;
    Array elements;
  };
  void deliver(const Record &record);

  std::vector<Level> levels_;
  const vmpt_record_fn receive_;
  void *const user_;
  bool isStopped_ = false;
};

} // namespace vmpt
