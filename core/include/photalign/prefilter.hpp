// From pixels to the coefficients of the B-spline that passes through them, for arrays of 1 to 3
// dimensions, on several threads and interruptibly. The results do not depend on the number of
// threads.
#pragma once

#include <cstdint>

#include "boundary.hpp"
#include "parallel.hpp"

namespace photalign {

inline constexpr int max_dimensions = 3;

// Pixels of floats, C-contiguous: `dimensions` axes, then the channels.
struct FloatImage {
  void* data = nullptr;
  bool is_double = false;
  int dimensions = 2;
  std::int64_t shape[max_dimensions] = {};
  std::int64_t channels = 1;
};

constexpr bool is_spline_degree(int degree) { return degree == 2 || degree == 3 || degree == 5; }

// The boundaries that the filter knows. For others pad the image first, with what the boundary puts
// there, by `prefilter_padding` pixels, and filter it with `mirror`: farther away the coefficients
// are constant.
constexpr bool is_filter_boundary(Boundary boundary) {
  return boundary == Boundary::mirror || boundary == Boundary::reflect ||
         boundary == Boundary::wrap;
}

// Replaces the pixels by the coefficients of the B-spline of degree 2, 3 or 5 that passes through
// them and continues as the boundary says.
//
// The filter is infinite. Pixels that are not finite are therefore filled from their neighbors
// before it, and coefficients in which they weigh more than 0.001 are NaN after it.
void prefilter(const FloatImage& image, int degree, Boundary boundary, const Execution& execution);

// Applies the transpose of that filter: for all images x and y,
// <prefilter(x), y> = <x, prefilter_adjoint(y)>. What is not finite spreads.
void prefilter_adjoint(const FloatImage& image, int degree, Boundary boundary,
                       const Execution& execution);

// That filter alone, or its transpose, of numbers that are all finite; what is not spreads. With
// `is_absolute` its response to a pixel is the absolute value of what it would be.
struct LinearFilter {
  int degree = 3;
  Boundary boundary = Boundary::mirror;
  bool is_transposed = false;
  bool is_absolute = false;
};
void filter_linearly(const FloatImage& image, const LinearFilter& filter,
                     const Execution& execution);

// Fills pixels that are not valid from their neighbors, as `prefilter` does; or the transpose of
// that, which hands what these are to the neighbors. `is_valid` is one byte a pixel.
void fill_invalid(const FloatImage& image, const std::uint8_t* is_valid, bool is_transposed,
                  const Execution& execution);

// The distance at which a pixel's weight in a coefficient has fallen below 1e-17.
int prefilter_padding(int degree);

}  // namespace photalign
