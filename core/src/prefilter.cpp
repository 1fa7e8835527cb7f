#include <algorithm>
#include <atomic>
#include <cmath>
#include <limits>
#include <vector>

#include "photalign/sampler.hpp"
#include "photalign/variants.hpp"

namespace photalign {
namespace {

// The poles are the roots inside the unit circle of 1 + 4z + z^2 and of
// 1 + 26z + 66z^2 + 26z^3 + z^4; the gains make the filter keep a constant.
SplineFilter spline_filter(int degree) {
  if (degree == 3) return {{-0.26794919243112270647}, 1, 6};
  return {{-0.43057534709997379185, -0.043096288203264653823}, 2, 120};
}

// The filter whose response to a pixel is the absolute value of the given one's.
SplineFilter absolute(SplineFilter filter) {
  for (int p = 0; p < filter.count; ++p) {
    filter.poles[p] = -filter.poles[p];
    filter.gain = -filter.gain;
  }
  return filter;
}

// Filters the rows, then the columns.
void filter_image(const FloatImage& image, const SplineFilter& filter, const Execution& execution) {
  const auto filter_lines = variant().sampling->filter_lines;
  const std::int64_t row_size = image.width * image.channels;
  const auto longest = static_cast<std::size_t>(std::max(image.height, image.width));
  std::vector<std::vector<double>> scratch(static_cast<std::size_t>(execution.threads));

  const auto filter_all = [&](std::int64_t lines, LinesView view, std::int64_t planes) {
    const std::int64_t blocks = (lines + lines_at_once - 1) / lines_at_once;
    parallel_for(execution, blocks * planes, [&](std::int64_t i, int worker) {
      std::vector<double>& mine = scratch[static_cast<std::size_t>(worker)];
      mine.resize(lines_at_once * longest);
      const std::int64_t first = i / planes * lines_at_once;
      const std::int64_t element = first * view.line_stride + i % planes;
      LinesView some = view;
      some.data = static_cast<std::byte*>(image.data) + element * (image.is_double ? 8 : 4);
      some.lines = std::min<std::int64_t>(lines_at_once, lines - first);
      filter_lines(some, filter, mine.data());
    });
  };
  filter_all(image.height,
             {.is_double = image.is_double,
              .line_stride = row_size,
              .length = image.width,
              .stride = image.channels},
             image.channels);
  filter_all(
      row_size,
      {.is_double = image.is_double, .line_stride = 1, .length = image.height, .stride = row_size},
      1);
}

// Items, each of `size` elements, that are not known become a line between the nearest that are.
template <class T>
void fill_gaps(T* items, std::int64_t size, const std::vector<bool>& is_known) {
  const std::size_t count = is_known.size();
  for (std::size_t end = 0; end < count; ++end) {
    const std::size_t begin = end;
    while (end < count && !is_known[end]) ++end;
    if (begin == 0 && end == count) return;  // nothing is known
    const std::size_t before = begin > 0 ? begin - 1 : end;
    const std::size_t after = end < count ? end : before;
    const T* a = items + static_cast<std::int64_t>(before) * size;
    const T* b = items + static_cast<std::int64_t>(after) * size;
    for (std::size_t k = begin; k < end; ++k) {
      const T t = after > before ? static_cast<T>(k - before) / static_cast<T>(after - before) : 0;
      T* item = items + static_cast<std::int64_t>(k) * size;
      for (std::int64_t e = 0; e < size; ++e) item[e] = (1 - t) * a[e] + t * b[e];
    }
  }
}

// An image of floats with what is done to it before and after the filter when some pixels are
// invalid.
template <class T>
class Pixels {
 public:
  explicit Pixels(const FloatImage& image)
      : data_(static_cast<T*>(image.data)),
        height_(static_cast<std::size_t>(image.height)),
        width_(static_cast<std::size_t>(image.width)),
        channels_(image.channels) {}

  bool all_finite(const Execution& execution) const {
    std::atomic<bool> all = true;
    parallel_for(execution, static_cast<std::int64_t>(height_), [&](std::int64_t y, int) {
      const T* row = this->row(static_cast<std::size_t>(y));
      int any = 0;
      for (std::int64_t k = 0; k < row_size(); ++k) any |= row[k] * 0 != 0;
      if (any) all = false;
    });
    return all;
  }

  // Fills pixels that are not finite; the result is 1 where they were and 0 elsewhere.
  std::vector<T> fill() {
    std::vector<T> invalid(height_ * width_);
    std::vector<bool> is_known(width_), row_is_known(height_);
    for (std::size_t y = 0; y < height_; ++y) {
      for (std::size_t x = 0; x < width_; ++x) {
        const T* pixel = row(y) + static_cast<std::int64_t>(x) * channels_;
        is_known[x] = std::all_of(pixel, pixel + channels_, [](T v) { return std::isfinite(v); });
        if (is_known[x]) row_is_known[y] = true;
        invalid[y * width_ + x] = is_known[x] ? 0 : 1;
      }
      fill_gaps(row(y), channels_, is_known);
    }
    fill_gaps(data_, row_size(), row_is_known);
    return invalid;
  }

  void invalidate(const std::vector<T>& weight_of_invalid) {
    T* pixel = data_;
    for (const T weight : weight_of_invalid) {
      if (weight > T(1e-3)) std::fill_n(pixel, channels_, std::numeric_limits<T>::quiet_NaN());
      pixel += channels_;
    }
  }

 private:
  std::int64_t row_size() const { return static_cast<std::int64_t>(width_) * channels_; }
  T* row(std::size_t y) const { return data_ + static_cast<std::int64_t>(y) * row_size(); }

  T* data_;
  std::size_t height_, width_;
  std::int64_t channels_;
};

template <class T>
void prefilter(const FloatImage& image, const SplineFilter& filter, const Execution& execution) {
  Pixels<T> pixels(image);
  if (pixels.all_finite(execution)) return filter_image(image, filter, execution);
  std::vector<T> invalid = pixels.fill();
  filter_image(image, filter, execution);
  filter_image({invalid.data(), image.is_double, image.height, image.width, 1}, absolute(filter),
               execution);
  pixels.invalidate(invalid);
}

}  // namespace

void prefilter(const FloatImage& image, int degree, const Execution& execution) {
  const SplineFilter filter = spline_filter(degree);
  if (image.is_double) return prefilter<double>(image, filter, execution);
  return prefilter<float>(image, filter, execution);
}

int prefilter_padding(int degree) {
  return static_cast<int>(std::ceil(std::log(1e-17) / std::log(-spline_filter(degree).poles[0])));
}

}  // namespace photalign
