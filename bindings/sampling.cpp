// Samplers: points, scenes, resampled images.
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <cstring>
#include <optional>
#include <vector>

#include "arrays.hpp"
#include "interrupt.hpp"
#include "photalign/point_equations.hpp"
#include "photalign/sampler.hpp"

namespace photalign {
namespace {

using Points = nb::ndarray<nb::ro, nb::ndim<2>, nb::device::cpu>;
using Matrix = nb::ndarray<const double, nb::shape<3, 3>, nb::c_contig, nb::device::cpu>;
using Coordinates = nb::ndarray<const double, nb::ndim<1>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::c_contig, nb::device::cpu>;
using Input = nb::ndarray<nb::ro, nb::c_contig, nb::device::cpu>;
using Doubles = nb::ndarray<double, nb::c_contig, nb::device::cpu>;
using ReadDoubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;
using Flags = nb::ndarray<std::uint8_t, nb::c_contig, nb::device::cpu>;
using ReadFlags = nb::ndarray<const std::uint8_t, nb::c_contig, nb::device::cpu>;
using Sizes = std::vector<std::int64_t>;
using Numbers = std::vector<double>;

void expect(bool condition) {
  if (!condition) throw std::invalid_argument("expected arrays that fit the sampler");
}

// A view of an image and the object that keeps its memory.
class Sampler {
 public:
  // `shape` and `strides`, in bytes, have the axes in the order of the array and then the channels;
  // `address` is that of the first pixel. The array may be larger than the image sampled, by `pad`
  // pixels on each side. Enumerations are given by their order, numbers for each axis in the order
  // x, y, z.
  Sampler(nb::object owner, std::uintptr_t address, int dtype, bool is_swapped, const Sizes& shape,
          const Sizes& strides, int kernel, int boundary, int domain, std::int64_t pad, double cval,
          double fill, double scale, const Numbers& origin, const Numbers& spacing,
          bool is_reversed)
      : owner_(std::move(owner)) {
    const auto dimension = static_cast<int>(shape.size()) - 1;
    expect(dimension >= 1 && dimension <= max_dimension && strides.size() == shape.size());
    const auto axes = static_cast<std::size_t>(dimension);
    expect(origin.size() == axes && spacing.size() == axes);
    Lattice& image = view_.image;
    image.data = reinterpret_cast<const std::byte*>(address);
    image.dtype = static_cast<DType>(dtype);
    image.is_swapped = is_swapped;
    image.dimension = dimension;
    image.channels = shape[axes];
    image.channel_stride = strides[axes];
    for (std::size_t a = 0; a < axes; ++a) {
      image.size[a] = shape[axes - 1 - a] - 2 * pad;
      image.stride[a] = strides[axes - 1 - a];
      image.data += pad * image.stride[a];
      view_.origin[a] = origin[a];
      view_.spacing[a] = spacing[a];
      expect(image.size[a] > 0);
    }
    view_.pad = pad;
    view_.kernel = static_cast<Kernel>(kernel);
    view_.boundary = static_cast<Boundary>(boundary);
    view_.domain = static_cast<Domain>(domain);
    view_.cval = cval;
    view_.fill = fill;
    view_.scale = scale;
    view_.is_reversed = is_reversed;
  }

  void sample(const Points& points, const Output& values, const std::optional<Output>& gradients,
              const std::optional<Output>& hessians, const std::optional<Flags>& valid,
              int threads) const {
    const PointsView where = points_view(points);
    const SamplesView out =
        samples_view(static_cast<std::size_t>(where.count), values, gradients, hessians, valid);
    if (threads == 1 && where.count <= few_points) {
      const nb::gil_scoped_release release;
      return photalign::sample(view_, where, out, Execution{});
    }
    run_interruptibly(threads,
                      [&](const Execution& e) { photalign::sample(view_, where, out, e); });
  }

  void sample_scene(const Matrix& matrix, std::int64_t height, std::int64_t width,
                    const Output& values, const std::optional<Output>& gradients,
                    const std::optional<Flags>& valid, int threads) const {
    expect(dimension() == 2);
    const SceneView scene = scene_view(matrix, height, width);
    const SamplesView out =
        samples_view(static_cast<std::size_t>(height * width), values, gradients, {}, valid);
    run_interruptibly(threads,
                      [&](const Execution& e) { photalign::sample_scene(view_, scene, out, e); });
  }

  // `coordinates` along x, y, z.
  void sample_grid(const std::vector<Coordinates>& coordinates, const Output& values,
                   const Output& gradients, const std::optional<Flags>& valid, int threads) const {
    expect(coordinates.size() == dimension());
    GridView grid;
    std::size_t count = 1;
    for (std::size_t a = 0; a < coordinates.size(); ++a) {
      grid.coordinates[a] = coordinates[a].data();
      grid.count[a] = static_cast<std::int64_t>(coordinates[a].size());
      count *= coordinates[a].size();
    }
    const SamplesView out = samples_view(count, values, gradients, {}, valid);
    run_interruptibly(threads,
                      [&](const Execution& e) { photalign::sample_grid(view_, grid, out, e); });
  }

  void resample(const Matrix& matrix, const Output& image, int dtype,
                const std::optional<Flags>& valid, int threads) const {
    expect(dimension() == 2 && image.ndim() == 3 && image.shape(2) == channels() &&
           image.itemsize() == static_cast<std::size_t>(bytes_of(static_cast<DType>(dtype))) &&
           (!valid || valid->size() == image.shape(0) * image.shape(1)));
    const SceneView scene = scene_view(matrix, static_cast<std::int64_t>(image.shape(0)),
                                       static_cast<std::int64_t>(image.shape(1)));
    const ResampledView out{image.data(), static_cast<DType>(dtype),
                            valid ? valid->data() : nullptr};
    run_interruptibly(threads,
                      [&](const Execution& e) { photalign::resample(view_, scene, out, e); });
  }

  void push_forward(const Points& points, const Input& tangents, const Output& values,
                    const Output& changes, const std::optional<Flags>& valid, int threads) const {
    const PointsView where = points_view(points);
    const std::size_t count = points.shape(0);
    const std::size_t n = tangents.ndim() == 3 ? tangents.shape(0) : 0;
    expect(tangents.ndim() == 3 && tangents.shape(1) == count && tangents.shape(2) == dimension() &&
           is_real(tangents) && is_real(values) && values.size() == count * channels() &&
           is_real(changes) && changes.size() == n * count * channels() &&
           (!valid || valid->size() == count));
    run_interruptibly(threads, [&](const Execution& e) {
      photalign::push_forward(view_, where, tangents.data(), static_cast<std::int64_t>(n),
                              values.data(), changes.data(), valid ? valid->data() : nullptr, e);
    });
  }

  // `coordinates` are arrays (N,), one for each axis; `partials` are dicts, too, whose values are
  // numbers or arrays (N,). Changes have a row for each of the `keys`. Returns whether everything
  // was of such a shape and of type float or double; nothing is written if it was not.
  bool push_partials(const nb::list& coordinates, const nb::list& partials, const nb::list& keys,
                     const Output& values, const Output& changes, const std::optional<Flags>& valid,
                     int threads) const {
    const std::size_t axes = dimension();
    expect(coordinates.size() == axes && partials.size() == axes && channels() > 0);
    const std::size_t count = values.size() / channels();
    std::vector<SparseTangent> columns(axes);
    bool is_double = false;
    for (std::size_t a = 0; a < axes; ++a) {
      if (!read_numbers(coordinates[a], count, columns[a])) return false;
      is_double = is_double || columns[a].is_double;
    }
    SparseTangents tangents;
    for (std::size_t row = 0; row < keys.size(); ++row) {
      for (std::size_t a = 0; a < axes; ++a) {
        PyObject* found =
            PyDict_GetItemWithError(nb::handle(partials[a]).ptr(), nb::handle(keys[row]).ptr());
        if (!found && PyErr_Occurred()) throw nb::python_error();
        if (!found) continue;
        SparseTangent tangent{.row = static_cast<std::int64_t>(row), .axis = static_cast<int>(a)};
        if (!read_numbers(found, count, tangent)) return false;
        tangents.push_back(tangent);
      }
    }
    expect(is_real(values) && values.size() == count * channels() && is_real(changes) &&
           changes.size() == keys.size() * values.size() && (!valid || valid->size() == count));
    const auto push = [&](const Execution& execution) {
      const MovingPoints points{columns, is_double, static_cast<std::int64_t>(count)};
      push_sparse(view_, points, tangents, values.data(), changes.data(),
                  valid ? valid->data() : nullptr, execution);
    };
    if (threads == 1 && count <= static_cast<std::size_t>(few_points)) {
      const nb::gil_scoped_release release;
      push(Execution{});
    } else {
      run_interruptibly(threads, push);
    }
    return true;
  }

  void pull_back(const Points& points, const Input& cotangents, const Output& pulled,
                 int threads) const {
    const PointsView where = points_view(points);
    const std::size_t count = points.shape(0);
    expect(is_real(cotangents) && cotangents.size() == count * channels() && is_real(pulled) &&
           pulled.size() == count * dimension());
    run_interruptibly(threads, [&](const Execution& e) {
      photalign::pull_back(view_, where, cotangents.data(), pulled.data(), e);
    });
  }

  // `jacobian` is (point, axis, parameter); `hessian`, `gradient` and `totals` are added to.
  void add_equations(const Points& points, const AnyArray& jacobian, const Input& reference,
                     const std::optional<Input>& weights, const ReadDoubles& gain,
                     const ReadDoubles& bias, int loss, double threshold, bool solves_brightness,
                     const Doubles& hessian, const Doubles& gradient, const Doubles& totals,
                     int threads) const {
    const PointsView where = points_view(points);
    const PointJacobian motion = jacobian_view(jacobian, points.shape(0));
    const auto unknowns =
        static_cast<std::size_t>(motion.parameters) + (solves_brightness ? 2 * channels() : 0);
    expect(
        reference.size() == points.shape(0) * channels() && gain.size() == channels() &&
        bias.size() == channels() &&
        (!weights || weights->size() == points.shape(0) || weights->size() == reference.size()) &&
        hessian.size() == unknowns * unknowns && gradient.size() == unknowns &&
        totals.size() == n_totals);
    const Observations observations{
        .reference = static_cast<const std::byte*>(reference.data()),
        .reference_dtype = dtype_of(reference),
        .weights = weights ? static_cast<const std::byte*>(weights->data()) : nullptr,
        .weight_dtype = weights ? dtype_of(*weights) : DType::f64,
        .has_weight_per_channel = weights && weights->size() == reference.size(),
        .gain = gain.data(),
        .bias = bias.data(),
        .loss = static_cast<LossKind>(loss),
        .threshold = threshold,
        .solves_brightness = solves_brightness};
    const EquationSums sums{hessian.data(), gradient.data(), totals.data()};
    run_interruptibly(threads, [&](const Execution& e) {
      photalign::add_equations(view_, where, observations, motion, sums, e);
    });
  }

  void scatter(const Points& points, const ReadDoubles& cotangents, const Doubles& image,
               const std::optional<ReadFlags>& valid) const {
    const PointsView where = points_view(points);
    std::int64_t stored = view_.image.channels;
    for (int a = 0; a < view_.image.dimension; ++a) stored *= view_.image.size[a] + 2 * view_.pad;
    expect(cotangents.size() == points.shape(0) * channels() &&
           image.size() == static_cast<std::size_t>(stored) &&
           (!valid || valid->size() == points.shape(0)));
    run_interruptibly(1, [&](const Execution& e) {
      photalign::scatter(view_, where, valid ? valid->data() : nullptr, cotangents.data(),
                         image.data(), e);
    });
  }

 private:
  // So few are done before anybody could interrupt them.
  static constexpr std::int64_t few_points = 16384;

  std::size_t dimension() const { return static_cast<std::size_t>(view_.image.dimension); }
  std::size_t channels() const { return static_cast<std::size_t>(view_.image.channels); }

  // Whether an array is of the type that is computed in.
  template <class... Args>
  bool is_real(const nb::ndarray<Args...>& array) const {
    return array.dtype() == (view_.is_double() ? nb::dtype<double>() : nb::dtype<float>());
  }

  // Whether that is a number, or an array with one for each point.
  static bool read_numbers(nb::handle given, std::size_t count, SparseTangent& numbers) {
    if (PyFloat_Check(given.ptr())) {
      numbers.number = PyFloat_AsDouble(given.ptr());
      return true;
    }
    nb::ndarray<nb::ro, nb::device::cpu> array;
    if (!nb::try_cast(given, array, false) || array.ndim() != 1 || array.shape(0) != count ||
        reinterpret_cast<std::uintptr_t>(array.data()) % array.itemsize() != 0)
      return false;
    numbers.is_double = array.dtype() == nb::dtype<double>();
    numbers.data = array.data();
    numbers.stride = array.stride(0);
    return numbers.is_double || array.dtype() == nb::dtype<float>();
  }

  PointsView points_view(const Points& points) const {
    const bool is_double = points.dtype() == nb::dtype<double>();
    expect(points.shape(1) == dimension() && (is_double || points.dtype() == nb::dtype<float>()));
    return {.data = points.data(),
            .is_double = is_double,
            .count = static_cast<std::int64_t>(points.shape(0)),
            .point_stride = points.stride(0),
            .axis_stride = points.stride(1)};
  }

  PointJacobian jacobian_view(const AnyArray& jacobian, std::size_t count) const {
    const bool is_double = jacobian.dtype() == nb::dtype<double>();
    expect(jacobian.ndim() == 3 && jacobian.shape(0) == count && jacobian.shape(1) == dimension() &&
           jacobian.shape(2) > 0 && (is_double || jacobian.dtype() == nb::dtype<float>()));
    const auto* data = static_cast<const std::byte*>(jacobian.data());
    const std::int64_t number = is_double ? 8 : 4;
    const std::byte* end = data + number;
    bool is_forward = count > 0;
    for (std::size_t i = 0; i < 3; ++i) {
      is_forward = is_forward && jacobian.stride(i) >= 0;
      end += (static_cast<std::int64_t>(jacobian.shape(i)) - 1) * jacobian.stride(i) * number;
    }
    return {.data = data,
            .is_double = is_double,
            .parameters = static_cast<std::int64_t>(jacobian.shape(2)),
            .point_stride = jacobian.stride(0) * number,
            .axis_stride = jacobian.stride(1) * number,
            .parameter_stride = jacobian.stride(2) * number,
            .end = is_forward ? end : nullptr};
  }

  SamplesView samples_view(std::size_t count, const Output& values,
                           const std::optional<Output>& gradients,
                           const std::optional<Output>& hessians,
                           const std::optional<Flags>& valid) const {
    const std::size_t size = count * channels();
    const auto fits = [&](const Output& array, std::size_t width) {
      return is_real(array) && array.size() == size * width;
    };
    expect(fits(values, 1) && (!gradients || fits(*gradients, dimension())) &&
           (!hessians || (gradients && fits(*hessians, dimension() * dimension()))) &&
           (!valid || valid->size() == count));
    return {values.data(), gradients ? gradients->data() : nullptr,
            hessians ? hessians->data() : nullptr, valid ? valid->data() : nullptr};
  }

  static SceneView scene_view(const Matrix& matrix, std::int64_t height, std::int64_t width) {
    SceneView scene{.height = height, .width = width};
    std::memcpy(scene.matrix, matrix.data(), sizeof scene.matrix);
    return scene;
  }

  nb::object owner_;
  SamplerView view_;
};

// Gradients are [point][channel][axis].
void contract_gradients(const Input& gradients, const Input& cotangents, const ReadFlags& valid,
                        const Output& pulled) {
  const bool is_double = gradients.dtype() == nb::dtype<double>();
  const bool pulls_double = pulled.dtype() == nb::dtype<double>();
  expect(gradients.ndim() == 3);
  const std::size_t count = gradients.shape(0), channels = gradients.shape(1);
  const std::size_t dimension = gradients.shape(2);
  expect(dimension >= 1 && dimension <= max_dimension && cotangents.dtype() == gradients.dtype() &&
         (is_double || gradients.dtype() == nb::dtype<float>()) &&
         (pulls_double || pulled.dtype() == nb::dtype<float>()) &&
         cotangents.size() == count * channels && valid.size() == count &&
         pulled.size() == count * dimension);
  const nb::gil_scoped_release release;
  photalign::contract({.gradients = gradients.data(),
                       .cotangents = cotangents.data(),
                       .valid = valid.data(),
                       .is_double = is_double,
                       .count = static_cast<std::int64_t>(count),
                       .channels = static_cast<std::int64_t>(channels),
                       .dimension = static_cast<int>(dimension),
                       .pulled = pulled.data(),
                       .pulls_double = pulls_double});
}

}  // namespace

void bind_sampling(nb::module_& m) {
  m.def("contract", &contract_gradients, nb::arg("gradients").noconvert(),
        nb::arg("cotangents").noconvert(), nb::arg("valid").noconvert(),
        nb::arg("pulled").noconvert(),
        "Write the cotangents of points that cotangents of values make, by known gradients.");
  nb::class_<Sampler>(m, "Sampler", "An image as a function of points.")
      .def(
          nb::init<nb::object, std::uintptr_t, int, bool, const Sizes&, const Sizes&, int, int, int,
                   std::int64_t, double, double, double, const Numbers&, const Numbers&, bool>(),
          nb::arg("owner"), nb::arg("address"), nb::arg("dtype"), nb::arg("is_swapped"),
          nb::arg("shape"), nb::arg("strides"), nb::arg("kernel"), nb::arg("boundary"),
          nb::arg("domain"), nb::arg("pad"), nb::arg("cval"), nb::arg("fill"), nb::arg("scale"),
          nb::arg("origin"), nb::arg("spacing"), nb::arg("is_reversed"))
      .def("sample", &Sampler::sample, nb::arg("points").noconvert(), nb::arg("values").noconvert(),
           nb::arg("gradients").noconvert().none(), nb::arg("hessians").noconvert().none(),
           nb::arg("valid").noconvert().none(), nb::arg("threads"),
           "Write values, and what else is not None, at points.")
      .def("sample_scene", &Sampler::sample_scene, nb::arg("matrix").noconvert(), nb::arg("height"),
           nb::arg("width"), nb::arg("values").noconvert(), nb::arg("gradients").noconvert().none(),
           nb::arg("valid").noconvert().none(), nb::arg("threads"),
           "Write values, and what else is not None, through a homography.")
      .def("sample_grid", &Sampler::sample_grid, nb::arg("coordinates").noconvert(),
           nb::arg("values").noconvert(), nb::arg("gradients").noconvert(),
           nb::arg("valid").noconvert().none(), nb::arg("threads"),
           "Write values, gradients and validity on a grid, given by its coordinates.")
      .def("resample", &Sampler::resample, nb::arg("matrix").noconvert(),
           nb::arg("image").noconvert(), nb::arg("dtype"), nb::arg("valid").noconvert().none(),
           nb::arg("threads"), "Write the image seen through a homography.")
      .def("push_forward", &Sampler::push_forward, nb::arg("points").noconvert(),
           nb::arg("tangents").noconvert(), nb::arg("values").noconvert(),
           nb::arg("changes").noconvert(), nb::arg("valid").noconvert().none(), nb::arg("threads"),
           "Write values and their changes along tangents, (tangent, point, axis).")
      .def("push_partials", &Sampler::push_partials, nb::arg("coordinates"), nb::arg("partials"),
           nb::arg("keys"), nb::arg("values").noconvert(), nb::arg("changes").noconvert(),
           nb::arg("valid").noconvert().none(), nb::arg("threads"),
           "Write values and their changes by partials of the coordinates; tell if they fitted.")
      .def("pull_back", &Sampler::pull_back, nb::arg("points").noconvert(),
           nb::arg("cotangents").noconvert(), nb::arg("pulled").noconvert(), nb::arg("threads"),
           "Write the cotangents of points that cotangents of values make.")
      .def("add_equations", &Sampler::add_equations, nb::arg("points").noconvert(),
           nb::arg("jacobian").noconvert(), nb::arg("reference").noconvert(),
           nb::arg("weights").noconvert().none(), nb::arg("gain").noconvert(),
           nb::arg("bias").noconvert(), nb::arg("loss"), nb::arg("threshold"),
           nb::arg("solves_brightness"), nb::arg("hessian").noconvert(),
           nb::arg("gradient").noconvert(), nb::arg("totals").noconvert(), nb::arg("threads"),
           "Add the normal equations of residuals.")
      .def("scatter", &Sampler::scatter, nb::arg("points").noconvert(),
           nb::arg("cotangents").noconvert(), nb::arg("image").noconvert(),
           nb::arg("valid").noconvert().none() = nb::none(),
           "Add the cotangents of values to the pixels that the values were made of.");
}

}  // namespace photalign
