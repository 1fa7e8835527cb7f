// What the hot file `pyramid.cpp` offers to the rest of the core.
#pragma once

#include <cstdint>

#include "image.hpp"

namespace photalign {

struct PyramidFunctions {
  // Row `row` of one channel of the image at half the resolution, as floats, `offset` subtracted;
  // NaN where most of the footprint is invalid. `room` takes 5 * (width + 32) floats.
  void (*halve_row)(const Image& image, const Image& weight, std::int64_t channel, double offset,
                    std::int64_t row, float* room, float* out);
};

}  // namespace photalign
