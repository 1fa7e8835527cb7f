// Samples points, resamples images and prefilters them, on several threads and interruptibly. The
// results do not depend on the number of threads.
#pragma once

#include "parallel.hpp"
#include "sampling_functions.hpp"

namespace photalign {

void sample(const SamplerView& sampler, const PointsView& points, const SamplesView& out,
            const Execution& execution);

void resample(const SamplerView& sampler, const ResampledView& out, const Execution& execution);

// An image of floats, C-contiguous, [row][column][channel].
struct FloatImage {
  void* data = nullptr;
  bool is_double = false;
  std::int64_t height = 0;
  std::int64_t width = 0;
  std::int64_t channels = 1;
};

// Replaces the pixels by the coefficients of the B-spline of degree 3 or 5 that passes through
// them, the image being mirrored at its border. For other boundaries pad the image first, with what
// the boundary puts there, by `prefilter_padding` pixels: farther away the coefficients are
// constant.
//
// The filter is infinite. Pixels that are not finite are therefore filled from their neighbors
// before it, and coefficients in which they weigh more than 0.001 are NaN after it.
void prefilter(const FloatImage& image, int degree, const Execution& execution);

// The distance at which a pixel's weight in a coefficient has fallen below 1e-17.
int prefilter_padding(int degree);

}  // namespace photalign
