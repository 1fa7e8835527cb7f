// Warps that are functions of the user's.
#include "photalign/linearize_functions.hpp"
#include "photalign/taped_warp.hpp"
#include "photalign/variants.hpp"

#include <nanobind/nanobind.h>

#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/string.h>
#include <nanobind/stl/vector.h>

#include <algorithm>
#include <memory>
#include <optional>
#include <string>
#include <vector>

namespace nb = nanobind;
using namespace nb::literals;

namespace photalign {
namespace {

// A copy, since whoever gets it may keep it.
nb::object copied(const double* from, std::initializer_list<std::size_t> shape) {
  std::size_t size = 1;
  for (std::size_t n : shape) size *= n;
  auto values = std::make_unique_for_overwrite<double[]>(size);
  std::copy_n(from, size, values.get());
  double* data = values.release();
  nb::capsule owner(data, [](void* p) noexcept { delete[] static_cast<double*>(p); });
  return nb::cast(nb::ndarray<nb::numpy, double>(data, shape, owner));
}

// evaluate(params, points, mapped, jacobian) writes to the last two, float64 (n, 2) and float32
// (parameters, 2, n) or None, and does not keep them.
class PythonWarp final : public PointWarp {
 public:
  PythonWarp(nb::callable evaluate, int parameters)
      : evaluate_(std::move(evaluate)), parameters_(parameters) {}

  int parameters() const override { return parameters_; }
  std::int64_t worthwhile() const override { return 8192; }

  void map(const double* params, std::int64_t count, const double* points, double* mapped,
           float* jacobian, std::int64_t plane) const override {
    const nb::gil_scoped_acquire gil;
    if (!evaluate_.is_valid()) throw std::runtime_error("the warp's function is gone");
    const auto n = static_cast<std::size_t>(count), p = static_cast<std::size_t>(parameters_);
    nb::object planes = nb::none();
    if (jacobian)
      planes = nb::cast(
          nb::ndarray<nb::numpy, float>(jacobian, {p, 2, n}, nb::handle(), {2 * plane, plane, 1}),
          nb::rv_policy::reference);
    evaluate_(copied(params, {p}), copied(points, {n, 2}),
              nb::cast(nb::ndarray<nb::numpy, double>(mapped, {n, 2}, nb::handle()),
                       nb::rv_policy::reference),
              planes);
  }

 private:
  friend int visit(PyObject* self, visitproc visit, void* arg);
  friend int clear(PyObject* self);

  nb::callable evaluate_;
  int parameters_;
};

// A function often knows, through its module, the warp that it became: a cycle that Python has to
// see.
int visit(PyObject* self, visitproc visit, void* arg) {
#if PY_VERSION_HEX >= 0x03090000
  Py_VISIT(Py_TYPE(self));
#endif
  if (nb::inst_ready(self)) Py_VISIT(nb::inst_ptr<PythonWarp>(self)->evaluate_.ptr());
  return 0;
}

int clear(PyObject* self) {
  nb::inst_ptr<PythonWarp>(self)->evaluate_ = nb::callable();
  return 0;
}

PyType_Slot python_warp_slots[] = {{Py_tp_traverse, reinterpret_cast<void*>(visit)},
                                   {Py_tp_clear, reinterpret_cast<void*>(clear)},
                                   {0, nullptr}};

// A function in machine code: (params, n, points, mapped, jacobian), the last of shape
// (n, 2, parameters), and the user's data if it was made with some.
class CompiledWarp final : public PointWarp {
 public:
  CompiledWarp(nb::handle capsule, int parameters, bool with_data)
      : owner_(nb::borrow(capsule)), parameters_(parameters), with_data_(with_data) {
    function_ = PyCapsule_GetPointer(capsule.ptr(), PyCapsule_GetName(capsule.ptr()));
    if (!function_) throw nb::python_error();
    data_ = PyCapsule_GetContext(capsule.ptr());
    if (PyErr_Occurred()) throw nb::python_error();
  }

  int parameters() const override { return parameters_; }
  std::int64_t worthwhile() const override { return 0; }

  void map(const double* params, std::int64_t count, const double* points, double* mapped,
           float* jacobian, std::int64_t plane) const override {
    const std::int64_t width = 2 * parameters_;
    // In pieces that stay in the first cache.
    const std::int64_t at_once = std::max<std::int64_t>(16, 2048 / width);
    thread_local std::vector<double> room;
    room.resize(static_cast<std::size_t>(at_once * width));
    // Not the caller's: a function of the user's might write.
    std::vector<double> own(params, params + parameters_);
    for (std::int64_t first = 0; first < count; first += at_once) {
      const std::int64_t n = std::min(at_once, count - first);
      call(n, own.data(), const_cast<double*>(points) + 2 * first, mapped + 2 * first, room.data());
      if (!jacobian) continue;
      variant().linearize->list_planes(room.data(), n, parameters_, jacobian + first, plane);
    }
  }

 private:
  void call(std::int64_t n, double* params, double* points, double* mapped,
            double* jacobian) const {
    using Plain = void (*)(double*, std::int64_t, double*, double*, double*);
    using WithData = void (*)(double*, std::int64_t, double*, double*, double*, void*);
    if (with_data_)
      reinterpret_cast<WithData>(function_)(params, n, points, mapped, jacobian, data_);
    else
      reinterpret_cast<Plain>(function_)(params, n, points, mapped, jacobian);
  }

  nb::object owner_;
  int parameters_;
  bool with_data_;
  void* function_ = nullptr;
  void* data_ = nullptr;
};

using Doubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using Mapped = nb::ndarray<nb::numpy, double, nb::c_contig>;
using Planes = nb::ndarray<nb::numpy, float, nb::ndim<3>, nb::c_contig>;

// Rows of operation, register that it writes, and those that it reads.
using Instructions =
    nb::ndarray<const std::int32_t, nb::shape<-1, 2 + max_operands>, nb::c_contig, nb::device::cpu>;

std::vector<Instruction> as_instructions(const Instructions& rows) {
  std::vector<Instruction> instructions(rows.shape(0));
  const std::int32_t* from = rows.data();
  for (Instruction& instruction : instructions) {
    instruction.operation = static_cast<Operation>(from[0]);
    instruction.to = from[1];
    std::copy_n(from + 2, max_operands, instruction.from);
    from += 2 + max_operands;
  }
  return instructions;
}

void make_tape(Tape* self, int parameters, std::vector<double> constants,
               const Instructions& shared, const Instructions& each,
               std::vector<std::int32_t> outputs) {
  new (self) Tape(parameters, std::move(constants), as_instructions(shared), as_instructions(each),
                  std::move(outputs));
}

std::vector<std::string> bound_operation_names() {
  const std::vector<const char*> names = operation_names();
  return {names.begin(), names.end()};
}

void bound_map(const PointWarp& warp, const Doubles& params, const Doubles& points,
               const Mapped& mapped, const std::optional<Planes>& jacobian) {
  const auto count = static_cast<std::int64_t>(points.size() / 2);
  const auto parameters = static_cast<std::size_t>(warp.parameters());
  if (params.size() != parameters || mapped.size() != points.size() || points.size() % 2 ||
      (jacobian && jacobian->size() != parameters * points.size()))
    throw std::invalid_argument("expected arrays that fit the warp and the points");
  const nb::gil_scoped_release release;
  warp.map(params.data(), count, points.data(), mapped.data(),
           jacobian ? jacobian->data() : nullptr, count);
}

}  // namespace

void bind_point_warps(nb::module_& m) {
  nb::class_<PointWarp>(m, "PointWarp", "A warp that is a function.")
      .def("map", &bound_map, "params"_a, "points"_a, "mapped"_a.noconvert(),
           "jacobian"_a.noconvert().none(), "Map points (n, 2) and differentiate, (P, 2, n).");
  nb::class_<PythonWarp, PointWarp>(m, "PythonWarp", nb::type_slots(python_warp_slots),
                                    "One written in Python.")
      .def(nb::init<nb::callable, int>(), "evaluate"_a, "parameters"_a);
  nb::class_<CompiledWarp, PointWarp>(m, "CompiledWarp", "One in machine code, in a capsule.")
      .def(nb::init<nb::handle, int, bool>(), "capsule"_a, "parameters"_a, "with_data"_a);
  nb::class_<Tape>(m, "Tape", "A function as the list of its operations.")
      .def("__init__", &make_tape, "parameters"_a, "constants"_a, "shared"_a, "each"_a,
           "outputs"_a);
  nb::class_<TapedWarp, PointWarp>(m, "TapedWarp", "One recorded as tapes.")
      .def(nb::init<Tape, Tape>(), "values"_a, "derivatives"_a);
  m.def("operation_names", &bound_operation_names, "Operations of tapes, in their order.");
}

}  // namespace photalign
