// The weights of kernels.hpp up to a factor, with as few operations as there can be: what the sums
// over all pixels of two images are made of.
//
// A derivative's weights add up to 0, so that it is a sum of differences of neighboring pixels. For
// a B-spline their weights are those of the B-spline of one degree less (de Boor, "A practical
// guide to splines", 1978, chapter X), from which the weights of the value follow, too:
//
//   f(x) = value_unit sum_k value[k] p_k,   f'(x) = slope_unit sum_k slope[k] (p_{k+1} - p_k).
#pragma once

#include "kernels.hpp"

PHOTALIGN_ISA_BEGIN

// n! times the weights of the B-spline of degree n, from those of degree n - 1 (times (n - 1)!).
// The largest is what the others leave.
template <int n, class T>
PHOTALIGN_INLINE void raise_degree(T t, T s, const T* lower, T* weights) {
  constexpr int middle = (n + 1) / 2;
  constexpr int factorial = n == 2 ? 2 : n == 3 ? 6 : n == 4 ? 24 : 120;
  weights[0] = s * lower[0];
  weights[n] = t * lower[n - 1];
  T rest = static_cast<Scalar<T>>(factorial) - weights[0] - weights[n];
#pragma GCC unroll 8
  for (int k = 1; k < n; ++k) {
    if (k == middle) continue;
    weights[k] = (s + static_cast<Scalar<T>>(k)) * lower[k] +
                 (t + static_cast<Scalar<T>>(n - k)) * lower[k - 1];
    rest -= weights[k];
  }
  weights[middle] = rest;
}

template <class K>
struct TapFactors;

template <>
struct TapFactors<Linear> {
  static constexpr float value_unit = 1, slope_unit = 1;
  Float value[2], slope[1];

  PHOTALIGN_INLINE explicit TapFactors(Float t) : value{1 - t, t}, slope{splat(1.0f)} {}
};

template <>
struct TapFactors<CatmullRom> {
  static constexpr float value_unit = 0.5f, slope_unit = 0.5f;
  Float value[4], slope[3];

  PHOTALIGN_INLINE explicit TapFactors(Float t) {
    const Float s = 1 - t;
    value[0] = -t * (s * s);
    value[3] = -s * (t * t);
    value[1] = (3 * t - 5) * (t * t) + 2;
    value[2] = 2 - value[0] - value[1] - value[3];
    slope[0] = (3 * t - 4) * t + 1;
    slope[2] = (3 * t - 2) * t;
    slope[1] = 2 - slope[0] - slope[2];
  }
};

template <>
struct TapFactors<BSpline3> {
  static constexpr float value_unit = 1.0f / 6, slope_unit = 1.0f / 2;
  Float value[4], slope[3];

  PHOTALIGN_INLINE explicit TapFactors(Float t) {
    const Float s = 1 - t;
    const Float line[2] = {s, t};
    raise_degree<2>(t, s, line, slope);
    raise_degree<3>(t, s, slope, value);
  }
};

template <>
struct TapFactors<BSpline5> {
  static constexpr float value_unit = 1.0f / 120, slope_unit = 1.0f / 24;
  Float value[6], slope[5];

  PHOTALIGN_INLINE explicit TapFactors(Float t) {
    const Float s = 1 - t;
    const Float line[2] = {s, t};
    Float square[3], cube[4];
    raise_degree<2>(t, s, line, square);
    raise_degree<3>(t, s, square, cube);
    raise_degree<4>(t, s, cube, slope);
    raise_degree<5>(t, s, slope, value);
  }
};

PHOTALIGN_ISA_END
