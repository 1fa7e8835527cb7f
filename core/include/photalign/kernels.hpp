// One-dimensional sampling kernels: the weights of the taps and their derivatives, from one place.
//
// A kernel with `taps` weights samples at x with i = floor(x), t = x - i in [0, 1], from the pixels
// i - before, ..., i - before + taps - 1. `weights` fills w (value) and d (derivative with respect
// to x) and works for float, double and vectors of floats alike.
//
// Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29(6), 1981, eq.
// 15 with a = -1/2, the only value that reproduces a ramp. Unser, "Splines: a perfect fit", IEEE
// Signal Processing Magazine 16(6), 1999, for the B-splines.
#pragma once

#include <type_traits>

#include "isa.hpp"
#include "simd.hpp"

PHOTALIGN_ISA_BEGIN

// The type of the constants that go with T: T itself, or the element of a vector.
template <class T>
struct ScalarOf {
  using type = std::remove_cvref_t<decltype(T{}[0])>;
};
template <>
struct ScalarOf<float> {
  using type = float;
};
template <>
struct ScalarOf<double> {
  using type = double;
};
template <class T>
using Scalar = typename ScalarOf<T>::type;

struct Linear {
  static constexpr int taps = 2;
  static constexpr int before = 0;

  template <class T>
  static constexpr void weights(T t, T* w, T* d) {
    w[0] = 1 - t;
    w[1] = t;
    d[0] = T{} - 1;
    d[1] = T{} + 1;
  }
};

struct CatmullRom {
  static constexpr int taps = 4;
  static constexpr int before = 1;

  template <class T>
  static constexpr void weights(T t, T* w, T* d) {
    constexpr Scalar<T> half = 0.5f;
    const T t2 = t * t;
    w[0] = ((2 - t) * t - 1) * t * half;
    w[1] = ((3 * t - 5) * t2 + 2) * half;
    w[2] = ((4 - 3 * t) * t + 1) * t * half;
    w[3] = (t - 1) * t2 * half;
    d[0] = ((4 - 3 * t) * t - 1) * half;
    d[1] = (9 * t - 10) * t * half;
    d[2] = ((8 - 9 * t) * t + 1) * half;
    d[3] = (3 * t - 2) * t * half;
  }
};

// In the B-splines t and s = 1 - t are the distances to the two nearest pixels, so the right half
// of the weights is the left half with s for t and the derivatives negated.
struct BSpline3 {
  static constexpr int taps = 4;
  static constexpr int before = 1;
  static constexpr int degree = 3;

  template <class T>
  static constexpr void weights(T t, T* w, T* d) {
    constexpr Scalar<T> sixth = Scalar<T>(1) / 6;
    constexpr Scalar<T> half = 0.5f;
    const T s = 1 - t;
    const T t2 = t * t;
    const T s2 = s * s;
    w[0] = s2 * s * sixth;
    w[1] = ((3 * t - 6) * t2 + 4) * sixth;
    w[2] = ((3 * s - 6) * s2 + 4) * sixth;
    w[3] = t2 * t * sixth;
    d[0] = s2 * -half;
    d[1] = (3 * t - 4) * t * half;
    d[2] = (4 - 3 * s) * s * half;
    d[3] = t2 * half;
  }
};

struct BSpline5 {
  static constexpr int taps = 6;
  static constexpr int before = 2;
  static constexpr int degree = 5;

  template <class T>
  static constexpr void weights(T t, T* w, T* d) {
    const T s = 1 - t;
    outer(s, w[0], d[0]);
    middle(t, w[1], d[1]);
    inner(t, w[2], d[2]);
    inner(s, w[3], d[3]);
    middle(s, w[4], d[4]);
    outer(t, w[5], d[5]);
    d[0] = -d[0];
    d[3] = -d[3];
    d[4] = -d[4];
  }

 private:
  // The pieces of the quintic: the pixel is at distance t, 1 + t, or 3 - t.
  template <class T>
  static constexpr void inner(T t, T& w, T& d) {
    using S = Scalar<T>;
    const T t2 = t * t;
    w = ((S(1) / 4 - t * (S(1) / 12)) * t2 - S(1) / 2) * t2 + S(11) / 20;
    d = ((1 - t * (S(5) / 12)) * t2 - 1) * t;
  }

  template <class T>
  static constexpr void middle(T t, T& w, T& d) {
    using S = Scalar<T>;
    w = ((((t * (S(1) / 24) - S(1) / 6) * t + S(1) / 6) * t + S(1) / 6) * t - S(5) / 12) * t +
        S(13) / 60;
    d = (((t * (S(5) / 24) - S(2) / 3) * t + S(1) / 2) * t + S(1) / 3) * t - S(5) / 12;
  }

  template <class T>
  static constexpr void outer(T t, T& w, T& d) {
    const T t2 = t * t;
    const T t4 = t2 * t2;
    w = t4 * t * (Scalar<T>(1) / 120);
    d = t4 * (Scalar<T>(1) / 24);
  }
};

PHOTALIGN_ISA_END
