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

// Half as many doubles fill a vector.
using Double = double __attribute__((vector_size(lanes * sizeof(float))));
using Long = std::int64_t __attribute__((vector_size(lanes * sizeof(float))));

// As many numbers of 32 bits as there are doubles in a vector.
using HalfFloat = float __attribute__((vector_size(sizeof(Float) / 2)));
using HalfInt = std::int32_t __attribute__((vector_size(sizeof(Int) / 2)));

// The vector of S, and of integers of the size of S: what a comparison gives.
template <class S>
struct VectorsOf;
template <>
struct VectorsOf<float> {
  using Numbers = Float;
  using Mask = Int;
};
template <>
struct VectorsOf<double> {
  using Numbers = Double;
  using Mask = Long;
};
template <class S>
using Vector = typename VectorsOf<S>::Numbers;
template <class S>
using MaskOf = typename VectorsOf<S>::Mask;
template <class S>
inline constexpr int lanes_of =
    lanes * static_cast<int>(sizeof(float)) / static_cast<int>(sizeof(S));

template <class S>
inline int min_lanes(int count) {
  return count < lanes_of<S> ? count : lanes_of<S>;
}

// A window is two vectors of consecutive floats; permuting it beats a gather where the hardware
// can.
#if defined(__AVX2__) || defined(__AVX512F__)
inline constexpr bool has_window = true;
#else
inline constexpr bool has_window = false;
#endif

inline Float splat(float value) { return value - Float{}; }
inline Int splat(std::int32_t value) { return value - Int{}; }
inline Double splat(double value) { return value - Double{}; }

inline Float load(const float* from) {
  Float v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

inline void store(float* to, Float v) { std::memcpy(to, &v, sizeof v); }

template <class V>
inline V load_vector(const void* from) {
  V v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

template <class V>
inline void store_vector(void* to, V v) {
  std::memcpy(to, &v, sizeof v);
}

inline Double load(const double* from) {
  Double v;
  std::memcpy(&v, from, sizeof v);
  return v;
}

inline void store(double* to, Double v) { std::memcpy(to, &v, sizeof v); }

inline Float iota() {
  Float v;
  for (int i = 0; i < lanes; ++i) v[i] = static_cast<float>(i);
  return v;
}

inline Int whole_iota() {
  Int v;
  for (int i = 0; i < lanes; ++i) v[i] = i;
  return v;
}

inline Float select(Int mask, Float yes, Float no) { return mask ? yes : no; }
inline Int select(Int mask, Int yes, Int no) { return mask ? yes : no; }
inline Double select(Long mask, Double yes, Double no) { return mask ? yes : no; }
inline Float min(Float a, Float b) { return a < b ? a : b; }
inline Float max(Float a, Float b) { return a > b ? a : b; }

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
inline Float load_as_float(const std::int16_t* from) {
  const __m256i shorts = _mm256_loadu_si256(reinterpret_cast<const __m256i_u*>(from));
  return __builtin_convertvector(reinterpret_cast<Int>(_mm512_cvtepi16_epi32(shorts)), Float);
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
inline Float load_as_float(const std::int16_t* from) {
  const __m128i shorts = _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from));
  return __builtin_convertvector(reinterpret_cast<Int>(_mm256_cvtepi16_epi32(shorts)), Float);
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

// Between doubles and numbers of 32 bits. (Here, too, GCC 12 takes generic conversions apart.)
#if defined(__AVX512F__)
inline HalfInt truncate(Double v) {
  return reinterpret_cast<HalfInt>(_mm512_cvttpd_epi32(reinterpret_cast<__m512d>(v)));
}
inline Double to_double(HalfInt v) {
  return reinterpret_cast<Double>(_mm512_cvtepi32_pd(reinterpret_cast<__m256i>(v)));
}
inline HalfFloat to_float(Double v) {
  return reinterpret_cast<HalfFloat>(_mm512_cvtpd_ps(reinterpret_cast<__m512d>(v)));
}
#elif defined(__AVX2__)
inline HalfInt truncate(Double v) {
  return reinterpret_cast<HalfInt>(_mm256_cvttpd_epi32(reinterpret_cast<__m256d>(v)));
}
inline Double to_double(HalfInt v) {
  return reinterpret_cast<Double>(_mm256_cvtepi32_pd(reinterpret_cast<__m128i>(v)));
}
inline HalfFloat to_float(Double v) {
  return reinterpret_cast<HalfFloat>(_mm256_cvtpd_ps(reinterpret_cast<__m256d>(v)));
}
#else
inline HalfInt truncate(Double v) { return __builtin_convertvector(v, HalfInt); }
inline Double to_double(HalfInt v) { return __builtin_convertvector(v, Double); }
inline HalfFloat to_float(Double v) { return __builtin_convertvector(v, HalfFloat); }
#endif

// Four numbers, whatever the width of vectors.
using FourFloats = float __attribute__((vector_size(16)));

inline FourFloats load_four_as_float(const double* from) {
#if defined(__AVX512F__) || defined(__AVX2__)
  return reinterpret_cast<FourFloats>(_mm256_cvtpd_ps(_mm256_loadu_pd(from)));
#else
  FourFloats v;
  for (int i = 0; i < 4; ++i) v[i] = static_cast<float>(from[i]);
  return v;
#endif
}

inline void transpose(FourFloats (&rows)[4]) {
  using Order = std::int32_t __attribute__((vector_size(16)));
  const auto mix = [](FourFloats a, FourFloats b, Order order) {
#if defined(__clang__)
    FourFloats v;
    for (int i = 0; i < 4; ++i) v[i] = order[i] < 4 ? a[order[i]] : b[order[i] - 4];
    return v;
#else
    return __builtin_shuffle(a, b, order);
#endif
  };
  constexpr Order low{0, 4, 1, 5}, high{2, 6, 3, 7}, first{0, 1, 4, 5}, second{2, 3, 6, 7};
  const FourFloats a = mix(rows[0], rows[1], low), b = mix(rows[0], rows[1], high);
  const FourFloats c = mix(rows[2], rows[3], low), d = mix(rows[2], rows[3], high);
  rows[0] = mix(a, c, first);
  rows[1] = mix(a, c, second);
  rows[2] = mix(b, d, first);
  rows[3] = mix(b, d, second);
}

inline Double floor_of_positive(Double v) {
#if defined(__AVX512F__)
  return reinterpret_cast<Double>(_mm512_roundscale_pd(reinterpret_cast<__m512d>(v), 1));
#elif defined(__AVX2__)
  return reinterpret_cast<Double>(_mm256_floor_pd(reinterpret_cast<__m256d>(v)));
#else
  return to_double(truncate(v));
#endif
}

// Of any number that an Int can hold.
inline Double floor(Double v) {
#if defined(__AVX512F__) || defined(__AVX2__)
  return floor_of_positive(v);  // there it is one instruction for all
#else
  const Double whole = to_double(truncate(v));
  return select(whole > v, whole - 1, whole);
#endif
}

// Of whole numbers below 2^51. Beside the number that is added there is no room for a fraction, so
// that the bits of the sum count.
inline Long to_long(Double v) {
  const Double large = Double{} + 0x1.8p52;
  return reinterpret_cast<Long>(v + large) - reinterpret_cast<Long>(large);
}

inline Int shift_right_unsigned(Int v, int bits) {
  using Unsigned = std::uint32_t __attribute__((vector_size(sizeof(Int))));
  return reinterpret_cast<Int>(reinterpret_cast<Unsigned>(v) >> static_cast<unsigned>(bits));
}

// Byte i of every number.
inline Int byte_of(Int v, int i) {
#if defined(__AVX512F__) || defined(__AVX2__)
  // Bytes move within 16; an index with the highest bit gives 0.
  Int pattern;
  for (int k = 0; k < lanes; ++k)
    pattern[k] = static_cast<std::int32_t>(0x80808000u) + k % 4 * 4 + i;
#if defined(__AVX512F__)
  return reinterpret_cast<Int>(
      _mm512_shuffle_epi8(reinterpret_cast<__m512i>(v), reinterpret_cast<__m512i>(pattern)));
#else
  return reinterpret_cast<Int>(
      _mm256_shuffle_epi8(reinterpret_cast<__m256i>(v), reinterpret_cast<__m256i>(pattern)));
#endif
#else
  return shift_right_unsigned(v, 8 * i) & 0xff;
#endif
}

inline bool all_true(Int mask) {
#if defined(__AVX512F__)
  const __m512i m = reinterpret_cast<__m512i>(mask);
  return _mm512_test_epi32_mask(m, m) == 0xffff;
#elif defined(__AVX2__)
  return _mm256_movemask_epi8(reinterpret_cast<__m256i>(mask)) == -1;
#else
  bool all = true;
  for (int i = 0; i < lanes; ++i) all &= mask[i] != 0;
  return all;
#endif
}

// All ones where v is neither NaN nor infinite.
inline Int is_finite(Float v) { return (v - v) == Float{}; }
inline Long is_finite(Double v) { return (v - v) == Double{}; }

inline bool all_finite(Float v) {
#if defined(__AVX512F__)
  return _mm512_fpclass_ps_mask(reinterpret_cast<__m512>(v), 0x99) == 0;  // NaN or infinite
#elif defined(__AVX2__)
  const __m256 rest = reinterpret_cast<__m256>(v - v);
  return _mm256_movemask_ps(_mm256_cmp_ps(rest, rest, _CMP_ORD_Q)) == 0xff;
#else
  return all_true(is_finite(v));
#endif
}

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

inline std::int32_t least(Int v) {
#if defined(__AVX512F__)
  return _mm512_reduce_min_epi32(reinterpret_cast<__m512i>(v));
#else
  std::int32_t found = v[0];
  for (int i = 1; i < lanes; ++i) found = v[i] < found ? v[i] : found;
  return found;
#endif
}

inline std::int32_t greatest(Int v) {
#if defined(__AVX512F__)
  return _mm512_reduce_max_epi32(reinterpret_cast<__m512i>(v));
#else
  std::int32_t found = v[0];
  for (int i = 1; i < lanes; ++i) found = v[i] > found ? v[i] : found;
  return found;
#endif
}

// Sum of the lanes, in double, in lane order.
inline double sum(Float v) {
  double total = 0;
  for (int i = 0; i < lanes; ++i) total += static_cast<double>(v[i]);
  return total;
}

PHOTALIGN_ISA_END
