// Where a warp that is no 3x3 matrix takes the pixels of the reference, and how its parameters move
// them. Plain data between the hot files, which read it, and `pixel_mapper.hpp`, which makes it.
#pragma once

#include <cstddef>
#include <cstdint>

namespace photalign {

// Pixel (x + i, y + j) of the reference is at [j * stride + i]. Everything but positions is finite,
// and may be read a vector beyond the last pixel.
struct MappedPixels {
  std::int64_t x = 0, y = 0;
  std::int64_t stride = 0;
  const double* position[2] = {};  // in the moving image; NaN where there is none
  const float* frame[2][2] = {};   // of the position by the pixel's coordinates
  const float* inverse = nullptr;  // of the frame's determinant, for motions in pixels of the level
  const float* motion = nullptr;   // (parameter, axis): of the position, at full resolution
  std::int64_t plane = 0;          // floats between two of its planes

  std::int64_t at(std::int64_t column, std::int64_t row) const {
    return (row - y) * stride + (column - x);
  }
  const float* motion_of(int parameter, int axis) const {
    return motion + (2 * parameter + axis) * plane;
  }
};

// The pixels of a rectangle after another, with their points mapped but not yet looked at. Planes
// have room for a vector more.
struct MappedStrip {
  std::int64_t width = 0, height = 0;
  double* position[2] = {};
  float* frame[2][2] = {};
  float* inverse = nullptr;
  float* motion = nullptr;
  std::int64_t plane = 0;
  int parameters = 0;
  float scale = 1;  // pixels of the level per pixel at full resolution, in which motions are given
};

// Pixels [x, x + width) of rows [y, y + height), which are the points scale * x + shift.
struct PixelGrid {
  std::int64_t x = 0, y = 0, width = 0, height = 0;
  double scale = 1, shift = 0;
};

// Maps rectangles of the reference, one at a time, for one thread and one estimate.
struct PixelMapper {
  // With motions there are frames too. What was returned before is gone, unless it lies in the same
  // strip of pixels.
  MappedPixels (*map)(PixelMapper&, std::int64_t x, std::int64_t y, std::int64_t width,
                      std::int64_t height, bool with_motion) = nullptr;
  int parameters = 0;
  float* rows = nullptr;  // room for `motion_rows(parameters)` rows
  float* sums = nullptr;  // room for twice `motion_sums(parameters)` vectors of 64 bytes
};

// Sums over pixels that J'WJ is made of: products of column k of the Jacobian with column l >= k,
// then with the residual, the moving value and 1.
constexpr std::size_t motion_sums(std::size_t parameters) {
  return parameters * (parameters + 1) / 2 + 3 * parameters;
}
constexpr std::size_t motion_sum(std::size_t parameters, std::size_t k, std::size_t l) {
  return k * (parameters + 3) - k * (k - 1) / 2 + (l - k);
}
constexpr std::size_t motion_rows(std::size_t parameters) { return 2 * parameters + 2; }

}  // namespace photalign
