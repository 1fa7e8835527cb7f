// Four values at a time: the channels of one pixel, or neighboring pixels of one row.
//
// The vectors of simd.hpp are as wide as the machine's; these are what one sample needs,
// everywhere.
#pragma once

#include <cstdint>
#include <cstring>

#include "isa.hpp"

#if defined(__SSE2__)
#include <immintrin.h>
#endif

PHOTALIGN_ISA_BEGIN

template <class S>
struct QuadOf {
  typedef S type __attribute__((vector_size(4 * sizeof(S))));
};
template <class S>
using Quad = typename QuadOf<S>::type;

// Four consecutive elements of an image, as S. Reads these four and no byte more.
template <class S, class T>
inline Quad<S> load_quad(const T* from) {
  Quad<T> v;
  std::memcpy(&v, from, sizeof v);
  return __builtin_convertvector(v, Quad<S>);
}

#if defined(__SSE2__)
// GCC widens small integers one by one; the machine does four at once.
template <>
inline Quad<float> load_quad<float>(const std::uint8_t* from) {
  std::int32_t four;
  std::memcpy(&four, from, sizeof four);
  const __m128i v = _mm_cvtsi32_si128(four);
#if defined(__SSE4_1__)
  const __m128i wide = _mm_cvtepu8_epi32(v);
#else
  const __m128i zero = _mm_setzero_si128();
  const __m128i wide = _mm_unpacklo_epi16(_mm_unpacklo_epi8(v, zero), zero);
#endif
  return reinterpret_cast<Quad<float>>(_mm_cvtepi32_ps(wide));
}

template <>
inline Quad<float> load_quad<float>(const std::uint16_t* from) {
  const __m128i v = _mm_loadl_epi64(reinterpret_cast<const __m128i*>(from));
#if defined(__SSE4_1__)
  const __m128i wide = _mm_cvtepu16_epi32(v);
#else
  const __m128i wide = _mm_unpacklo_epi16(v, _mm_setzero_si128());
#endif
  return reinterpret_cast<Quad<float>>(_mm_cvtepi32_ps(wide));
}
#endif

// Elements 1, 2, 3 in the places 0, 1, 2.
template <class V>
inline V drop_first(V v) {
  return __builtin_shufflevector(v, v, 1, 2, 3, 3);
}

template <class V>
inline auto add_lanes(V v) {
  const V halves = v + __builtin_shufflevector(v, v, 2, 3, 0, 1);
  return halves[0] + halves[1];
}

// Writes the first `count` lanes only.
template <int count, class S, class V>
inline void store_lanes(S* to, V v) {
  if constexpr (count == 3) {
    const auto two = __builtin_shufflevector(v, v, 0, 1);
    std::memcpy(to, &two, sizeof two);
    to[2] = v[2];
  } else {
    std::memcpy(to, &v, count * sizeof(S));
  }
}

// a0 b0 a1 b1 ... of the first `count` lanes, without writing more than these.
template <int count, class S, class V>
inline void store_interleaved(S* to, V a, V b) {
  const V low = __builtin_shufflevector(a, b, 0, 4, 1, 5);
  const V high = __builtin_shufflevector(a, b, 2, 6, 3, 7);
  std::memcpy(to, &low, sizeof low);
  std::memcpy(to + 4, &high, (2 * count - 4) * sizeof(S));
}

PHOTALIGN_ISA_END
