// Hot file: samples points, resamples rows and filters lines. Compiled once per instruction set.
#include "photalign/sampling.hpp"

#include "photalign/prefilter.hpp"
#include "photalign/resampling.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

// From the choices made at run time to the loop compiled for them: kernel, dtype, channels, order.

template <class K, class T, int channels>
void sample_channels(const SamplerView& sampler, const PointsView& points, const SamplesView& out) {
  if (out.gradients) return sample_points<K, T, channels, 1>(sampler, points, out);
  return sample_points<K, T, channels, 0>(sampler, points, out);
}

template <class K, class T>
void sample_dtype(const SamplerView& sampler, const PointsView& points, const SamplesView& out) {
  const Image& image = sampler.image;
  const std::int64_t size = sizeof(T);
  const bool is_packed = image.column_stride == image.channels * size &&
                         (image.channels == 1 || image.channel_stride == size);
  switch (is_packed ? image.channels : 0) {
    case 1:
      return sample_channels<K, T, 1>(sampler, points, out);
    case 3:
      return sample_channels<K, T, 3>(sampler, points, out);
    case 4:
      return sample_channels<K, T, 4>(sampler, points, out);
    default:
      return sample_channels<K, T, 0>(sampler, points, out);
  }
}

template <class K>
void sample_kernel(const SamplerView& sampler, const PointsView& points, const SamplesView& out) {
  switch (sampler.image.dtype) {
    case DType::u8:
      return sample_dtype<K, std::uint8_t>(sampler, points, out);
    case DType::u16:
      return sample_dtype<K, std::uint16_t>(sampler, points, out);
    case DType::f32:
      return sample_dtype<K, float>(sampler, points, out);
    case DType::f64:
      return sample_dtype<K, double>(sampler, points, out);
  }
}

void sample(const SamplerView& sampler, const PointsView& points, const SamplesView& out) {
  switch (sampler.kernel) {
    case Kernel::linear:
      return sample_kernel<Linear>(sampler, points, out);
    case Kernel::catmull_rom:
      return sample_kernel<CatmullRom>(sampler, points, out);
    case Kernel::bspline3:
      return sample_kernel<BSpline3>(sampler, points, out);
    case Kernel::bspline5:
      return sample_kernel<BSpline5>(sampler, points, out);
  }
}

// Positions x, positions y, then the values of one block.
std::size_t resample_scratch(const SamplerView& sampler) {
  return (2 + sampler.image.channels) * block * sizeof(double);
}

void resample_row(const SamplerView& sampler, const ResampledView& out, std::int64_t row,
                  void* scratch) {
  double* x = static_cast<double*>(scratch);
  double* y = x + block;
  void* values = y + block;
  const std::int64_t channels = sampler.image.channels;
  for (std::int64_t first = 0; first < out.width; first += block) {
    const std::int64_t pixel = row * out.width + first;
    const auto count = static_cast<int>(min(std::int64_t{block}, out.width - first));
    warp_pixels(out.matrix, sampler.image, row, first, count, x, y);
    sample(sampler, {.data = x, .count = count, .point_stride = 1, .axis_stride = block},
           {.values = values, .valid = out.valid ? out.valid + pixel : nullptr});
    const auto store = [&](const auto* from) {
      store_values(from, count * channels, out.data, out.dtype, pixel * channels);
    };
    if (sampler.image.dtype == DType::f64)
      store(static_cast<const double*>(values));
    else
      store(static_cast<const float*>(values));
  }
}

void filter(const LinesView& lines, const SplineFilter& spline, double* scratch) {
  if (lines.is_double) return filter_lines<double>(lines, spline, scratch);
  return filter_lines<float>(lines, spline, scratch);
}

}  // namespace

extern const SamplingFunctions sampling_table{
    .sample = sample,
    .resample_scratch = resample_scratch,
    .resample_row = resample_row,
    .filter_lines = filter,
};

PHOTALIGN_ISA_END
