// Samplers: points, resampled images, prefiltered images.
#include <nanobind/stl/optional.h>

#include <cstring>
#include <optional>

#include "arrays.hpp"
#include "interrupt.hpp"
#include "photalign/sampler.hpp"

namespace photalign {
namespace {

using Points = nb::ndarray<const double, nb::ndim<2>, nb::device::cpu>;
using Matrix = nb::ndarray<const double, nb::shape<3, 3>, nb::c_contig, nb::device::cpu>;
using Output = nb::ndarray<nb::c_contig, nb::device::cpu>;
using Flags = nb::ndarray<std::uint8_t, nb::c_contig, nb::device::cpu>;

// Runs body(execution) without the GIL; Ctrl-C becomes KeyboardInterrupt.
template <class Body>
void run(int threads, const Body& body) {
  try {
    const nb::gil_scoped_release release;
    body(Execution{threads, interrupt_callback()});
  } catch (const Interrupted&) {
    throw nb::python_error();
  }
}

// A view of an image and the array that it looks at.
struct Sampler {
  AnyArray array;
  SamplerView view;

  // `image` may be larger than the image sampled, by `pad` pixels on each side. The enumerations
  // are given by their order.
  Sampler(AnyArray image, int kernel, int boundary, int domain, std::int64_t pad, double cval,
          double fill)
      : array(std::move(image)) {
    view.image = image_view(array);
    view.image.data += pad * (view.image.row_stride + view.image.column_stride);
    view.image.height -= 2 * pad;
    view.image.width -= 2 * pad;
    view.pad = pad;
    view.kernel = static_cast<Kernel>(kernel);
    view.boundary = static_cast<Boundary>(boundary);
    view.domain = static_cast<Domain>(domain);
    view.cval = cval;
    view.fill = fill;
  }

  void sample(const Points& points, const Output& values, const std::optional<Output>& gradients,
              const std::optional<Flags>& valid, int threads) const {
    const DType real = view.image.dtype == DType::f64 ? DType::f64 : DType::f32;
    const std::size_t count = points.shape(0);
    const std::size_t size = count * static_cast<std::size_t>(view.image.channels);
    if (points.shape(1) != 2 || values.size() != size || dtype_of(values) != real ||
        (gradients && (gradients->size() != 2 * size || dtype_of(*gradients) != real)) ||
        (valid && valid->size() != count))
      throw std::invalid_argument("outputs that fit points and image");
    const PointsView where{points.data(), static_cast<std::int64_t>(count), points.stride(0),
                           points.stride(1)};
    const SamplesView out{values.data(), gradients ? gradients->data() : nullptr,
                          valid ? valid->data() : nullptr};
    run(threads, [&](const Execution& e) { photalign::sample(view, where, out, e); });
  }

  void resample(const Matrix& matrix, const Output& image, const std::optional<Flags>& valid,
                int threads) const {
    if (image.ndim() != 3 || static_cast<std::int64_t>(image.shape(2)) != view.image.channels ||
        (valid && valid->size() != image.shape(0) * image.shape(1)))
      throw std::invalid_argument("outputs that fit the image");
    ResampledView out{.data = image.data(),
                      .dtype = dtype_of(image),
                      .height = static_cast<std::int64_t>(image.shape(0)),
                      .width = static_cast<std::int64_t>(image.shape(1)),
                      .valid = valid ? valid->data() : nullptr};
    std::memcpy(out.matrix, matrix.data(), sizeof out.matrix);
    run(threads, [&](const Execution& e) { photalign::resample(view, out, e); });
  }
};

void prefilter_array(const Output& image, int degree, int threads) {
  const DType dtype = dtype_of(image);
  if (image.ndim() != 3 || (dtype != DType::f32 && dtype != DType::f64))
    throw std::invalid_argument("expected an image of floats");
  const FloatImage view{
      image.data(), dtype == DType::f64, static_cast<std::int64_t>(image.shape(0)),
      static_cast<std::int64_t>(image.shape(1)), static_cast<std::int64_t>(image.shape(2))};
  run(threads, [&](const Execution& e) { prefilter(view, degree, e); });
}

}  // namespace

void bind_sampling(nb::module_& m) {
  nb::class_<Sampler>(m, "Sampler", "An image as a function of points.")
      .def(nb::init<AnyArray, int, int, int, std::int64_t, double, double>(),
           nb::arg("image").noconvert(), nb::arg("kernel"), nb::arg("boundary"), nb::arg("domain"),
           nb::arg("pad"), nb::arg("cval"), nb::arg("fill"))
      .def("sample", &Sampler::sample, nb::arg("points").noconvert(), nb::arg("values").noconvert(),
           nb::arg("gradients").noconvert().none(), nb::arg("valid").noconvert().none(),
           nb::arg("threads"), "Write values, and gradients and validity unless None, at points.")
      .def("resample", &Sampler::resample, nb::arg("matrix").noconvert(),
           nb::arg("image").noconvert(), nb::arg("valid").noconvert().none(), nb::arg("threads"),
           "Write the image seen through a homography.");
  m.def("prefilter", &prefilter_array, nb::arg("image").noconvert(), nb::arg("degree"),
        nb::arg("threads"), "Replace pixels by B-spline coefficients, mirrored at the border.");
  m.def("prefilter_padding", &prefilter_padding, nb::arg("degree"),
        "Pixels after which the prefilter has forgotten what was before.");
}

}  // namespace photalign
