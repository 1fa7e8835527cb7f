// Samples points and resamples images, on several threads and interruptibly. The results do not
// depend on the number of threads.
#pragma once

#include <vector>

#include "grid_functions.hpp"
#include "parallel.hpp"
#include "sampling_functions.hpp"

namespace photalign {

void sample(const SamplerView& sampler, const PointsView& points, const SamplesView& out,
            const Execution& execution);

// At the points that the pixels of an image show.
void sample_scene(const SamplerView& sampler, const SceneView& scene, const SamplesView& out,
                  const Execution& execution);

// At the points of a grid, with gradients.
void sample_grid(const SamplerView& sampler, const GridView& grid, const SamplesView& out,
                 const Execution& execution);

void resample(const SamplerView& sampler, const SceneView& scene, const ResampledView& out,
              const Execution& execution);

// How samples change with the points: changes[p][point][channel] is the gradient times the tangent
// tangents[p][point][axis]. Values are written too, and validity unless null. All are C-contiguous,
// of the type computed in.
void push_forward(const SamplerView& sampler, const PointsView& points, const void* tangents,
                  std::int64_t n_tangents, void* values, void* changes, std::uint8_t* valid,
                  const Execution& execution);

// A number for each point, data[point * stride], float or double, or the same one everywhere if
// data is null: how one coordinate of the points moves with one parameter. The stride counts
// numbers.
struct SparseTangent {
  std::int64_t row = 0;  // of the changes
  int axis = 0;          // of the points
  const void* data = nullptr;
  bool is_double = false;
  std::int64_t stride = 0;
  double number = 0;
};

// In the order of their rows, and of the axes within one. Coordinates that do not move are left
// out, but each row has one that does.
using SparseTangents = std::vector<SparseTangent>;

// Points whose coordinates are apart; row and axis of these mean nothing.
struct MovingPoints {
  const std::vector<SparseTangent>& coordinates;
  bool is_double = true;  // else all are float
  std::int64_t count = 0;
};

// The same as push_forward for tangents of which most are 0: changes[row][point][channel] is the
// sum over the tangents of that row.
void push_sparse(const SamplerView& sampler, const MovingPoints& points,
                 const SparseTangents& tangents, void* values, void* changes, std::uint8_t* valid,
                 const Execution& execution);

// The adjoint of push_forward: pulled[point][axis] is the sum over the channels of cotangents
// [point][channel] times the gradient.
void pull_back(const SamplerView& sampler, const PointsView& points, const void* cotangents,
               void* pulled, const Execution& execution);

// The same from gradients [point][channel][axis] that are there already.
struct Contraction {
  const void* gradients = nullptr;
  const void* cotangents = nullptr;
  const std::uint8_t* valid = nullptr;
  bool is_double = true;  // else float, both of them
  std::int64_t count = 0;
  std::int64_t channels = 1;
  int dimension = 2;
  void* pulled = nullptr;
  bool pulls_double = true;  // else float
};
void contract(const Contraction& task);

// The adjoint of sampling in the image: adds to a C-contiguous array of all that is stored, padding
// included, [z][y][x][channel]. On one thread, so that the order of the additions is fixed. Which
// points are valid is found by sampling, unless it is known and `valid` not null: then the pixels
// are not looked at, and there need not be any.
void scatter(const SamplerView& sampler, const PointsView& points, const std::uint8_t* valid,
             const double* cotangents, double* image, const Execution& execution);

}  // namespace photalign
