#include "lib/Values.h"

#include "lib/Guard.h"
#include "output/JsonWriter.h"
#include "output/Writers.h"

#include "llvm/Support/raw_ostream.h"

#include <cstdlib>
#include <cstring>
#include <new>

using namespace vmpt;

namespace vmpt {

char *copyText(llvm::StringRef text) {
  char *copy = static_cast<char *>(std::malloc(text.size() + 1));
  if (!copy)
    throw std::bad_alloc();
  std::memcpy(copy, text.data(), text.size());
  copy[text.size()] = '\0';
  return copy;
}

template <class T> static const T *get(const vmpt_value *value) {
  return value ? std::get_if<T>(&fromHandle(value).content()) : nullptr;
}

/// Members of a record that are values; a Document has left out cells, nested
/// records have none.
static const Record *getRecord(const vmpt_value *value) {
  return get<Record>(value);
}

} // namespace vmpt

int vmpt_value_type(const vmpt_value *value) {
  // In the order of Value's alternatives.
  static constexpr int types[] = {VMPT_NULL,    VMPT_TRUTH, VMPT_NUMBER,
                                  VMPT_ADDRESS, VMPT_TEXT,  VMPT_ARRAY,
                                  VMPT_RECORD};
  return value ? types[fromHandle(value).content().index()] : VMPT_NULL;
}

uint64_t vmpt_value_number(const vmpt_value *value) {
  if (const bool *truth = get<bool>(value))
    return *truth;
  if (const uint64_t *number = get<uint64_t>(value))
    return *number;
  const Value::Hex *bits = get<Value::Hex>(value);
  return bits ? bits->value : 0;
}

const char *vmpt_value_text(const vmpt_value *value, size_t *length) {
  const std::string *text = get<std::string>(value);
  if (length)
    *length = text ? text->size() : 0;
  return text ? text->c_str() : nullptr;
}

size_t vmpt_value_count(const vmpt_value *value) {
  if (const Array *array = get<Array>(value))
    return array->size();
  const Record *record = getRecord(value);
  return record ? record->keys().size() : 0;
}

const vmpt_value *vmpt_value_at(const vmpt_value *value, size_t index) {
  if (index >= vmpt_value_count(value))
    return nullptr;
  if (const Array *array = get<Array>(value))
    return toHandle((*array)[index]);
  return toHandle(getRecord(value)->valueAt(index));
}

const char *vmpt_value_key(const vmpt_value *value, size_t index) {
  const Record *record = getRecord(value);
  if (!record || index >= record->keys().size())
    return nullptr;
  return record->keys()[index].name.c_str();
}

const vmpt_value *vmpt_value_find(const vmpt_value *value, const char *key) {
  const Record *record = getRecord(value);
  const Value *found = record && key ? record->find(key) : nullptr;
  return found ? toHandle(*found) : nullptr;
}

int vmpt_value_json(const vmpt_value *value, char **text, vmpt_error **error) {
  return guard(error, [&]() -> llvm::Expected<int> {
    if (llvm::Error wrong = prepare(text, "text"))
      return wrong;
    if (llvm::Error wrong = need(value, "value"))
      return wrong;
    std::string json;
    llvm::raw_string_ostream os(json);
    {
      JsonWriter writer(os, 0);
      write(writer, fromHandle(value));
    }
    *text = copyText(llvm::StringRef(os.str()).rtrim('\n'));
    return VMPT_OK;
  });
}

void vmpt_text_free(char **text) {
  if (!text)
    return;
  std::free(*text);
  *text = nullptr;
}
