// What the estimating equations multiply residuals with: a gradient of the reference of its own.
//
// The estimate is where sum Z(x)' r(x) = 0, and Z may be any gradient of the reference whose noise
// has nothing to do with that of r: an instrument. The direct kernel's own gradient is as smooth as
// the residuals are, and then their equations weigh low frequencies twice (least squares on
// correlated noise). A sharper one is nearer to the bound; a smoother one hears less of aliasing,
// and of its own noise.
#pragma once

#include "reference_rows.hpp"

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

// Row `y` of the reference, columns [x, x + count), from a patch that holds two pixels more on all
// sides. Where one of them is invalid (zx, zy) are the gradient of the kernel's own, which is
// smaller.
inline void instrument_row(const Instrument& z, const Patch& patch, std::int64_t x, std::int64_t y,
                           int count, float* room, const float* own_x, const float* own_y,
                           float* zx, float* zy) {
  constexpr int radius = Instrument::radius;
  const std::int64_t stride = patch.stride;
  const float* center = patch.data + (y - patch.rect.y) * stride + (x - patch.rect.x);
  float* across = room;
  float* along = room + tile_width + 16;
  for (int i = 0; i < count + 2 * radius; i += lanes) {
    const auto row = [&](int k) { return load(center + k * stride + i - radius); };
    const Float above = row(-1), below = row(1);
    store(across + i, z.middle * row(0) + z.side * (above + below));
    store(along + i, z.outer * (row(-2) - row(2)) + z.inner * (above - below));
  }
  for (int i = 0; i < count; i += lanes) {
    const auto at = [i](const float* from, int k) { return load(from + i + radius + k); };
    const Float dx =
        z.outer * (at(across, -2) - at(across, 2)) + z.inner * (at(across, -1) - at(across, 1));
    const Float dy = z.middle * at(along, 0) + z.side * (at(along, -1) + at(along, 1));
    // Of a row beyond the image's end nothing is known, but nothing is asked either.
    const Int valid = is_finite(dx) & is_finite(dy);
    store(zx + i, select(valid, dx, load(own_x + i)));
    store(zy + i, select(valid, dy, load(own_y + i)));
  }
}

// The reference's values smoothed by three taps of variances `spread` along x and y, in place of
// the kernel's stencil, whose variance is 1/3: where the warp scales, the moving image's smoothing
// is as wide as that in the frame of the reference.
inline void matched_row(const float* spread, const Patch& patch, std::int64_t x, std::int64_t y,
                        int count, float* room, float* value) {
  const float* center = patch.data + (y - patch.rect.y) * patch.stride + (x - patch.rect.x);
  const float side[] = {0.5f * spread[0], 0.5f * spread[1]};
  for (int i = 0; i < count + 2; i += lanes) {
    const auto row = [&](int k) { return load(center + k * patch.stride + i - 1); };
    store(room + i, (1 - spread[1]) * row(0) + side[1] * (row(-1) + row(1)));
  }
  for (int i = 0; i < count; i += lanes)
    store(value + i,
          (1 - spread[0]) * load(room + i + 1) + side[0] * (load(room + i) + load(room + i + 2)));
}

PHOTALIGN_ISA_END
