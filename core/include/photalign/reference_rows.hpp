// The reference at its own pixels: value and gradient of the kernel's interpolant at integers.
//
// At integers a kernel is a short separable stencil, so value and gradient cost a few additions and
// are computed anew in every pass: cheaper than fetching a cached gradient image from memory.
//
// The linear kernel's own derivative at a pixel is one-sided and shares its noise with the
// residual; as a template gradient it is replaced by the mean of both sides, the central
// difference.
#pragma once

#include "kernels.hpp"
#include "tile.hpp"

PHOTALIGN_ISA_BEGIN

template <class K>
struct Stencil {
  static constexpr int radius = K::before;
  float value[2 * radius + 1] = {};
  float gradient[2 * radius + 1] = {};

  constexpr Stencil() {
    float w[K::taps] = {}, d[K::taps] = {};
    K::weights(0.0f, w, d);
    for (int i = 0; i <= 2 * radius; ++i) {
      value[i] = w[i];
      gradient[i] = d[i];
    }
  }
};

template <>
struct Stencil<Linear> {
  static constexpr int radius = 1;
  float value[3] = {0, 1, 0};
  float gradient[3] = {-0.5f, 0, 0.5f};
};

// How far the stencil reaches: an interpolating kernel needs no neighbors for the value alone.
template <class K>
constexpr int stencil_radius(bool with_gradient) {
  constexpr bool interpolates = std::is_same_v<K, Linear> || std::is_same_v<K, CatmullRom>;
  return interpolates && !with_gradient ? 0 : Stencil<K>::radius;
}

// Row `y` of the reference, columns [x, x + count), from a patch that holds the stencil's reach.
// `room` takes 2 * (tile_width + 16) floats. Writes whole vectors.
template <class K, bool Gradient>
void reference_row(const Patch& patch, std::int64_t x, std::int64_t y, int count, float* room,
                   float* value, float* gx, float* gy) {
  // Known to the compiler. Taps of the value that are 0 count all the same: 0 times NaN is NaN, and
  // a pixel whose gradient is invalid must be so itself.
  constexpr Stencil<K> stencil{};
  constexpr int radius = stencil_radius<K>(Gradient);
  const float* center = patch.data + (y - patch.rect.y) * patch.stride + (x - patch.rect.x);
  if constexpr (radius == 0) {
    for (int i = 0; i < count; i += lanes) store(value + i, load(center + i));
    return;
  }
  // First down the columns, then along the row.
  float* smooth = room;
  float* slope = room + tile_width + 16;
  for (int i = 0; i < count + 2 * radius; i += lanes) {
    Float s{}, d{};
#pragma GCC unroll 8
    for (int k = -radius; k <= radius; ++k) {
      const Float p = load(center + k * patch.stride + i - radius);
      s += p * stencil.value[k + radius];
      if (Gradient && stencil.gradient[k + radius] != 0) d += p * stencil.gradient[k + radius];
    }
    store(smooth + i, s);
    if constexpr (Gradient) store(slope + i, d);
  }
  for (int i = 0; i < count; i += lanes) {
    Float v{}, dx{}, dy{};
#pragma GCC unroll 8
    for (int k = 0; k <= 2 * radius; ++k) {
      const Float s = load(smooth + i + k);
      v += s * stencil.value[k];
      if constexpr (Gradient) {
        if (stencil.gradient[k] != 0) dx += s * stencil.gradient[k];
        if (stencil.value[k] != 0) dy += load(slope + i + k) * stencil.value[k];
      }
    }
    store(value + i, v);
    if constexpr (Gradient) {
      store(gx + i, dx);
      store(gy + i, dy);
    }
  }
}

PHOTALIGN_ISA_END
