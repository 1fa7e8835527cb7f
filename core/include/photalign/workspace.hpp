// The memory of one thread: patches of both images, what a comparison makes of them, and the
// tile's losses.
#pragma once

#include <algorithm>
#include <cstdint>

#include "linearize_functions.hpp"
#include "pillar_positions.hpp"
#include "tile.hpp"

PHOTALIGN_ISA_BEGIN

// So many rows of a tile are compared at a time for those who take rows: they stay in the cache.
inline constexpr int band_height = 8;
static_assert(band_height <= pillar_height);

// The results of a comparison. Invalid entries have weight 0 and are 0.
struct Planes {
  float *value, *target, *residual, *weights, *gx, *gy, *tx, *ty, *zx, *zy;

  static constexpr int count = 10;

  Planes shifted(std::int64_t by) const {
    return {value + by, target + by, residual + by, weights + by, gx + by,
            gy + by,    tx + by,     ty + by,       zx + by,      zy + by};
  }
};

struct Workspace : Planes {  // the row at hand
  float *reference, *moving, *weight;
  float *losses, *previous_losses;      // loss_floats each
  float* stencil;                       // a row
  float *reference_mask, *moving_mask;  // of the pillar at hand
  // Rows of a band, row_floats apart, or those of a pillar, `lanes` apart.
  Planes planes;
  // Where the pixels at hand go, if the warp is no matrix.
  MappedPixels pixels;
  PillarPositions positions;
  // Sums of the reference's weights over its valid pixels, and over those valid in both images.
  Float reference_weight{}, covered_weight{};

  static constexpr std::int64_t patch = max_patch_floats + 64;
  // Of the widest vectors there are: memory is kept when another instruction set is chosen.
  static constexpr std::int64_t pillar = std::int64_t{16} * pillar_height;
  static constexpr std::int64_t plane = std::max<std::int64_t>(row_floats * band_height, pillar);
  static constexpr std::int64_t floats =
      3 * patch + 2 * loss_floats + row_floats + 2 * pillar + Planes::count * plane + 64;

  explicit Workspace(float* memory) {
    // Everything starts on cache lines.
    memory += ((64 - reinterpret_cast<std::uintptr_t>(memory) % 64) % 64) / sizeof(float);
    const auto take = [&memory](float*& p, std::int64_t count) {
      p = memory;
      memory += count;
    };
    take(reference, patch);
    take(moving, patch);
    take(weight, patch);
    take(losses, loss_floats);
    take(previous_losses, loss_floats);
    take(stencil, row_floats);
    take(reference_mask, pillar);
    take(moving_mask, pillar);
    for (float** p : {&planes.value, &planes.target, &planes.residual, &planes.weights, &planes.gx,
                      &planes.gy, &planes.tx, &planes.ty, &planes.zx, &planes.zy})
      take(*p, plane);
    at_row(0);
  }

  void at_row(std::int64_t j) { static_cast<Planes&>(*this) = planes.shifted(j * row_floats); }
};

PHOTALIGN_ISA_END
