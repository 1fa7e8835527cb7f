// One-dimensional sampling kernels: the weights of the taps and their derivatives, from one place.
//
// A kernel with `taps` weights samples at x with i = floor(x), t = x - i in [0, 1], from the pixels
// i - before, ..., i - before + taps - 1. One with an odd number of taps has its knots between the
// pixels: there i = floor(x + 1/2), and t is in [-1/2, 1/2]. `weights` fills w (value) and d
// (derivative with respect to x), `curvatures` fills h (second derivative); both work for float,
// double and vectors of them alike.
//
// Keys, "Cubic convolution interpolation for digital image processing", IEEE TASSP 29(6), 1981, eq.
// 15 with a = -1/2, the only value that reproduces a ramp, and the appendix for six taps. Unser,
// "Splines: a perfect fit", IEEE Signal Processing Magazine 16(6), 1999, for the B-splines.
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

template <class K>
inline constexpr bool is_centered = K::taps % 2 == 1;

// It has no derivative to offer: zero between the knots, none at them.
struct Nearest {
  static constexpr int taps = 1;
  static constexpr int before = 0;

  template <class T>
  static constexpr void weights(T, T* w, T* d) {
    w[0] = T{} + 1;
    d[0] = T{};
  }

  template <class T>
  static constexpr void curvatures(T, T* h) {
    h[0] = T{};
  }
};

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

  template <class T>
  static constexpr void curvatures(T, T* h) {
    h[0] = h[1] = T{};
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

  template <class T>
  static constexpr void curvatures(T t, T* h) {
    h[0] = 2 - 3 * t;
    h[1] = 9 * t - 5;
    h[2] = 4 - 9 * t;
    h[3] = 3 * t - 1;
  }
};

// Fourth order: the pieces of Keys' appendix, with t and 1 - t as distances like in the B-splines.
struct Keys6 {
  static constexpr int taps = 6;
  static constexpr int before = 2;

  template <class T>
  static constexpr void weights(T t, T* w, T* d) {
    const T s = 1 - t;
    outer(t, w[0], d[0]);
    middle(t, w[1], d[1]);
    inner(t, w[2], d[2]);
    inner(s, w[3], d[3]);
    middle(s, w[4], d[4]);
    outer(s, w[5], d[5]);
    d[3] = -d[3];
    d[4] = -d[4];
    d[5] = -d[5];
  }

  template <class T>
  static constexpr void curvatures(T t, T* h) {
    using S = Scalar<T>;
    const T s = 1 - t;
    h[0] = t * (S(1) / 2) - S(1) / 3;
    h[1] = S(5) / 2 - t * (S(7) / 2);
    h[2] = 8 * t - S(14) / 3;
    h[3] = 8 * s - S(14) / 3;
    h[4] = S(5) / 2 - s * (S(7) / 2);
    h[5] = s * (S(1) / 2) - S(1) / 3;
  }

 private:
  // The pixel is at distance t, 1 + t, or 2 + t.
  template <class T>
  static constexpr void inner(T t, T& w, T& d) {
    constexpr Scalar<T> third = Scalar<T>(1) / 3;
    w = ((4 * t - 7) * t * t + 3) * third;  // exactly 0 at 1
    d = (12 * t - 14) * t * third;
  }

  template <class T>
  static constexpr void middle(T t, T& w, T& d) {
    constexpr Scalar<T> twelfth = Scalar<T>(1) / 12;
    w = ((15 - 7 * t) * t - 8) * t * twelfth;
    d = ((30 - 21 * t) * t - 8) * twelfth;
  }

  template <class T>
  static constexpr void outer(T t, T& w, T& d) {
    constexpr Scalar<T> twelfth = Scalar<T>(1) / 12;
    const T s = 1 - t;
    w = t * s * s * twelfth;
    d = s * (1 - 3 * t) * twelfth;
  }
};

struct BSpline2 {
  static constexpr int taps = 3;
  static constexpr int before = 1;
  static constexpr int degree = 2;

  template <class T>
  static constexpr void weights(T t, T* w, T* d) {
    constexpr Scalar<T> half = 0.5f, three_quarters = 0.75f;
    const T left = half - t;
    const T right = half + t;
    w[0] = left * left * half;
    w[1] = three_quarters - t * t;
    w[2] = right * right * half;
    d[0] = -left;
    d[1] = -2 * t;
    d[2] = right;
  }

  template <class T>
  static constexpr void curvatures(T, T* h) {
    h[0] = h[2] = T{} + 1;
    h[1] = T{} - 2;
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

  template <class T>
  static constexpr void curvatures(T t, T* h) {
    h[0] = 1 - t;
    h[1] = 3 * t - 2;
    h[2] = 1 - 3 * t;
    h[3] = t;
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

  template <class T>
  static constexpr void curvatures(T t, T* h) {
    const T s = 1 - t;
    h[0] = outer_curvature(s);
    h[1] = middle_curvature(t);
    h[2] = inner_curvature(t);
    h[3] = inner_curvature(s);
    h[4] = middle_curvature(s);
    h[5] = outer_curvature(t);
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

  template <class T>
  static constexpr T inner_curvature(T t) {
    return (3 - t * (Scalar<T>(5) / 3)) * t * t - 1;
  }

  template <class T>
  static constexpr T middle_curvature(T t) {
    return ((t * (Scalar<T>(5) / 6) - 2) * t + 1) * t + Scalar<T>(1) / 3;
  }

  template <class T>
  static constexpr T outer_curvature(T t) {
    return t * t * t * (Scalar<T>(1) / 6);
  }
};

PHOTALIGN_ISA_END
