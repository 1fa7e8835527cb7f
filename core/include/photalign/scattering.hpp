// The adjoint of sampling: the weights of a point, times its cotangents, added to the pixels.
#pragma once

#include "footprint.hpp"

PHOTALIGN_ISA_BEGIN

// Adds what the points of a block put on the pixels of the C-contiguous array `image`
// [z][y][x][channel] of all that is stored. In double, whatever the image is made of: many points
// may meet on a pixel.
inline void scatter_block(const Prepared& sampler, const Located<double>& located,
                          const TapWeights<double>& weights, const std::uint8_t* valid,
                          const double* cotangents, double* image) {
  const Lattice& view = sampler.view.image;
  const std::int64_t channels = view.channels;
  const int dimension = view.dimension, taps = sampler.taps;
  const int ny = dimension > 1 ? taps : 1, nz = dimension > 2 ? taps : 1;
  for (int k = 0; k < located.count; ++k, cotangents += channels) {
    if (!valid[k]) continue;
    // The first element of each tap's pixel, or `no_pixel`.
    std::int64_t at[max_dimension][max_taps];
    std::int64_t step = channels;
    for (int a = 0; a < dimension; ++a) {
      const Axis& axis = sampler.axes[a];
      const std::int64_t first = axis.cell(located.position[a][k]) - sampler.before;
      for (int tap = 0; tap < taps; ++tap) {
        const std::int64_t index = axis.stored(sampler.view.boundary, first + tap);
        at[a][tap] = index == no_pixel ? no_pixel : index * step;
      }
      step *= axis.count + 2 * axis.pad;
    }
    for (int z = 0; z < nz; ++z) {
      for (int y = 0; y < ny; ++y) {
        const std::int64_t of_z = dimension > 2 ? at[2][z] : 0;
        const std::int64_t of_y = dimension > 1 ? at[1][y] : 0;
        if (of_z == no_pixel || of_y == no_pixel) continue;
        const double of_row = sampler.view.scale * (dimension > 2 ? weights.w[2][z][k] : 1) *
                              (dimension > 1 ? weights.w[1][y][k] : 1);
        for (int x = 0; x < taps; ++x) {
          if (at[0][x] == no_pixel) continue;
          const double weight = of_row * weights.w[0][x][k];
          double* pixel = image + of_z + of_y + at[0][x];
          for (std::int64_t c = 0; c < channels; ++c) pixel[c] += weight * cotangents[c];
        }
      }
    }
  }
}

PHOTALIGN_ISA_END
