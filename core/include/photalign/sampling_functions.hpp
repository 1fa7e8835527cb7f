// What the hot file `sampling.cpp` offers to the rest of the core: plain data in, plain data out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "boundary.hpp"
#include "choices.hpp"
#include "image.hpp"

namespace photalign {

// Where samples are valid, both ends included:
//   image      [0, W-1] x [0, H-1]
//   support    every pixel that the kernel weighs lies in the image
//   unbounded  everywhere; what the boundary makes up is data
enum class Domain : int { image, support, unbounded };

// An image and everything that makes a function of it. Integer images and float32 are computed in
// float32, float64 in float64.
struct SamplerView {
  Image image;           // data is pixel (0, 0), the one that point (0, 0) hits
  std::int64_t pad = 0;  // so many more pixels are stored on each side (prefiltered splines)
  Kernel kernel = Kernel::linear;
  Boundary boundary = Boundary::mirror;
  Domain domain = Domain::image;
  double cval = 0;  // of Boundary::constant
  double fill = 0;  // the value of invalid samples; their gradient is 0
};

// Points (x, y); strides count doubles.
struct PointsView {
  const double* data = nullptr;
  std::int64_t count = 0;
  std::int64_t point_stride = 2;
  std::int64_t axis_stride = 1;
};

// Where results go, all C-contiguous: values [point][channel], gradients [point][channel][x, y],
// both of the type computed in; `valid` one byte a point. The last two may be null.
struct SamplesView {
  void* values = nullptr;
  void* gradients = nullptr;
  std::uint8_t* valid = nullptr;
};

// An image to be written, of any type: pixel (x, y) shows the sampler at matrix * (x, y, 1), and
// nothing where the last component of that is not positive. Integers are rounded half to even and
// saturated.
struct ResampledView {
  void* data = nullptr;  // C-contiguous, [row][column][channel]
  DType dtype = DType::u8;
  std::int64_t height = 0;
  std::int64_t width = 0;
  double matrix[9] = {};
  std::uint8_t* valid = nullptr;  // C-contiguous, one byte a pixel, or null
};

// Lines to be filtered in place. Strides count elements.
struct LinesView {
  void* data = nullptr;
  bool is_double = false;  // else float
  std::int64_t lines = 0;  // at most lines_at_once
  std::int64_t line_stride = 0;
  std::int64_t length = 0;
  std::int64_t stride = 0;
};
inline constexpr int lines_at_once = 32;

// The inverse of a sampled B-spline.
struct SplineFilter {
  double poles[2];
  int count;
  double gain;
};

struct SamplingFunctions {
  void (*sample)(const SamplerView&, const PointsView&, const SamplesView&);
  std::size_t (*resample_scratch)(const SamplerView&);  // bytes
  void (*resample_row)(const SamplerView&, const ResampledView&, std::int64_t row, void* scratch);
  // The scratch is lines_at_once * length doubles.
  void (*filter_lines)(const LinesView&, const SplineFilter&, double* scratch);
};

}  // namespace photalign
