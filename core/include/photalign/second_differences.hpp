// The kernels of kernels.hpp with as few operations as there can be, for sums over whole images.
//
// Weights that reproduce a ramp leave all that is not linear interpolation to second differences.
// With d_k = p_{k+1} - p_k between neighboring pixels, e_k = d_k - d_{k-1}, and i the pixel before
// x,
//
//   f(x)  = p_i + t d_i + sum_k value[k] e_k,
//   f'(x) =         d_i + sum_k slope[k] e_k
//
// where slope is the derivative of value. The outermost weights are those of the outermost pixels.
// Half of the operations are additions, which run beside the products.
#pragma once

#include "kernels.hpp"

PHOTALIGN_ISA_BEGIN

// What to multiply the second differences at pixels i - taps / 2 + 2, ... with, at x = i + t.
template <class K>
struct SecondDifferences;

template <>
struct SecondDifferences<Linear> {
  static constexpr int count = 0;
  Float t, value[1], slope[1];

  PHOTALIGN_INLINE explicit SecondDifferences(Float at) : t(at) {}
};

template <>
struct SecondDifferences<CatmullRom> {
  static constexpr int count = 2;
  Float t, value[2], slope[2];

  PHOTALIGN_INLINE explicit SecondDifferences(Float at) : t(at) {
    const Float s = 1 - t, half_product = -0.5f * (t * s);
    value[0] = half_product * s;
    value[1] = half_product * t;
    slope[0] = (2 - 1.5f * t) * t - 0.5f;
    slope[1] = (1.5f * t - 1) * t;
  }
};

// Cubes of the distances to the two pixels.
template <>
struct SecondDifferences<BSpline3> {
  static constexpr int count = 2;
  Float t, value[2], slope[2];

  PHOTALIGN_INLINE explicit SecondDifferences(Float at) : t(at) {
    const Float s = 1 - t, t2 = t * t, s2 = s * s;
    const Float sixth = t * (1.0f / 6);
    value[0] = s2 * (1.0f / 6 - sixth);
    value[1] = t2 * sixth;
    slope[0] = -0.5f * s2;
    slope[1] = 0.5f * t2;
  }
};

// Polynomials of the two distances; those of a parabola, of which all second differences are equal,
// add up to t^2 / 2 and the like, so that one follows from the others.
template <>
struct SecondDifferences<BSpline5> {
  static constexpr int count = 4;
  Float t, value[4], slope[4];

  PHOTALIGN_INLINE explicit SecondDifferences(Float at) : t(at) {
    const Float s = 1 - t, t2 = t * t, s2 = s * s;
    slope[0] = s2 * s2 * (-1.0f / 24);
    slope[3] = t2 * t2 * (1.0f / 24);
    value[0] = slope[0] * s * (-1.0f / 5);
    value[3] = slope[3] * t * (1.0f / 5);
    slope[1] = (((s * (1.0f / 8) - 1.0f / 6) * s - 1.0f / 4) * s - 1.0f / 6) * s - 1.0f / 24;
    value[1] =
        ((((1.0f / 24 - s * (1.0f / 40)) * s + 1.0f / 12) * s + 1.0f / 12) * s + 1.0f / 24) * s +
        1.0f / 120;
    slope[2] = t - 0.5f - slope[0] - slope[1] - slope[3];
    value[2] = 0.25f - 0.5f * (t * s) - value[0] - value[1] - value[3];
  }
};

// The weights of the pixels themselves: for the value alone, one product for each is less.
template <class K>
struct TapWeights {
  Float of[K::taps];

  PHOTALIGN_INLINE explicit TapWeights(const SecondDifferences<K>& at) {
    constexpr int before = K::taps / 2 - 1;
#pragma GCC unroll 8
    for (int k = 0; k < K::taps; ++k) {
      if (k < before || k > before + 1) {
        of[k] = at.value[k < before ? k : k - 2];
      } else {
        of[k] = k == before ? 1 - at.t : at.t;
        if (k < at.count) of[k] += at.value[k];
        if (k >= 2) of[k] += at.value[k - 2];
      }
      if (k >= 1 && k <= at.count) of[k] -= 2 * at.value[k - 1];
    }
  }

  template <class Tap>
  PHOTALIGN_INLINE Float sum(Tap&& tap) const {
    Float total = of[0] * tap(0);
#pragma GCC unroll 8
    for (int k = 1; k < K::taps; ++k) total += of[k] * tap(k);
    return total;
  }
};

PHOTALIGN_ISA_END
