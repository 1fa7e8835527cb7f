// Vectors of elements that lie some elements apart, as one channel of a color image does.
#pragma once

#include <cstddef>

#include "simd.hpp"

PHOTALIGN_ISA_BEGIN

#if defined(__AVX2__) || defined(__AVX512F__)
inline constexpr bool has_spaced = true;
#else
inline constexpr bool has_spaced = false;
#endif

// So many are loaded together: 16 bytes' shuffles bring along whole vectors of small elements.
template <class T, int step>
inline constexpr int spaced_together =
    step == 1 || sizeof(T) == sizeof(float) ? lanes : (sizeof(T) == 1 || lanes == 16 ? 16 : lanes);

#if defined(__AVX2__) || defined(__AVX512F__)

// Which of a few loads of `size` elements each holds every `step`-th element, and where. Nothing
// beyond the last of these is loaded: the last load ends with it, and overlaps the one before.
template <int size, int step>
struct SpacedLoads {
  static constexpr int span = (size - 1) * step + 1;
  static constexpr int count = (span + size - 1) / size;

  static constexpr int begin(int load) { return load + 1 < count ? load * size : span - size; }
  // By element of the result.
  static constexpr int load_of(int element) {
    return element * step / size < count - 1 ? element * step / size : count - 1;
  }
  static constexpr int place_of(int element) { return element * step - begin(load_of(element)); }
};

// 16 bytes of elements of T.
template <class T, int step>
inline __m128i spaced_bytes(const std::byte* from) {
  constexpr int bytes = sizeof(T);
  using Loads = SpacedLoads<16 / bytes, step>;
  using Bytes = char __attribute__((vector_size(16)));
  __m128i found = _mm_setzero_si128();
#pragma GCC unroll 4
  for (int load = 0; load < Loads::count; ++load) {
    // An index with the highest bit gives 0.
    Bytes places;
#pragma GCC unroll 16
    for (int i = 0; i < 16; ++i)
      places[i] = static_cast<char>(Loads::load_of(i / bytes) == load
                                        ? Loads::place_of(i / bytes) * bytes + i % bytes
                                        : -128);
    const __m128i loaded =
        _mm_loadu_si128(reinterpret_cast<const __m128i_u*>(from + Loads::begin(load) * bytes));
    found = _mm_or_si128(found, _mm_shuffle_epi8(loaded, reinterpret_cast<__m128i>(places)));
  }
  return found;
}

template <int step>
inline Float spaced_floats(const std::byte* from) {
  using Loads = SpacedLoads<lanes, step>;
  Float found = load_vector<Float>(from);
#pragma GCC unroll 4
  for (int load = 1; load < Loads::count; ++load) {
    Int places;
#pragma GCC unroll 16
    for (int i = 0; i < lanes; ++i) {
      const int from_load = Loads::load_of(i);
      const int before = load == 1 ? i * step % lanes : i;
      places[i] = from_load == load ? lanes + Loads::place_of(i) : before;
    }
    found = lookup(found, load_vector<Float>(from + Loads::begin(load) * 4), places);
  }
  return found;
}

#if defined(__AVX512F__)
template <int step>
inline void load_bytes(const std::byte* from, Float* to) {
  const __m128i bytes = spaced_bytes<std::uint8_t, step>(from);
  to[0] = to_float(reinterpret_cast<Int>(_mm512_cvtepu8_epi32(bytes)));
}
template <int step>
inline void load_shorts(const std::byte* from, Float* to) {
  const __m256i shorts = _mm256_set_m128i(spaced_bytes<std::uint16_t, step>(from + 16 * step),
                                          spaced_bytes<std::uint16_t, step>(from));
  to[0] = to_float(reinterpret_cast<Int>(_mm512_cvtepu16_epi32(shorts)));
}
#else
template <int step>
inline void load_bytes(const std::byte* from, Float* to) {
  const __m128i bytes = spaced_bytes<std::uint8_t, step>(from);
  to[0] = to_float(reinterpret_cast<Int>(_mm256_cvtepu8_epi32(bytes)));
  to[1] = to_float(reinterpret_cast<Int>(_mm256_cvtepu8_epi32(_mm_srli_si128(bytes, 8))));
}
template <int step>
inline void load_shorts(const std::byte* from, Float* to) {
  const __m128i shorts = spaced_bytes<std::uint16_t, step>(from);
  to[0] = to_float(reinterpret_cast<Int>(_mm256_cvtepu16_epi32(shorts)));
}
#endif

#endif

// spaced_together<T, step> elements as floats.
template <class T, int step>
inline void load_spaced(const std::byte* from, Float* to) {
  if constexpr (step == 1) {
    to[0] = load_as_float(reinterpret_cast<const T*>(from));
    return;
  }
#if defined(__AVX2__) || defined(__AVX512F__)
  else if constexpr (sizeof(T) == sizeof(float)) {
    to[0] = spaced_floats<step>(from);
  } else if constexpr (sizeof(T) == 1) {
    load_bytes<step>(from, to);
  } else {
    load_shorts<step>(from, to);
  }
#endif
}

PHOTALIGN_ISA_END
