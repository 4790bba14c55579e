//===- Module.cpp - vmpt._vmpt, the part of the Python module in C++ ------===//
//
// A thin layer over vmpt.h: values become Python's, errors exceptions, and the
// interpreter's lock is given back while the library works. What a user sees
// is in vmpt/__init__.py. Over the C API and not our own rooms: so it is built
// against an installed libvmpt as well, proves that the API is enough, and no
// exception of the library meets those of pybind11.
//
#include "vmpt.h"

#include <pybind11/pybind11.h>
#include <pybind11/stl.h>

#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace py = pybind11;

namespace {

using DumpHandle = std::shared_ptr<vmpt_dump>;
using SpaceHandle = std::shared_ptr<vmpt_space>;

/// Raises what vmpt._errors makes of it.
[[noreturn]] void raise(vmpt_error *error) {
  std::unique_ptr<vmpt_error, void (*)(vmpt_error *)> owned(
      error, [](vmpt_error *e) { vmpt_error_free(&e); });
  const py::str sentence(PyUnicode_DecodeUTF8(
      vmpt_error_sentence(error),
      Py_ssize_t(strlen(vmpt_error_sentence(error))), "replace"));
  py::object made =
      py::module_::import("vmpt._errors")
          .attr("make")(vmpt_error_kind_name(error), sentence,
                        vmpt_error_absence(error), vmpt_error_address(error));
  PyErr_SetObject(reinterpret_cast<PyObject *>(Py_TYPE(made.ptr())),
                  made.ptr());
  throw py::error_already_set();
}

/// Calls \p call(error) without the interpreter's lock. The status, unless it
/// failed.
template <class Call> int run(Call call) {
  vmpt_error *error = nullptr;
  int status;
  {
    py::gil_scoped_release release;
    status = call(&error);
  }
  if (status == VMPT_FAILED)
    raise(error);
  return status;
}

py::object convert(const vmpt_value *value) {
  switch (vmpt_value_type(value)) {
  case VMPT_TRUTH:
    return py::bool_(vmpt_value_number(value) != 0);
  case VMPT_NUMBER:
  case VMPT_ADDRESS:
    return py::int_(vmpt_value_number(value));
  case VMPT_TEXT: {
    // Any bytes: those that are no UTF-8 come back by os.fsencode().
    size_t length;
    const char *text = vmpt_value_text(value, &length);
    return py::reinterpret_steal<py::object>(
        PyUnicode_DecodeUTF8(text, Py_ssize_t(length), "surrogateescape"));
  }
  case VMPT_ARRAY: {
    const size_t count = vmpt_value_count(value);
    py::list list(count);
    for (size_t i = 0; i < count; ++i)
      list[i] = convert(vmpt_value_at(value, i));
    return list;
  }
  case VMPT_RECORD: {
    py::dict record;
    for (size_t i = 0; i < vmpt_value_count(value); ++i)
      record[vmpt_value_key(value, i)] = convert(vmpt_value_at(value, i));
    return record;
  }
  default:
    return py::none();
  }
}

/// The document of an answer: \p call(result, error).
template <class Call> py::object ask(Call call) {
  vmpt_result *result = nullptr;
  run([&](vmpt_error **error) { return call(&result, error); });
  std::unique_ptr<vmpt_result, void (*)(vmpt_result *)> owned(
      result, [](vmpt_result *r) { vmpt_result_free(&r); });
  return convert(vmpt_result_value(result));
}

/// Whoever calls holds a copy of the handle, so that close() in another thread
/// does not take it away.
template <class Handle> class Closable {
public:
  explicit Closable(Handle handle) : handle_(std::move(handle)) {}
  Handle get() const {
    if (!handle_)
      throw py::value_error("it is closed");
    return handle_;
  }
  void close() {
    Handle last = std::move(handle_);
    py::gil_scoped_release release;
    last.reset();
  }
  bool isClosed() const { return !handle_; }

private:
  Handle handle_;
};

struct Space : Closable<SpaceHandle> {
  using Closable::Closable;
};
struct Dump : Closable<DumpHandle> {
  using Closable::Closable;
};

Dump openDump(const py::object &path,
              const std::vector<std::pair<std::string, std::string>> &given) {
  vmpt_options *options = vmpt_options_new();
  std::unique_ptr<vmpt_options, void (*)(vmpt_options *)> owned(
      options, [](vmpt_options *o) { vmpt_options_free(&o); });
  for (const auto &[name, value] : given) {
    vmpt_error *error = nullptr;
    if (vmpt_options_set(options, name.c_str(), value.c_str(), &error))
      raise(error);
  }
  const std::string file = path.is_none() ? "" : path.cast<std::string>();
  vmpt_dump *dump = nullptr;
  run([&](vmpt_error **error) {
    return vmpt_open(path.is_none() ? nullptr : file.c_str(), options, &dump,
                     error);
  });
  return Dump(DumpHandle(dump, [](vmpt_dump *d) { vmpt_close(&d); }));
}

template <class Open> Space openSpace(const Dump &dump, Open open) {
  const DumpHandle handle = dump.get();
  vmpt_space *space = nullptr;
  run([&](vmpt_error **error) { return open(handle.get(), &space, error); });
  return Space(SpaceHandle(space, [](vmpt_space *s) { vmpt_space_close(&s); }));
}

/// \p read(buffer, done, error) fills it.
template <class Read> py::bytes readBytes(size_t size, Read read) {
  if (size > size_t(PY_SSIZE_T_MAX)) {
    PyErr_SetString(PyExc_OverflowError, "more bytes than memory can have");
    throw py::error_already_set();
  }
  py::object bytes = py::reinterpret_steal<py::object>(
      PyBytes_FromStringAndSize(nullptr, Py_ssize_t(size)));
  if (!bytes)
    throw py::error_already_set();
  void *buffer = PyBytes_AS_STRING(bytes.ptr());
  run([&](vmpt_error **error) { return read(buffer, error); });
  return py::reinterpret_borrow<py::bytes>(bytes);
}

/// A contiguous array of \p itemBytes each; \p count of them where that is not
/// ~0.
struct Array {
  Py_buffer view = {};
  Array(const py::object &object, Py_ssize_t itemBytes, size_t count,
        bool isWritten) {
    if (PyObject_GetBuffer(object.ptr(), &view,
                           (isWritten ? PyBUF_WRITABLE : 0) | PyBUF_FORMAT |
                               PyBUF_C_CONTIGUOUS))
      throw py::error_already_set();
    const bool fits =
        view.itemsize == itemBytes &&
        (count == ~size_t(0) || size_t(view.len / itemBytes) == count);
    if (fits)
      return;
    PyBuffer_Release(&view);
    throw py::value_error("an array of another size or type is needed");
  }
  ~Array() { PyBuffer_Release(&view); }
  Array(const Array &) = delete;
  size_t size() const { return size_t(view.len / view.itemsize); }
};

bool translateInto(const Space &space, const py::object &addresses,
                   const py::object &physical, const py::object &endings) {
  const SpaceHandle handle = space.get();
  const Array from(addresses, 8, ~size_t(0), false);
  const Array to(physical, 8, from.size(), true);
  const Array how(endings, 1, from.size(), true);
  return run([&](vmpt_error **error) {
           return vmpt_translate_many(
               handle.get(), static_cast<const uint64_t *>(from.view.buf),
               from.size(), static_cast<uint64_t *>(to.view.buf),
               static_cast<uint8_t *>(how.view.buf), error);
         }) == VMPT_OK;
}

bool pageFlagsInto(const Dump &dump, uint64_t frame, const py::object &flags,
                   const py::object &counts, const py::object &states) {
  const DumpHandle handle = dump.get();
  const Array one(flags, 8, ~size_t(0), true);
  const Array two(counts, 8, one.size(), true);
  const Array three(states, 1, one.size(), true);
  return run([&](vmpt_error **error) {
           return vmpt_page_flags(handle.get(), frame, one.size(),
                                  static_cast<uint64_t *>(one.view.buf),
                                  static_cast<uint64_t *>(two.view.buf),
                                  static_cast<uint8_t *>(three.view.buf),
                                  error);
         }) == VMPT_OK;
}

py::list listRanges(const Dump &dump) {
  struct Range {
    uint64_t first, last;
    int absence;
  };
  const DumpHandle handle = dump.get();
  std::vector<Range> ranges;
  run([&](vmpt_error **error) {
    return vmpt_ranges(
        handle.get(),
        [](void *user, uint64_t first, uint64_t last, int absence) {
          try {
            static_cast<std::vector<Range> *>(user)->push_back(
                {first, last, absence});
          } catch (const std::bad_alloc &) {
            return 1;
          }
          return 0;
        },
        &ranges, error);
  });
  py::list list;
  for (const Range &range : ranges)
    list.append(py::make_tuple(range.first, range.last, range.absence));
  return list;
}

py::tuple listText(const Space &space, uint64_t first, uint64_t last,
                   unsigned flags) {
  const SpaceHandle handle = space.get();
  std::string all;
  vmpt_result *result = nullptr;
  run([&](vmpt_error **error) {
    return vmpt_list_text(
        handle.get(), first, last, flags,
        [](void *user, const char *text, size_t length) {
          try {
            static_cast<std::string *>(user)->append(text, length);
          } catch (const std::bad_alloc &) {
            return 1;
          }
          return 0;
        },
        &all, &result, error);
  });
  py::object rest = convert(vmpt_result_value(result));
  vmpt_result_free(&result);
  return py::make_tuple(
      py::reinterpret_steal<py::str>(PyUnicode_DecodeUTF8(
          all.data(), Py_ssize_t(all.size()), "surrogateescape")),
      rest);
}

py::bytes getVmcoreinfo(const Dump &dump) {
  const DumpHandle handle = dump.get();
  char *text = nullptr;
  run([&](vmpt_error **error) {
    return vmpt_vmcoreinfo(handle.get(), &text, error);
  });
  py::bytes bytes{text};
  vmpt_text_free(&text);
  return bytes;
}

void addDump(py::module_ &module) {
  py::class_<Dump>(module, "Dump")
      .def("close", &Dump::close)
      .def_property_readonly("closed", &Dump::isClosed)
      .def("findings",
           [](const Dump &dump) {
             return ask([h = dump.get()](vmpt_result **r, vmpt_error **e) {
               return vmpt_findings(h.get(), r, e);
             });
           })
      .def("info",
           [](const Dump &dump, unsigned flags) {
             return ask([&, h = dump.get()](vmpt_result **r, vmpt_error **e) {
               return vmpt_info(h.get(), flags, r, e);
             });
           })
      .def("tasks",
           [](const Dump &dump, unsigned flags) {
             return ask([&, h = dump.get()](vmpt_result **r, vmpt_error **e) {
               return vmpt_tasks(h.get(), flags, nullptr, nullptr, r, e);
             });
           })
      .def("areas",
           [](const Dump &dump, uint32_t pid, unsigned flags) {
             return ask([&, h = dump.get()](vmpt_result **r, vmpt_error **e) {
               return vmpt_areas(h.get(), pid, flags, nullptr, nullptr, r, e);
             });
           })
      .def("rmap",
           [](const Dump &dump, uint64_t first, uint64_t last) {
             return ask([&, h = dump.get()](vmpt_result **r, vmpt_error **e) {
               return vmpt_rmap(h.get(), first, last, nullptr, nullptr, r, e);
             });
           })
      .def("page",
           [](const Dump &dump, uint64_t frame) {
             return ask([&, h = dump.get()](vmpt_result **r, vmpt_error **e) {
               return vmpt_page(h.get(), frame, r, e);
             });
           })
      .def("page_flags_into", &pageFlagsInto)
      .def("explain",
           [](const Dump &dump) {
             return ask([h = dump.get()](vmpt_result **r, vmpt_error **e) {
               return vmpt_explain(h.get(), r, e);
             });
           })
      .def("audit",
           [](const Dump &dump, const py::list &rules) {
             std::vector<std::string> words;
             for (const py::handle &rule : rules)
               words.push_back(rule.cast<std::string>());
             std::vector<const char *> pointers;
             for (const std::string &word : words)
               pointers.push_back(word.c_str());
             return ask([&, h = dump.get()](vmpt_result **r, vmpt_error **e) {
               return vmpt_audit(h.get(), pointers.data(), pointers.size(), r,
                                 e);
             });
           })
      .def("symbol",
           [](const Dump &dump, const std::string &name) {
             uint64_t address = 0;
             run([&, h = dump.get()](vmpt_error **e) {
               return vmpt_symbol(h.get(), name.c_str(), &address, e);
             });
             return address;
           })
      .def("vmcoreinfo", &getVmcoreinfo)
      .def("ranges", &listRanges)
      .def("read",
           [](const Dump &dump, uint64_t address, size_t size) {
             return readBytes(
                 size, [&, h = dump.get()](void *buffer, vmpt_error **e) {
                   return vmpt_read_physical(h.get(), address, buffer, size,
                                             nullptr, e);
                 });
           })
      .def("kernel_space",
           [](const Dump &dump) { return openSpace(dump, vmpt_kernel_space); })
      .def("task_space",
           [](const Dump &dump, uint32_t pid) {
             return openSpace(
                 dump, [&](vmpt_dump *d, vmpt_space **s, vmpt_error **e) {
                   return vmpt_task_space(d, pid, s, e);
                 });
           })
      .def("root_space", [](const Dump &dump, uint64_t root) {
        return openSpace(dump,
                         [&](vmpt_dump *d, vmpt_space **s, vmpt_error **e) {
                           return vmpt_root_space(d, root, s, e);
                         });
      });
}

void addSpace(py::module_ &module) {
  py::class_<Space>(module, "Space")
      .def("close", &Space::close)
      .def_property_readonly("closed", &Space::isClosed)
      .def("read",
           [](const Space &space, uint64_t address, size_t size) {
             return readBytes(
                 size, [&, h = space.get()](void *buffer, vmpt_error **e) {
                   return vmpt_read_virtual(h.get(), address, buffer, size,
                                            nullptr, e);
                 });
           })
      .def("translate",
           [](const Space &space, uint64_t address) {
             return ask([&, h = space.get()](vmpt_result **r, vmpt_error **e) {
               return vmpt_translate(h.get(), address, r, e);
             });
           })
      .def("translate_into", &translateInto)
      .def("list",
           [](const Space &space, uint64_t first, uint64_t last,
              unsigned flags) {
             return ask([&, h = space.get()](vmpt_result **r, vmpt_error **e) {
               return vmpt_list(h.get(), first, last, flags, nullptr, nullptr,
                                r, e);
             });
           })
      .def("list_text", &listText);
}

} // namespace

PYBIND11_MODULE(_vmpt, module) {
  module.doc() = "The C API of libvmpt; use the package vmpt.";
  module.def("version", &vmpt_version);
  module.def("open", &openDump);
  module.def("ending_name", &vmpt_ending_name);
  addDump(module);
  addSpace(module);
}
