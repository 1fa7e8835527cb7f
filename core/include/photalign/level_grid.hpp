// The pixels of a level, and where they are at full resolution.
#pragma once

#include <algorithm>
#include <cstdint>

#include "matrix.hpp"

namespace photalign {

// Pixel x of a level is the point scale * x + shift of level 0.
struct LevelGrid {
  std::int64_t width = 0, height = 0;
  double scale = 1, shift = 0;

  // The center of pixel 0 of level l is at (2^l - 1) / 2.
  LevelGrid() = default;
  LevelGrid(std::int64_t w, std::int64_t h, int level)
      : width(w),
        height(h),
        scale(static_cast<double>(std::int64_t{1} << level)),
        shift((scale - 1) / 2) {}

  Point full(Point at_level) const {
    return {scale * at_level.x + shift, scale * at_level.y + shift};
  }
  Point center() const {
    return {(static_cast<double>(width) - 1) / 2, (static_cast<double>(height) - 1) / 2};
  }
  // Centered coordinates divided by this are in [-1, 1] along the longer side.
  double unit() const { return std::max(static_cast<double>(std::max(width, height)) / 2, 1.0); }
};

}  // namespace photalign
