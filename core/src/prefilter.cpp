#include "photalign/prefilter.hpp"

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <vector>

#include "photalign/filtering_functions.hpp"
#include "photalign/variants.hpp"

namespace photalign {
namespace {

// The poles are the roots inside the unit circle of 1 + 6z + z^2, 1 + 4z + z^2 and
// 1 + 26z + 66z^2 + 26z^3 + z^4; the gains make the filter keep a constant.
SplineFilter spline_filter(int degree, Boundary boundary) {
  if (degree == 2)
    return {.poles = {-0.17157287525380990240}, .count = 1, .gain = 8, .boundary = boundary};
  if (degree == 3)
    return {.poles = {-0.26794919243112270647}, .count = 1, .gain = 6, .boundary = boundary};
  return {.poles = {-0.43057534709997379185, -0.043096288203264653823},
          .count = 2,
          .gain = 120,
          .boundary = boundary};
}

// The filter whose response to a pixel is the absolute value of the given one's. Where responses of
// different sign meet again behind the boundary, it is the sum of their absolute values.
SplineFilter absolute(SplineFilter filter) {
  for (int p = 0; p < filter.count; ++p) {
    filter.poles[p] = -filter.poles[p];
    filter.gain = -filter.gain;
  }
  return filter;
}

std::int64_t pixel_count(const FloatImage& image) {
  std::int64_t count = 1;
  for (int axis = 0; axis < image.dimensions; ++axis) count *= image.shape[axis];
  return count;
}

// Filters along the last axis, then along the one before, ...
void filter_image(const FloatImage& image, const SplineFilter& filter, const Execution& execution) {
  const auto filter_lines = variant().filtering->filter_lines;
  const std::int64_t size = pixel_count(image) * image.channels;
  std::vector<std::vector<double>> scratch(
      static_cast<std::size_t>(std::max(execution.threads, 1)));
  std::int64_t inner = image.channels;
  for (int axis = image.dimensions - 1; axis >= 0; --axis) {
    const std::int64_t length = image.shape[axis];
    const std::int64_t lines = size / length;
    const std::int64_t together = lines_at_once(lines, length);
    const std::int64_t blocks = (lines + together - 1) / together;
    parallel_for(execution, blocks, [&](std::int64_t block, int worker) {
      std::vector<double>& mine = scratch[static_cast<std::size_t>(worker)];
      const auto needed = static_cast<std::size_t>(together * length) + 8;
      if (mine.size() < needed) mine.resize(needed);
      void* aligned = mine.data();  // to a cache line, which makes vectors fast
      std::size_t room = mine.size() * sizeof(double);
      std::align(64, (needed - 8) * sizeof(double), aligned, room);
      const std::int64_t first = block * together;
      filter_lines({.data = image.data,
                    .is_double = image.is_double,
                    .length = length,
                    .inner = inner,
                    .first = first,
                    .count = std::min(together, lines - first)},
                   filter, together, static_cast<double*>(aligned));
    });
    inner *= length;
  }
}

// Items, each of `size` elements, that are not known become a line between the nearest that are; or
// what they are is handed to these, transposed. If none is known nothing is done.
template <class T>
void fill_gaps(T* items, std::int64_t size, const std::uint8_t* is_known, std::int64_t count,
               bool is_transposed) {
  for (std::int64_t end = 0; end < count; ++end) {
    const std::int64_t begin = end;
    while (end < count && !is_known[end]) ++end;
    if (begin == 0 && end == count) return;
    const std::int64_t before = begin > 0 ? begin - 1 : end;
    const std::int64_t after = end < count ? end : before;
    T* a = items + before * size;
    T* b = items + after * size;
    for (std::int64_t k = begin; k < end; ++k) {
      const T t = after > before ? static_cast<T>(k - before) / static_cast<T>(after - before) : 0;
      T* item = items + k * size;
      for (std::int64_t e = 0; e < size; ++e) {
        if (is_transposed) {
          a[e] += (1 - t) * item[e];
          b[e] += t * item[e];
          item[e] = 0;
        } else {
          item[e] = (1 - t) * a[e] + t * b[e];
        }
      }
    }
  }
}

// Along the last axis; what no line along it can fill is filled between such lines, then between
// planes. The transpose goes the other way.
template <class T>
void fill_image(const FloatImage& image, const std::uint8_t* is_known, bool is_transposed,
                const Execution& execution) {
  const int dimensions = image.dimensions;
  // Which items are known on each level: pixels, lines, planes.
  std::vector<std::vector<std::uint8_t>> known(static_cast<std::size_t>(dimensions));
  std::int64_t items = pixel_count(image);
  known[0].assign(is_known, is_known + items);
  for (int level = 1; level < dimensions; ++level) {
    const std::int64_t length = image.shape[dimensions - level];
    items /= length;
    const std::vector<std::uint8_t>& below = known[static_cast<std::size_t>(level) - 1];
    std::vector<std::uint8_t>& here = known[static_cast<std::size_t>(level)];
    here.resize(static_cast<std::size_t>(items));
    for (std::int64_t i = 0; i < items; ++i) {
      const auto line = below.begin() + i * length;
      here[static_cast<std::size_t>(i)] = std::any_of(line, line + length, std::identity());
    }
  }
  for (int step = 0; step < dimensions; ++step) {
    const int level = is_transposed ? dimensions - 1 - step : step;
    const std::int64_t length = image.shape[dimensions - 1 - level];
    std::int64_t size = image.channels;
    for (int axis = dimensions - level; axis < dimensions; ++axis) size *= image.shape[axis];
    const std::vector<std::uint8_t>& here = known[static_cast<std::size_t>(level)];
    parallel_for(execution, static_cast<std::int64_t>(here.size()) / length,
                 [&](std::int64_t line, int) {
                   fill_gaps(static_cast<T*>(image.data) + line * length * size, size,
                             here.data() + line * length, length, is_transposed);
                 });
  }
}

// An image of floats with what is done to it before and after the filter when some pixels are
// invalid.
template <class T>
class Pixels {
 public:
  Pixels(const FloatImage& image, const Execution& execution)
      : image_(image),
        execution_(execution),
        data_(static_cast<T*>(image.data)),
        count_(pixel_count(image)) {}

  bool all_finite() const {
    std::atomic<bool> all = true;
    in_pieces(count_ * image_.channels, [&](std::int64_t begin, std::int64_t end) {
      int any = 0;
      for (std::int64_t k = begin; k < end; ++k) any |= data_[k] * 0 != 0;
      if (any) all = false;
    });
    return all;
  }

  // Fills pixels that are not finite; the result is 1 where they were and 0 elsewhere.
  std::vector<T> fill() {
    std::vector<T> invalid(static_cast<std::size_t>(count_));
    std::vector<std::uint8_t> is_known(static_cast<std::size_t>(count_));
    in_pieces(count_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k) {
        const bool known =
            std::all_of(pixel(k), pixel(k + 1), [](T v) { return std::isfinite(v); });
        is_known[static_cast<std::size_t>(k)] = known;
        invalid[static_cast<std::size_t>(k)] = known ? 0 : 1;
      }
    });
    fill_image<T>(image_, is_known.data(), false, execution_);
    return invalid;
  }

  void invalidate(const std::vector<T>& weight_of_invalid) {
    in_pieces(count_, [&](std::int64_t begin, std::int64_t end) {
      for (std::int64_t k = begin; k < end; ++k)
        if (weight_of_invalid[static_cast<std::size_t>(k)] > T(1e-3))
          std::fill_n(pixel(k), image_.channels, std::numeric_limits<T>::quiet_NaN());
    });
  }

 private:
  T* pixel(std::int64_t k) const { return data_ + k * image_.channels; }

  // Calls body(begin, end) for pieces of [0, count).
  template <class Body>
  void in_pieces(std::int64_t count, const Body& body) const {
    constexpr std::int64_t piece = 65536;
    parallel_for(execution_, (count + piece - 1) / piece,
                 [&](std::int64_t i, int) { body(i * piece, std::min((i + 1) * piece, count)); });
  }

  FloatImage image_;
  const Execution& execution_;
  T* data_;
  std::int64_t count_;
};

template <class T>
void prefilter(const FloatImage& image, const SplineFilter& filter, const Execution& execution) {
  Pixels<T> pixels(image, execution);
  if (pixels.all_finite()) return filter_image(image, filter, execution);
  std::vector<T> invalid = pixels.fill();
  filter_image(image, filter, execution);
  FloatImage weight = image;
  weight.data = invalid.data();
  weight.channels = 1;
  filter_image(weight, absolute(filter), execution);
  pixels.invalidate(invalid);
}

}  // namespace

void prefilter(const FloatImage& image, int degree, Boundary boundary, const Execution& execution) {
  if (pixel_count(image) * image.channels == 0) return;
  const SplineFilter filter = spline_filter(degree, boundary);
  if (image.is_double) return prefilter<double>(image, filter, execution);
  return prefilter<float>(image, filter, execution);
}

void prefilter_adjoint(const FloatImage& image, int degree, Boundary boundary,
                       const Execution& execution) {
  filter_linearly(image, {.degree = degree, .boundary = boundary, .is_transposed = true},
                  execution);
}

void filter_linearly(const FloatImage& image, const LinearFilter& linear,
                     const Execution& execution) {
  if (pixel_count(image) * image.channels == 0) return;
  SplineFilter filter = spline_filter(linear.degree, linear.boundary);
  if (linear.is_absolute) filter = absolute(filter);
  filter.is_transposed = linear.is_transposed;
  filter_image(image, filter, execution);
}

void fill_invalid(const FloatImage& image, const std::uint8_t* is_valid, bool is_transposed,
                  const Execution& execution) {
  if (std::all_of(is_valid, is_valid + pixel_count(image), std::identity())) return;
  if (image.is_double) return fill_image<double>(image, is_valid, is_transposed, execution);
  return fill_image<float>(image, is_valid, is_transposed, execution);
}

int prefilter_padding(int degree) {
  const double pole = -spline_filter(degree, Boundary::mirror).poles[0];
  return static_cast<int>(std::ceil(std::log(1e-17) / std::log(pole)));
}

}  // namespace photalign
