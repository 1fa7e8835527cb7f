// The reference at its own pixels: value and gradient of the kernel's interpolant at integers.
//
// At integers a kernel is a short separable stencil, so value and gradient cost a few additions and
// are computed anew in every pass: cheaper than fetching a cached gradient image from memory. Rows
// are summed along x once, and stay in registers until the stencil has passed.
//
// The linear kernel's own derivative at a pixel is one-sided and shares its noise with the
// residual; as a template gradient it is replaced by the mean of both sides, the central
// difference.
#pragma once

#include "kernels.hpp"
#include "tile.hpp"

PHOTALIGN_ISA_BEGIN

// Values are symmetric, gradients antisymmetric: tap k on both sides of the center.
template <class K>
struct Stencil {
  static constexpr int radius = K::before;
  float value[radius + 1] = {};
  float gradient[radius + 1] = {};

  constexpr Stencil() {
    float w[K::taps] = {}, d[K::taps] = {};
    K::weights(0.0f, w, d);
    for (int k = 0; k <= radius; ++k) {
      value[k] = w[radius + k];
      gradient[k] = d[radius + k];
    }
  }
};

template <>
struct Stencil<Linear> {
  static constexpr int radius = 1;
  float value[2] = {1, 0};
  float gradient[2] = {0, 0.5f};
};

// How far the stencil reaches: an interpolating kernel needs no neighbors for the value alone.
template <class K>
constexpr int stencil_radius(bool with_gradient) {
  constexpr bool interpolates = std::is_same_v<K, Linear> || std::is_same_v<K, CatmullRom>;
  return interpolates && !with_gradient ? 0 : Stencil<K>::radius;
}

// Taps of the value that are 0 count all the same: 0 times NaN is NaN, and a pixel whose gradient
// is invalid must be so itself.
template <class K, class Tap>
Float stencil_value(Tap&& tap) {
  constexpr Stencil<K> stencil{};
  Float sum = stencil.value[0] * tap(0);
#pragma GCC unroll 4
  for (int k = 1; k <= stencil.radius; ++k) sum += stencil.value[k] * (tap(k) + tap(-k));
  return sum;
}

template <class K, class Tap>
Float stencil_gradient(Tap&& tap) {
  constexpr Stencil<K> stencil{};
  Float sum = stencil.gradient[1] * (tap(1) - tap(-1));
#pragma GCC unroll 4
  for (int k = 2; k <= stencil.radius; ++k) sum += stencil.gradient[k] * (tap(k) - tap(-k));
  return sum;
}

// Rows [y, y + rows) of the reference, a vector from column x on, from a patch that holds the
// stencil's reach. Rows are written `stride` apart.
template <class K, bool Gradient>
void reference_pillar(const Patch& patch, std::int64_t x, std::int64_t y, int rows, float* value,
                      float* gx, float* gy, std::int64_t stride) {
  constexpr int radius = stencil_radius<K>(Gradient);
  const float* from = patch.data + (y - radius - patch.rect.y) * patch.stride + (x - patch.rect.x);
  if constexpr (radius == 0) {
    for (int j = 0; j < rows; ++j, from += patch.stride, value += stride) store(value, load(from));
  } else {
    // Of the rows above, at, and below the one at hand.
    Float smooth[2 * radius + 1], slope[2 * radius + 1];
    for (int j = -2 * radius; j < rows; ++j, from += patch.stride) {
#pragma GCC unroll 8
      for (int k = 0; k < 2 * radius; ++k) {
        smooth[k] = smooth[k + 1];
        if constexpr (Gradient) slope[k] = slope[k + 1];
      }
      const auto pixel = [from](int k) { return load(from + k); };
      smooth[2 * radius] = stencil_value<K>(pixel);
      if constexpr (Gradient) slope[2 * radius] = stencil_gradient<K>(pixel);
      if (j < 0) continue;
      const auto row = [&smooth](int k) { return smooth[k + radius]; };
      store(value, stencil_value<K>(row));
      value += stride;
      if constexpr (Gradient) {
        store(gx, stencil_value<K>([&slope](int k) { return slope[k + radius]; }));
        store(gy, stencil_gradient<K>(row));
        gx += stride;
        gy += stride;
      }
    }
  }
}

PHOTALIGN_ISA_END
