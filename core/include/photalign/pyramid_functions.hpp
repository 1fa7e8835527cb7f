// What the hot file `pyramid.cpp` offers to the rest of the core.
#pragma once

#include <cstdint>

#include "image.hpp"

namespace photalign {

// Rows [first, last) of a plane of floats that is to be made, each `stride` floats after the one
// before. Whole vectors are written: a row has room for a multiple of 16.
struct HalvedRows {
  float* data = nullptr;  // of row 0 of channel 0
  std::int64_t stride = 0;
  std::int64_t channel_stride = 0;
  std::int64_t first = 0, last = 0;
  bool may_be_invalid = true;  // the pixels that they are made of; false saves looking
};

struct PyramidFunctions {
  // All channels of the image at half the resolution, `offset` subtracted; NaN where most of the
  // footprint is invalid. `room` takes halving_floats(width) and
  // starts on a cache line.
  void (*halve_rows)(const Image& image, const Image& weight, double offset, float* room,
                     const HalvedRows& out);
};

// A row and its validity, four of both at half the width, and the share at the ends.
inline constexpr std::int64_t halving_margin = 64;
inline constexpr std::int64_t halving_floats(std::int64_t width) {
  return 2 * (width + 3 * halving_margin) + 9 * (width / 2 + halving_margin);
}

}  // namespace photalign
