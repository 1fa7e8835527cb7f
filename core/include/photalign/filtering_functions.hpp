// What the hot file `filtering.cpp` offers to the rest of the core: plain data in, plain data out.
#pragma once

#include <cstdint>

#include "boundary.hpp"

namespace photalign {

// Lines to be filtered in place, some of those along one axis of a C-contiguous array of floats
// that has `inner` elements behind that axis. Line l begins at element
// (l / inner) * length * inner + l % inner, and its samples are `inner` elements apart.
struct LinesView {
  void* data = nullptr;  // of the array
  bool is_double = false;
  std::int64_t length = 0;
  std::int64_t inner = 1;
  std::int64_t first = 0;
  std::int64_t count = 0;  // at most lines_at_once(...)
};

// How many lines are filtered together: many, so that what is read of the array is side by side
// and the recursions run in vectors, but not more than there are, nor than caches hold.
inline constexpr std::int64_t lines_at_once(std::int64_t lines, std::int64_t length) {
  if (lines == 1) return 1;
  return lines > 8 && length <= 32768 ? 32 : 8;
}

// The inverse of a sampled B-spline, or its transpose.
struct SplineFilter {
  double poles[2] = {};
  int count = 1;
  double gain = 1;
  Boundary boundary = Boundary::mirror;  // or reflect, or wrap
  bool is_transposed = false;
};

struct FilteringFunctions {
  // `together` is what lines_at_once says; the scratch is so many times length doubles.
  void (*filter_lines)(const LinesView&, const SplineFilter&, std::int64_t together,
                       double* scratch);
};

}  // namespace photalign
