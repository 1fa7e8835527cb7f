// What the hot file `sampling.cpp` offers to the rest of the core: plain data in, plain data out.
#pragma once

#include <cstddef>
#include <cstdint>

#include "boundary.hpp"
#include "choices.hpp"
#include "lattice.hpp"

namespace photalign {

// Where samples are valid, both ends included:
//   image      from the center of the first pixel to that of the last, along every axis
//   support    where besides every pixel that the kernel weighs lies in the image
//   unbounded  everywhere; what the boundary makes up is data
enum class Domain : int { image, support, unbounded };

// An image and everything that makes a function of it.
struct SamplerView {
  Lattice image;         // data is pixel 0 of every axis, the one that `origin` hits
  std::int64_t pad = 0;  // so many more pixels are stored on each side (prefiltered splines)
  Kernel kernel = Kernel::linear;
  Boundary boundary = Boundary::mirror;
  Domain domain = Domain::image;
  double cval = 0;   // of Boundary::constant
  double fill = 0;   // the value of invalid samples; their derivatives are 0
  double scale = 1;  // of values and derivatives
  double origin[max_dimension] = {};
  double spacing[max_dimension] = {1, 1, 1};
  // Points and derivatives are in the order of the array's axes: z, y, x.
  bool is_reversed = false;

  bool is_double() const { return needs_double(image.dtype); }
};

// Strides count numbers.
struct PointsView {
  const void* data = nullptr;
  bool is_double = true;  // else float
  std::int64_t count = 0;
  std::int64_t point_stride = 2;
  std::int64_t axis_stride = 1;
};

// Where results go, all C-contiguous and of the type computed in: values [point][channel],
// gradients [point][channel][axis], hessians [point][channel][axis][axis]. `valid` is one byte a
// point. All but the values may be null, the gradients only if the Hessians are.
struct SamplesView {
  void* values = nullptr;
  void* gradients = nullptr;
  void* hessians = nullptr;
  std::uint8_t* valid = nullptr;

  int order() const { return hessians ? 2 : gradients ? 1 : 0; }
};

// The points matrix * (x, y, 1) of the pixels of an image, homogeneous; nothing is seen where the
// last component of that is not positive.
struct SceneView {
  double matrix[9] = {};
  std::int64_t height = 0;
  std::int64_t width = 0;
};

// An image to be written, of any type, C-contiguous, [row][column][channel]. Integers are rounded
// half to even and saturated.
struct ResampledView {
  void* data = nullptr;
  DType dtype = DType::u8;
  std::uint8_t* valid = nullptr;  // C-contiguous, one byte a pixel, or null
};

struct SamplingFunctions {
  void (*sample)(const SamplerView&, const PointsView&, const SamplesView&);
  // Row by row. The samples are those of all rows.
  void (*sample_scene)(const SamplerView&, const SceneView&, std::int64_t row, const SamplesView&);
  // The scratch is resample_scratch(sampler) bytes.
  std::size_t (*resample_scratch)(const SamplerView&);
  void (*resample_row)(const SamplerView&, const SceneView&, std::int64_t row, const ResampledView&,
                       void* scratch);
  // Adds the weights of each valid point times its cotangents [point][channel] to the pixels of a
  // C-contiguous array of all that is stored, padding included, [z][y][x][channel].
  void (*scatter)(const SamplerView&, const PointsView&, const std::uint8_t* valid,
                  const double* cotangents, double* image);
};

}  // namespace photalign
