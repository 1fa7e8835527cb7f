// Loss functions: rho, its weight and the slope of the influence function, from one place.
//
// The cost of a residual r is rho(r^2) / 2 with rho(0) = 0 and rho'(0) = 1; `weight` is rho'(s) at
// s = r^2, so that weight * r is the influence psi(r), and `slope` is psi'(r). c is the threshold.
// Triggs et al., "Bundle adjustment: a modern synthesis", 2000, section 3.
#pragma once

#include <cmath>

#include "choices.hpp"
#include "simd.hpp"

PHOTALIGN_ISA_BEGIN

template <class T>
struct Influence {
  T rho, weight, slope;
};

inline double choose(bool mask, double yes, double no) { return mask ? yes : no; }
inline Float choose(Int mask, Float yes, Float no) { return select(mask, yes, no); }

inline double square_root(double v) { return std::sqrt(v); }
inline Float square_root(Float v) {
#if defined(__AVX512F__)
  return reinterpret_cast<Float>(_mm512_sqrt_ps(reinterpret_cast<__m512>(v)));
#elif defined(__AVX2__)
  return reinterpret_cast<Float>(_mm256_sqrt_ps(reinterpret_cast<__m256>(v)));
#else
  for (int i = 0; i < lanes; ++i) v[i] = std::sqrt(v[i]);
  return v;
#endif
}

inline double log_one_plus(double v) { return std::log1p(v); }
// log(1 + v) for v >= 0: v = 2^k (1 + f) - 1, then the polynomial of Cephes' logf (Moshier, 1992).
inline Float log_one_plus(Float v) {
  const Float u = v + 1;
  Int bits;
  std::memcpy(&bits, &u, sizeof bits);
  // Shifted so that 1 + f lies in [sqrt(1/2), sqrt(2)).
  const Int k = (bits - 0x3f3504f3) >> 23;
  bits -= k << 23;
  Float f;
  std::memcpy(&f, &bits, sizeof f);
  f -= 1;
  Float p = splat(7.0376836292e-2f);
  p = p * f - 1.1514610310e-1f;
  p = p * f + 1.1676998740e-1f;
  p = p * f - 1.2420140846e-1f;
  p = p * f + 1.4249322787e-1f;
  p = p * f - 1.6668057665e-1f;
  p = p * f + 2.0000714765e-1f;
  p = p * f - 2.4999993993e-1f;
  p = p * f + 3.3333331174e-1f;
  const Float f2 = f * f;
  return to_float(k) * 0.693147181f + (f - 0.5f * f2 + f2 * f * p);
}

struct Squared {
  template <class T>
  static Influence<T> at(T s, T) {
    return {s, T{} + 1, T{} + 1};
  }
};

// Huber, "Robust estimation of a location parameter", 1964.
struct Huber {
  template <class T>
  static Influence<T> at(T s, T c) {
    const auto inside = s <= c * c;
    const T root = square_root(choose(inside, c * c, s));
    return {choose(inside, s, 2 * c * root - c * c), choose(inside, T{} + 1, c / root),
            choose(inside, T{} + 1, T{})};
  }
};

struct Cauchy {
  template <class T>
  static Influence<T> at(T s, T c) {
    const T u = s / (c * c);
    const T weight = 1 / (1 + u);
    return {c * c * log_one_plus(u), weight, (1 - u) * weight * weight};
  }
};

// Beaton and Tukey, "The fitting of power series", 1974 (biweight).
struct Tukey {
  template <class T>
  static Influence<T> at(T s, T c) {
    const T u = s / (c * c);
    const T v = choose(u < 1, 1 - u, T{});
    return {c * c / 3 * (1 - v * v * v), v * v, v * (1 - 5 * choose(u < 1, u, T{}))};
  }
};

// Geman and McClure, "Statistical methods for tomographic image reconstruction", 1987.
struct GemanMcClure {
  template <class T>
  static Influence<T> at(T s, T c) {
    const T q = 1 / (1 + s / (c * c));
    return {s * q, q * q, q * q * (4 * q - 3)};
  }
};

// Calls body with the loss as a type, once per block of pixels.
template <class Body>
void with_loss(LossKind kind, Body&& body) {
  switch (kind) {
    case LossKind::squared:
      return body(Squared{});
    case LossKind::huber:
      return body(Huber{});
    case LossKind::cauchy:
      return body(Cauchy{});
    case LossKind::tukey:
      return body(Tukey{});
    case LossKind::geman_mcclure:
      return body(GemanMcClure{});
  }
}

PHOTALIGN_ISA_END
