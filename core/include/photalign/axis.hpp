// One axis of a sampler: from coordinates to cells.
#pragma once

#include "boundary.hpp"
#include "sampling_functions.hpp"

PHOTALIGN_ISA_BEGIN

inline double min(double a, double b) { return a < b ? a : b; }
inline double max(double a, double b) { return a > b ? a : b; }
inline std::int64_t min(std::int64_t a, std::int64_t b) { return a < b ? a : b; }
inline std::int64_t max(std::int64_t a, std::int64_t b) { return a > b ? a : b; }

// A position x, counted in pixels, lies in the cell floor(x), or floor(x + 1/2) if cells are
// centered on pixels. But the upper end of a bounded domain belongs to the last cell before it, so
// that the last pixel has the slope that leads to it; unless the image goes on there (wrap).
struct Axis {
  std::int64_t count, pad;
  double origin, spacing;
  bool is_physical;     // coordinates of the sampler are not simply positions
  double rounding;      // how far that may move positions
  double shift;         // 1/2 where cells are centered on pixels
  double lower, upper;  // the domain, closed
  std::int64_t last;    // its last cell
  // Positions whose footprint is stored, closed; their floor is found by truncation.
  double inner_lower, inner_upper;
  std::int32_t inner_last;
  bool is_flat;  // there is no slope along a single pixel

  Axis() = default;

  Axis(const SamplerView& sampler, int axis, int taps, int before)
      : count(sampler.image.size[axis]),
        pad(sampler.pad),
        origin(sampler.origin[axis]),
        spacing(sampler.spacing[axis]),
        is_physical(false),
        rounding(1e-9 + 0x1p-50 * __builtin_fabs(origin / spacing)) {
    for (int a = 0; a < sampler.image.dimension; ++a)
      is_physical |= sampler.origin[a] != 0 || sampler.spacing[a] != 1;
    const bool is_centered = taps % 2 == 1;
    const bool is_bounded = sampler.domain != Domain::unbounded;
    shift = is_centered ? 0.5 : 0;
    is_flat = is_bounded && count == 1;
    lower = 0;
    upper = static_cast<double>(count - 1);
    last = is_centered || is_flat || sampler.boundary == Boundary::wrap ? count - 1 : count - 2;
    if (sampler.domain == Domain::support) {
      lower = max(lower, static_cast<double>(before) - shift);
      upper = min(upper, static_cast<double>(count - taps + before + 1) - shift);
      last = min(last, count - taps + before);
    }
    if (is_flat) last = 0;
    if (!is_bounded) {
      // Beyond 2^53 a double does not tell neighboring pixels apart, beyond 2^52 not half ones.
      upper = is_centered ? 0x1p52 : 0x1p53;
      lower = -upper;
      last = INT64_MAX;
    }
    const std::int64_t first_stored = max(std::int64_t{0}, before - pad);
    const std::int64_t last_stored = min(count + pad - taps + before, std::int64_t{1} << 30);
    inner_lower = max(lower, static_cast<double>(first_stored) - shift);
    inner_upper = upper;
    if (last_stored < last)
      inner_upper =
          min(upper, __builtin_nextafter(static_cast<double>(last_stored + 1) - shift, -1.0));
    inner_last = static_cast<std::int32_t>(min(last, last_stored));
    if (is_flat || last_stored < first_stored) {  // there is none
      inner_lower = 0;
      inner_upper = -1;
      inner_last = 0;
    }
  }

  double position(double coordinate) const {
    return is_physical ? snapped((coordinate - origin) / spacing) : coordinate;
  }

  // Positions that were computed, and that rounding alone has moved out of the image, are on its
  // border.
  double snapped(double x) const {
    const auto end = static_cast<double>(count - 1);
    if (x < 0) return x > -rounding ? 0 : x;
    return x > end && x < end + rounding ? end : x;
  }

  bool contains(double x) const { return x >= lower && x <= upper; }

  std::int64_t cell(double x) const {
    return min(static_cast<std::int64_t>(__builtin_floor(x + shift)), last);
  }

  // The pixel that stands for `index`, counted from the first one stored, or `no_pixel`.
  std::int64_t stored(Boundary boundary, std::int64_t index) const {
    return stored_index(boundary, index + pad, count + 2 * pad);
  }
};

PHOTALIGN_ISA_END
