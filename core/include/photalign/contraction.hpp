// Value, gradient and Hessian from the taps of a footprint and their weights, in one pass.
//
// The sum over the taps k of axis a is taken of what the axes before it, b < a, have given:
//   value = sum_k w_k value_k
//   d/dx_a = sum_k d_k value_k
//   d/dx_b = sum_k w_k (d/dx_b)_k
// One implementation for all dimensions; every quantity is a vector over as many points.
#pragma once

#include "located.hpp"

PHOTALIGN_ISA_BEGIN

// The channels of a pixel, each a vector over points.
template <class V, int channels>
struct Channels {
  V c[channels];
};

template <class V, int n>
inline void add_product(Channels<V, n>& sum, V weight, const Channels<V, n>& p) {
#pragma GCC unroll 4
  for (int i = 0; i < n; ++i) sum.c[i] += weight * p.c[i];
}

template <class V, int n>
inline void set_zero(Channels<V, n>& p) {
#pragma GCC unroll 4
  for (int i = 0; i < n; ++i) p.c[i] = V{};
}

template <class V, int n>
inline Channels<V, n> difference(const Channels<V, n>& a, const Channels<V, n>& b) {
  Channels<V, n> d;
#pragma GCC unroll 4
  for (int i = 0; i < n; ++i) d.c[i] = a.c[i] - b.c[i];
  return d;
}

// But NaN stays.
template <class M, class V, int n>
inline void replace_where(M mask, Channels<V, n>& p, const Channels<V, n>& other) {
#pragma GCC unroll 4
  for (int i = 0; i < n; ++i) p.c[i] = select(mask & (p.c[i] == p.c[i]), other.c[i], p.c[i]);
}

// Of P by n coordinates: all of order 1, and those of order 2 with b <= a, row by row.
template <class P, int n, int order>
struct Derivatives {
  static constexpr int n_first = order > 0 ? n : 0;
  static constexpr int n_second = order > 1 ? n * (n + 1) / 2 : 0;
  P value;
  P first[n_first + 1];  // one more, so that none is an array too
  P second[n_second + 1];

  [[gnu::always_inline]] void set_zero() {
    photalign::PHOTALIGN_ISA::set_zero(value);
#pragma GCC unroll 3
    for (int i = 0; i < n_first; ++i) photalign::PHOTALIGN_ISA::set_zero(first[i]);
#pragma GCC unroll 6
    for (int i = 0; i < n_second; ++i) photalign::PHOTALIGN_ISA::set_zero(second[i]);
  }
};

// The weights of some points of a block, a vector at a time.
template <class S>
struct GroupWeights {
  const Located<S>& points;
  const TapWeights<S>& weights;
  int group;

  Vector<S> t(int axis) const { return load(points.t[axis] + group); }
  Vector<S> w(int axis, int tap) const { return load(weights.w[axis][tap] + group); }
  Vector<S> d(int axis, int tap) const { return load(weights.d[axis][tap] + group); }
  Vector<S> h(int axis, int tap) const { return load(weights.h[axis][tap] + group); }
};

// `Rows::has_fractions` says whether pixels may be other than whole numbers that floats hold.
// `rows(r)` gives row r of the footprint, counted over y and z, and that gives P at each tap.
template <class P, int axis, int taps, int order, class S, class Rows>
[[gnu::always_inline]] inline Derivatives<P, axis + 1, order> contract(
    const GroupWeights<S>& weights, const Rows& rows, int row) {
  Derivatives<P, axis + 1, order> sum;
  if constexpr (taps == 2) {
    // The derivative of a linear function is the difference that its value needs as well.
    const Vector<S> t = weights.t(axis);
    const auto interpolate = [&](const P& from, const P& to, const P& change) {
      P p = from;
      add_product(p, t, change);
      // A difference of floats is rounded, and the last pixel would not be hit.
      if constexpr (Rows::has_fractions) replace_where(t == 1, p, to);
      return p;
    };
    if constexpr (order > 1) PHOTALIGN_ISA::set_zero(sum.second[axis * (axis + 3) / 2]);
    if constexpr (axis == 0) {
      const auto taps_of_row = rows(row);
      const P from = taps_of_row(0);
      const P to = taps_of_row(1);
      const P change = difference(to, from);
      sum.value = interpolate(from, to, change);
      if constexpr (order > 0) sum.first[0] = change;
    } else {
      const auto a = contract<P, axis - 1, taps, order>(weights, rows, row * taps);
      const auto b = contract<P, axis - 1, taps, order>(weights, rows, row * taps + 1);
      const P change = difference(b.value, a.value);
      sum.value = interpolate(a.value, b.value, change);
      if constexpr (order > 0) sum.first[axis] = change;
#pragma GCC unroll 3
      for (int i = 0; order > 0 && i < axis; ++i) {
        const P mixed = difference(b.first[i], a.first[i]);
        sum.first[i] = interpolate(a.first[i], b.first[i], mixed);
        if constexpr (order > 1) sum.second[axis * (axis + 1) / 2 + i] = mixed;
      }
#pragma GCC unroll 6
      for (int i = 0; order > 1 && i < axis * (axis + 1) / 2; ++i)
        sum.second[i] = interpolate(a.second[i], b.second[i], difference(b.second[i], a.second[i]));
    }
  } else if constexpr (axis == 0) {
    sum.set_zero();
    const auto taps_of_row = rows(row);
#pragma GCC unroll 6
    for (int k = 0; k < taps; ++k) {
      const P p = taps_of_row(k);
      add_product(sum.value, weights.w(0, k), p);
      if constexpr (order > 0) add_product(sum.first[0], weights.d(0, k), p);
      if constexpr (order > 1) add_product(sum.second[0], weights.h(0, k), p);
    }
  } else {
    sum.set_zero();
#pragma GCC unroll 1
    for (int k = 0; k < taps; ++k) {
      const auto inner = contract<P, axis - 1, taps, order>(weights, rows, row * taps + k);
      const Vector<S> w = weights.w(axis, k);
      add_product(sum.value, w, inner.value);
      if constexpr (order > 0) {
        const Vector<S> d = weights.d(axis, k);
        add_product(sum.first[axis], d, inner.value);
#pragma GCC unroll 3
        for (int i = 0; i < axis; ++i) add_product(sum.first[i], w, inner.first[i]);
        if constexpr (order > 1) {
          constexpr int of_axis = axis * (axis + 1) / 2;
          add_product(sum.second[of_axis + axis], weights.h(axis, k), inner.value);
#pragma GCC unroll 3
          for (int i = 0; i < axis; ++i) add_product(sum.second[of_axis + i], d, inner.first[i]);
#pragma GCC unroll 6
          for (int i = 0; i < of_axis; ++i) add_product(sum.second[i], w, inner.second[i]);
        }
      }
    }
  }
  return sum;
}

PHOTALIGN_ISA_END
