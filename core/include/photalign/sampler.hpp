// Samples points and resamples images, on several threads and interruptibly. The results do not
// depend on the number of threads.
#pragma once

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

// The adjoint of that: pulled[point][axis] is the sum over the channels of cotangents
// [point][channel] times the gradient.
void pull_back(const SamplerView& sampler, const PointsView& points, const void* cotangents,
               void* pulled, const Execution& execution);

// The adjoint of sampling in the image: adds to a C-contiguous array of all that is stored, padding
// included, [z][y][x][channel]. On one thread, so that the order of the additions is fixed.
void scatter(const SamplerView& sampler, const PointsView& points, const double* cotangents,
             double* image, const Execution& execution);

// The same where it is known which samples are valid: the pixels are not looked at, and there need
// not be any.
void scatter_valid(const SamplerView& sampler, const PointsView& points, const std::uint8_t* valid,
                   const double* cotangents, double* image);

}  // namespace photalign
