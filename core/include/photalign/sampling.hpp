// An image as a function of points: which footprint a point has, inside the image and at its
// border.
#pragma once

#include "boundary.hpp"
#include "footprint.hpp"
#include "sampling_functions.hpp"

PHOTALIGN_ISA_BEGIN

inline double min(double a, double b) { return a < b ? a : b; }
inline double max(double a, double b) { return a > b ? a : b; }
inline std::int64_t min(std::int64_t a, std::int64_t b) { return a < b ? a : b; }

// One axis of a sampler. A point x lies in the cell i = floor(x), but the upper end of a bounded
// domain belongs to the last cell before it, so that the last pixel has the slope that leads to it.
struct Axis {
  std::int64_t count, pad;
  double lower, upper;  // the domain, closed
  std::int64_t last;    // its last cell
  // Points whose footprint is stored, closed, and whose floor is found by truncation.
  double inner_lower, inner_upper;
  std::int64_t inner_last;
  bool is_single;  // there is no slope along a single pixel

  Axis(const SamplerView& sampler, std::int64_t count, int taps, int before)
      : count(count), pad(sampler.pad) {
    const bool is_bounded = sampler.domain != Domain::unbounded;
    const bool is_support = sampler.domain == Domain::support;
    is_single = is_bounded && count == 1;
    lower = is_support ? before : 0;
    last = is_support ? count - taps + before : count - 2;
    upper = static_cast<double>(last + 1);
    if (is_single) last = 0;
    if (!is_bounded) {
      // Beyond 2^53 a double does not tell neighboring pixels apart.
      upper = 0x1p53;
      lower = -upper;
      last = INT64_MAX;
    }
    const std::int64_t first_stored = before > pad ? before - pad : 0;
    const std::int64_t last_stored = count + pad - taps + before;
    inner_lower = max(lower, static_cast<double>(first_stored));
    inner_upper = min(upper, static_cast<double>(is_bounded ? last_stored + 1 : last_stored));
    inner_last = min(last, last_stored);
    if (is_single || last_stored < first_stored) inner_upper = -1;  // there is none
  }

  bool contains(double x) const { return x >= lower && x <= upper; }
  bool is_inner(double x) const { return x >= inner_lower && x <= inner_upper; }
  std::int64_t cell(double x) const {
    return min(static_cast<std::int64_t>(__builtin_floor(x)), last);
  }
  std::int64_t inner_cell(double x) const { return min(static_cast<std::int64_t>(x), inner_last); }

  // Counted from the first pixel stored, as `index` is from the first pixel of the image.
  std::int64_t stored(Boundary boundary, std::int64_t index) const {
    return stored_index(boundary, index + pad, count + 2 * pad);
  }
};

// A footprint that leaves the image is copied tap by tap and then sampled like any other.
template <class K, class T, int order>
[[gnu::noinline, gnu::flatten]] bool sample_border(const SamplerView& sampler, const Axis& along_x,
                                                   const Axis& along_y, double x, double y,
                                                   Real<T>* values, Real<T>* gradients) {
  using S = Real<T>;
  const Image& image = sampler.image;
  const std::byte* first_stored =
      image.data - sampler.pad * (image.row_stride + image.column_stride);
  const std::int64_t i = along_x.cell(x);
  const std::int64_t j = along_y.cell(y);
  std::int64_t columns[K::taps];
  for (int c = 0; c < K::taps; ++c)
    columns[c] = along_x.stored(sampler.boundary, i - K::before + c);

  S taps[K::taps][K::taps];
  Image copy;
  copy.row_stride = sizeof taps[0];
  bool valid = true;
  for (std::int64_t channel = 0; channel < image.channels; ++channel) {
    for (int r = 0; r < K::taps; ++r) {
      const std::int64_t row = along_y.stored(sampler.boundary, j - K::before + r);
      const std::byte* pixels =
          first_stored + channel * image.channel_stride + row * image.row_stride;
      for (int c = 0; c < K::taps; ++c) {
        const bool is_pixel = row != no_pixel && columns[c] != no_pixel;
        taps[r][c] = static_cast<S>(
            is_pixel ? *reinterpret_cast<const T*>(pixels + columns[c] * image.column_stride)
                     : sampler.cval);
      }
    }
    valid &= sample_footprint<K, S, 1, order>(
        copy, reinterpret_cast<const std::byte*>(taps), static_cast<S>(x - static_cast<double>(i)),
        static_cast<S>(y - static_cast<double>(j)), values + channel, gradients);
    if constexpr (order > 0) {
      if (along_x.is_single) gradients[0] = 0;
      if (along_y.is_single) gradients[1] = 0;
      gradients += 2;
    }
  }
  return valid;
}

// `channels` as in sample_footprint. Order 0 writes values, order 1 gradients too.
template <class K, class T, int channels, int order>
[[gnu::flatten]] void sample_points(const SamplerView& sampler, const PointsView& points,
                                    const SamplesView& out) {
  using S = Real<T>;
  const Image image = sampler.image;  // a copy, which no store through a pointer can change
  const std::int64_t n_channels = channels > 0 ? channels : image.channels;
  const std::int64_t column_stride = channels > 0 ? channels * sizeof(T) : image.column_stride;
  const Axis along_x(sampler, image.width, K::taps, K::before);
  const Axis along_y(sampler, image.height, K::taps, K::before);
  const auto fill = static_cast<S>(sampler.fill);
  S* values = static_cast<S*>(out.values);
  S* gradients = static_cast<S*>(out.gradients);
  for (std::int64_t k = 0; k < points.count; ++k) {
    const double x = points.data[k * points.point_stride];
    const double y = points.data[k * points.point_stride + points.axis_stride];
    bool valid = false;
    if (along_x.is_inner(x) && along_y.is_inner(y)) [[likely]] {
      const std::int64_t i = along_x.inner_cell(x);
      const std::int64_t j = along_y.inner_cell(y);
      const std::byte* first =
          image.data + (j - K::before) * image.row_stride + (i - K::before) * column_stride;
      valid = sample_footprint<K, T, channels, order>(
          image, first, static_cast<S>(x - static_cast<double>(i)),
          static_cast<S>(y - static_cast<double>(j)), values, gradients);
    } else if (along_x.contains(x) && along_y.contains(y)) {
      valid = sample_border<K, T, order>(sampler, along_x, along_y, x, y, values, gradients);
    }
    if (!valid) [[unlikely]] {
      for (std::int64_t c = 0; c < n_channels; ++c) values[c] = fill;
      if constexpr (order > 0)
        for (std::int64_t c = 0; c < 2 * n_channels; ++c) gradients[c] = 0;
    }
    if (out.valid) out.valid[k] = valid;
    values += n_channels;
    if constexpr (order > 0) gradients += 2 * n_channels;
  }
}

PHOTALIGN_ISA_END
