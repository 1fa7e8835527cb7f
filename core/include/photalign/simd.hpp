// The one thin layer over the vector unit: `lanes` floats or ints at a time.
//
// GCC and Clang vector extensions give arithmetic, comparison and selection on every machine; the
// few operations that they lack (lookup in a window, gather) are written here per instruction set.
#pragma once

#include <cstdint>
#include <cstring>

#include "isa.hpp"

#if defined(__AVX2__) || defined(__AVX512F__)
#include <immintrin.h>
#endif

PHOTALIGN_ISA_BEGIN

#if defined(__AVX512F__)
inline constexpr int lanes = 16;
#elif defined(__AVX2__)
inline constexpr int lanes = 8;
#else
inline constexpr int lanes = 4;
#endif

using Float = float __attribute__((vector_size(lanes * sizeof(float))));
using Int = std::int32_t __attribute__((vector_size(lanes * sizeof(std::int32_t))));

// A window is two vectors of consecutive floats; permuting it beats a gather where the hardware
// can.
#if defined(__AVX2__) || defined(__AVX512F__)
inline constexpr bool has_window = true;
#else
inline constexpr bool has_window = false;
#endif

inline Float splat(float value) { return value - Float{}; }
inline Int splat(std::int32_t value) { return value - Int{}; }

inline Float load(const float* from) {
  Float v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

inline void store(float* to, Float v) { std::memcpy(to, &v, sizeof v); }

inline Float iota() {
  Float v;
  for (int i = 0; i < lanes; ++i) v[i] = static_cast<float>(i);
  return v;
}

inline Float select(Int mask, Float yes, Float no) { return mask ? yes : no; }
inline Int select(Int mask, Int yes, Int no) { return mask ? yes : no; }
inline Float min(Float a, Float b) { return a < b ? a : b; }
inline Float max(Float a, Float b) { return a > b ? a : b; }
inline Int min(Int a, Int b) { return a < b ? a : b; }
inline Int max(Int a, Int b) { return a > b ? a : b; }

// The same from smaller types, aligned or not. (GCC 12 takes a generic conversion of vectors
// apart.)
inline Float load_as_float(const float* from) { return load(from); }
#if defined(__AVX512F__)
inline Float load_as_float(const std::uint8_t* from) {
  const __m128i bytes = _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from));
  return __builtin_convertvector(reinterpret_cast<Int>(_mm512_cvtepu8_epi32(bytes)), Float);
}
inline Float load_as_float(const std::uint16_t* from) {
  const __m256i shorts = _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(from));
  return __builtin_convertvector(reinterpret_cast<Int>(_mm512_cvtepu16_epi32(shorts)), Float);
}
#elif defined(__AVX2__)
inline Float load_as_float(const std::uint8_t* from) {
  const __m128i bytes = _mm_loadl_epi64(reinterpret_cast<const __m128i_u*>(from));
  return __builtin_convertvector(reinterpret_cast<Int>(_mm256_cvtepu8_epi32(bytes)), Float);
}
inline Float load_as_float(const std::uint16_t* from) {
  const __m128i shorts = _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from));
  return __builtin_convertvector(reinterpret_cast<Int>(_mm256_cvtepu16_epi32(shorts)), Float);
}
#else
template <class T>
Float load_as_float(const T* from) {
  Float v;
  for (int i = 0; i < lanes; ++i) {
    T number;
    std::memcpy(&number, from + i, sizeof number);
    v[i] = static_cast<float>(number);
  }
  return v;
}
#endif

// Rounds towards zero; NaN and values out of range give an unspecified int, so clamp before use.
inline Int truncate(Float v) { return __builtin_convertvector(v, Int); }
inline Float to_float(Int v) { return __builtin_convertvector(v, Float); }

// All ones where v is neither NaN nor infinite.
inline Int is_finite(Float v) { return (v - v) == Float{}; }

// Lane i of the result is element index[i] of the window (low, high); 0 <= index < 2 * lanes.
inline Float lookup(Float low, Float high, Int index) {
#if defined(__AVX512F__)
  return reinterpret_cast<Float>(_mm512_permutex2var_ps(reinterpret_cast<__m512>(low),
                                                        reinterpret_cast<__m512i>(index),
                                                        reinterpret_cast<__m512>(high)));
#elif defined(__AVX2__)
  const __m256i i = reinterpret_cast<__m256i>(index);
  const __m256 a = _mm256_permutevar8x32_ps(reinterpret_cast<__m256>(low), i);
  const __m256 b = _mm256_permutevar8x32_ps(reinterpret_cast<__m256>(high), i);
  // Bit 3 of the index says which half; moved to the sign it steers the blend.
  return reinterpret_cast<Float>(
      _mm256_blendv_ps(a, b, _mm256_castsi256_ps(_mm256_slli_epi32(i, 28))));
#else
  Float v;
  for (int k = 0; k < lanes; ++k) v[k] = index[k] < lanes ? low[index[k]] : high[index[k] - lanes];
  return v;
#endif
}

// Lane i of the result is from[index[i]].
inline Float gather(const float* from, Int index) {
#if defined(__AVX512F__)
  return reinterpret_cast<Float>(_mm512_i32gather_ps(reinterpret_cast<__m512i>(index), from, 4));
#else
  Float v;
  for (int k = 0; k < lanes; ++k) v[k] = from[index[k]];
  return v;
#endif
}

// Sum of the lanes, in double, in lane order.
inline double sum(Float v) {
  double total = 0;
  for (int i = 0; i < lanes; ++i) total += static_cast<double>(v[i]);
  return total;
}

PHOTALIGN_ISA_END
