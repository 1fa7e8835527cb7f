// The taps of neighboring points that lie close together, as those of a warped row do.
//
// Their footprints overlap: a few rows, two vectors of pixels wide, hold them all. Each row is
// loaded once and permuted for every tap, so that nothing is copied point by point.
#pragma once

#include "contraction.hpp"
#include "elements.hpp"

PHOTALIGN_ISA_BEGIN

// Rows that a window has beyond those of one footprint.
inline constexpr int max_span = 3;

// Where the window of a vector of inner points lies.
struct WindowPlace {
  Int column, row;      // of each footprint, from the first column and row of the window
  std::int64_t origin;  // bytes from pixel 0 to the window's first
  int span;

  // The first and the last point are taken for the extremes. False if the points do not fit.
  template <class S>
  bool find(const Prepared& sampler, const Located<S>& points, int group) {
    const auto x = load_vector<Int>(points.cell[0] + group);
    const auto y = load_vector<Int>(points.cell[1] + group);
    constexpr int last = lanes - 1;
    const std::int32_t x0 = x[0] < x[last] ? x[0] : x[last];
    const std::int32_t y0 = y[0] < y[last] ? y[0] : y[last];
    span = (y[0] < y[last] ? y[last] : y[0]) - y0;
    column = x - x0;
    row = y - y0;
    const Int fits =
        (column >= 0) & (column <= 2 * lanes - sampler.taps) & (row >= 0) & (row <= span);
    if (span > max_span || !all_true(fits)) return false;
    const Lattice& image = sampler.view.image;
    origin = sampler.first_tap + x0 * image.stride[0] + y0 * image.stride[1];
    return origin + max(std::int64_t{0}, span * image.stride[1]) <= sampler.last_window;
  }
};

template <class T, int taps, int span>
class Window {
 public:
  static constexpr bool has_fractions = has_nan<T>;

  Window(const Prepared& sampler, const std::byte* data, const WindowPlace& place)
      : row_(place.row) {
    const std::byte* from = data + place.origin;
#pragma GCC unroll 9
    for (int j = 0; j < taps + span; ++j, from += sampler.view.image.stride[1]) {
      const T* pixels = reinterpret_cast<const T*>(from);
      const Float low = load_as_float(pixels);
      const Float high = load_as_float(pixels + lanes);
#pragma GCC unroll 6
      for (int k = 0; k < taps; ++k) pixels_[j][k] = lookup(low, high, place.column + k);
    }
  }

  struct Row {
    const Window& window;
    int row;
    [[gnu::always_inline]] Channels<Float, 1> operator()(int k) const {
      Float p = window.pixels_[row][k];
#pragma GCC unroll 3
      for (int e = 1; e <= span; ++e) p = select(window.row_ == e, window.pixels_[row + e][k], p);
      return {{p}};
    }
  };
  [[gnu::always_inline]] Row operator()(int row) const { return {*this, row}; }

 private:
  Float pixels_[taps + span][taps];
  Int row_;
};

PHOTALIGN_ISA_END
