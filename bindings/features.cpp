// Images whose pixels are turned into other channels before they are aligned.
#include "photalign/features.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>

#include <optional>

#include "arrays.hpp"
#include "interrupt.hpp"
#include "photalign/float_rows.hpp"
#include "photalign/local_normalization.hpp"
#include "photalign/noise_level.hpp"
#include "photalign/pyramid.hpp"
#include "photalign/uninitialized.hpp"

namespace photalign {
namespace {

using namespace nb::literals;

Image weight_view(const std::optional<AnyArray>& weight) {
  return weight ? image_view(*weight) : Image{};
}

using Planes = nb::ndarray<nb::numpy, const float, nb::ndim<3>>;

// Planes (channels, height, width), seen as (height, width, channels).
Planes planes_of(UninitializedFloats floats, std::int64_t channels, const Image& image) {
  const auto* data = floats.get();
  const nb::capsule owner(new UninitializedFloats(std::move(floats)),
                          [](void* p) noexcept { delete static_cast<UninitializedFloats*>(p); });
  const auto size = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  return Planes(data, {size(image.height), size(image.width), size(channels)}, owner,
                {image.width, 1, image.height * image.width});
}

template <class Make>
Planes made_planes(const Image& image, std::int64_t channels, int threads, const Make& make) {
  UninitializedFloats planes;
  run_interruptibly(threads, [&](const Execution& execution) {
    planes = uninitialized_floats(static_cast<std::size_t>(channels * image.height * image.width));
    make(planes.get(), execution);
  });
  return planes_of(std::move(planes), channels, image);
}

Planes bound_features(const AnyArray& pixels, const std::optional<AnyArray>& weight, int kind,
                      const nb::ndarray<const double, nb::shape<2, 2>, nb::c_contig>& frame,
                      double smoothing, double threshold, int threads) {
  const Image image = image_view(pixels);
  Features how{
      .kind = static_cast<FeatureKind>(kind), .smoothing = smoothing, .threshold = threshold};
  for (std::size_t i = 0; i < 2; ++i)
    for (std::size_t j = 0; j < 2; ++j) how.frame[i][j] = frame(i, j);
  return made_planes(image, feature_channels(how.kind), threads,
                     [&](float* planes, const Execution& execution) {
                       compute_features(image, weight_view(weight), how, planes, execution);
                     });
}

Planes bound_normalization(const AnyArray& pixels, const std::optional<AnyArray>& weight,
                           double window, double floor, int threads) {
  const Image image = image_view(pixels);
  return made_planes(image, image.channels, threads,
                     [&](float* planes, const Execution& execution) {
                       normalize_locally(image, weight_view(weight),
                                         {.window = window, .floor = floor}, planes, execution);
                     });
}

double bound_noise_level(const AnyArray& pixels, const std::optional<AnyArray>& weight,
                         int channel) {
  const Image image = image_view(pixels), weights = weight_view(weight);
  return noise_level(FloatRows(image, weights, typical_value(image, weights)), channel);
}

}  // namespace

void bind_features(nb::module_& m) {
  m.def("features", &bound_features, "image"_a.noconvert(), "weight"_a.noconvert().none(), "kind"_a,
        "frame"_a, "smoothing"_a, "threshold"_a, "threads"_a,
        "Features of an image in another frame, shape (height, width, channels).");
  m.def("normalize_locally", &bound_normalization, "image"_a.noconvert(),
        "weight"_a.noconvert().none(), "window"_a, "floor"_a, "threads"_a,
        "An image without its local mean, in units of its local standard deviation.");
  m.def("noise_level", &bound_noise_level, "image"_a.noconvert(), "weight"_a.noconvert().none(),
        "channel"_a, "Standard deviation of the noise of a channel, told from the image.");
}

}  // namespace photalign
