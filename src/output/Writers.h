//===- Writers.h - the kinds of RecordWriter ------------------------------===//
#pragma once

#include "output/RecordWriter.h"

namespace vmpt {

std::unique_ptr<RecordWriter> createTextColumns(llvm::raw_ostream &os);
std::unique_ptr<RecordWriter> createJsonDocument(llvm::StringRef command,
                                                 llvm::raw_ostream &os);
std::unique_ptr<RecordWriter> createJsonLines(llvm::StringRef command,
                                              llvm::raw_ostream &os);

class JsonWriter;
void write(JsonWriter &json, const Value &value);
/// The members of an object that has begun, without cells.
void writeMembers(JsonWriter &json, const Record &record);

} // namespace vmpt
