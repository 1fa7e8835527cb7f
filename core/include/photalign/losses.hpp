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
inline Double choose(Long mask, Double yes, Double no) { return select(mask, yes, no); }

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

inline Double square_root(Double v) {
#if defined(__AVX512F__)
  return reinterpret_cast<Double>(_mm512_sqrt_pd(reinterpret_cast<__m512d>(v)));
#elif defined(__AVX2__)
  return reinterpret_cast<Double>(_mm256_sqrt_pd(reinterpret_cast<__m256d>(v)));
#else
  for (int i = 0; i < lanes_of<double>; ++i) v[i] = std::sqrt(v[i]);
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

// The same in double: the rational function of fdlibm's log (Sun Microsystems, 1993), and what the
// sum 1 + v lost.
inline Double log_one_plus(Double v) {
  const Double u = v + 1;
  const Double lost = (v - (u - 1)) / u;
  Long bits = reinterpret_cast<Long>(u);
  const Long k = (bits - 0x3fe6a09e667f3bcdL) >> 52;
  bits -= k << 52;
  const Double f = reinterpret_cast<Double>(bits) - 1;
  const Double s = f / (f + 2);
  const Double z = s * s;
  Double p = splat(1.479819860511658591e-1);
  p = p * z + 1.531383769920937332e-1;
  p = p * z + 1.818357216161805012e-1;
  p = p * z + 2.222219843214978396e-1;
  p = p * z + 2.857142874366239149e-1;
  p = p * z + 3.999999999940941908e-1;
  p = p * z + 6.666666666666735130e-1;
  const Double half = 0.5 * f * f;
  const Double large = Double{} + 0x1.8p52;
  const Double exponent = reinterpret_cast<Double>(k + reinterpret_cast<Long>(large)) - large;
  return exponent * 6.931471805599453094e-1 + (f - (half - s * (half + z * p))) + lost;
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
