// From pixels to B-spline coefficients.
#include "photalign/prefilter.hpp"

#include "arrays.hpp"
#include "interrupt.hpp"

namespace photalign {
namespace {

using FloatArray = nb::ndarray<nb::c_contig, nb::device::cpu>;
using Flags = nb::ndarray<const std::uint8_t, nb::c_contig, nb::device::cpu>;
using Filter = void (*)(const FloatImage&, int, Boundary, const Execution&);

FloatImage float_image(const FloatArray& array, int dimensions) {
  const DType dtype = dtype_of(array);
  if (dimensions < 1 || dimensions > max_dimensions ||
      array.ndim() != static_cast<std::size_t>(dimensions) + 1 ||
      (dtype != DType::f32 && dtype != DType::f64))
    throw std::invalid_argument("expected 1 to 3 axes of pixels and one of channels, floats");
  FloatImage image{.data = array.data(),
                   .is_double = dtype == DType::f64,
                   .dimensions = dimensions,
                   .channels = static_cast<std::int64_t>(array.shape(array.ndim() - 1))};
  for (int axis = 0; axis < dimensions; ++axis)
    image.shape[axis] = static_cast<std::int64_t>(array.shape(static_cast<std::size_t>(axis)));
  return image;
}

template <Filter filter>
void apply(const FloatArray& array, int degree, int dimensions, int boundary, int threads) {
  const FloatImage image = float_image(array, dimensions);
  if (!is_spline_degree(degree)) throw std::invalid_argument("expected degree 2, 3 or 5");
  const auto code = static_cast<Boundary>(boundary);
  if (!is_filter_boundary(code)) throw std::invalid_argument("expected mirror, reflect or wrap");
  run_interruptibly(threads, [&](const Execution& e) { filter(image, degree, code, e); });
}

void fill(const FloatArray& array, const Flags& known, int dimensions, int threads) {
  const FloatImage image = float_image(array, dimensions);
  if (known.size() * static_cast<std::size_t>(image.channels) != array.size())
    throw std::invalid_argument("expected a flag for each pixel");
  run_interruptibly(threads,
                    [&](const Execution& e) { fill_invalid(image, known.data(), true, e); });
}

int padding(int degree) {
  if (!is_spline_degree(degree)) throw std::invalid_argument("expected degree 2, 3 or 5");
  return prefilter_padding(degree);
}

}  // namespace

void bind_prefilter(nb::module_& m) {
  m.def("prefilter", &apply<prefilter>, nb::arg("image").noconvert(), nb::arg("degree"),
        nb::arg("ndim"), nb::arg("boundary"), nb::arg("threads"),
        "Replace pixels by B-spline coefficients: `ndim` axes, then the channels.");
  m.def("prefilter_adjoint", &apply<prefilter_adjoint>, nb::arg("image").noconvert(),
        nb::arg("degree"), nb::arg("ndim"), nb::arg("boundary"), nb::arg("threads"),
        "Apply the transpose of the prefilter in place.");
  m.def("fill_adjoint", &fill, nb::arg("image").noconvert(), nb::arg("known").noconvert(),
        nb::arg("ndim"), nb::arg("threads"),
        "Apply in place the transpose of filling the pixels that are not known.");
  m.def("prefilter_padding", &padding, nb::arg("degree"),
        "Pixels after which the prefilter has forgotten what was before.");
}

}  // namespace photalign
