// What the estimating equations multiply residuals with: a gradient of the reference of its own.
//
// The estimate is where sum Z(x)' r(x) = 0, and Z may be any gradient of the reference whose noise
// has nothing to do with that of r: an instrument. The direct kernel's own gradient is as smooth as
// the residuals are, and then their equations weigh low frequencies twice (least squares on
// correlated noise). A sharper one is nearer to the bound; a smoother one hears less of aliasing,
// and of its own noise.
#pragma once

#include "tile.hpp"

PHOTALIGN_ISA_BEGIN

// Five taps along the derivative and three across, by smoothness: 0 is efficient under white noise.
struct Instrument {
  static constexpr int radius = 2;
  float outer, inner, side, middle;

  explicit Instrument(float smoothness)
      : outer(0.14f - 0.265f * smoothness),
        inner(-0.5f - 2 * outer),
        side(smoothness / 4),
        middle(1 - smoothness / 2) {}
};

// Rows [y, y + rows) of a vector from column x on, from a patch that holds two pixels more on all
// sides. Where one of them is invalid (zx, zy) are the gradient of the kernel's own, which needs
// fewer.
inline void instrument_pillar(const Instrument& z, const Patch& patch, std::int64_t x,
                              std::int64_t y, int rows, const float* own_x, const float* own_y,
                              float* zx, float* zy, std::int64_t stride) {
  constexpr int radius = Instrument::radius;
  const float* from = patch.data + (y - radius - patch.rect.y) * patch.stride + (x - patch.rect.x);
  // Of the rows around the one at hand, from two above to two below.
  Float slope[2 * radius + 1], smooth[2 * radius + 1];
  for (int j = -2 * radius; j < rows; ++j, from += patch.stride) {
    for (int k = 0; k < 2 * radius; ++k) {
      slope[k] = slope[k + 1];
      smooth[k] = smooth[k + 1];
    }
    const Float left = load(from - 1), right = load(from + 1);
    slope[2 * radius] = z.outer * (load(from - 2) - load(from + 2)) + z.inner * (left - right);
    smooth[2 * radius] = z.middle * load(from) + z.side * (left + right);
    if (j < 0) continue;
    const Float dx = z.middle * slope[2] + z.side * (slope[1] + slope[3]);
    const Float dy = z.outer * (smooth[0] - smooth[4]) + z.inner * (smooth[1] - smooth[3]);
    const Int valid = is_finite(dx) & is_finite(dy);
    const std::int64_t at = j * stride;
    store(zx + at, select(valid, dx, load(own_x + at)));
    store(zy + at, select(valid, dy, load(own_y + at)));
  }
}

// The reference's values smoothed by three taps of variances `spread` along x and y, in place of
// the kernel's stencil, whose variance is 1/3: where the warp scales, the moving image's smoothing
// is as wide as that in the frame of the reference.
inline void matched_pillar(const float* spread, const Patch& patch, std::int64_t x, std::int64_t y,
                           int rows, float* value, std::int64_t stride) {
  const float* from = patch.data + (y - 1 - patch.rect.y) * patch.stride + (x - patch.rect.x);
  const float side_x = 0.5f * spread[0], side_y = 0.5f * spread[1];
  Float above{}, here{};
  for (int j = -2; j < rows; ++j, from += patch.stride) {
    const Float below = (1 - spread[0]) * load(from) + side_x * (load(from - 1) + load(from + 1));
    if (j >= 0) store(value + j * stride, (1 - spread[1]) * here + side_y * (above + below));
    above = here;
    here = below;
  }
}

PHOTALIGN_ISA_END
