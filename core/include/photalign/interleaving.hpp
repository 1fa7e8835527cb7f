// Between vectors of one quantity and memory in which several quantities take turns.
#pragma once

#include <utility>

#include "kernels.hpp"
#include "simd.hpp"

PHOTALIGN_ISA_BEGIN

template <class V>
inline constexpr int size_of = static_cast<int>(sizeof(V) / sizeof(Scalar<V>));

template <class V, int... i>
inline V even_elements(V a, V b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, (2 * i)...);
}
template <class V, int... i>
inline V odd_elements(V a, V b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, (2 * i + 1)...);
}

// Of two vectors in a row.
template <class V>
inline V even_elements(V a, V b) {
  return even_elements(a, b, std::make_integer_sequence<int, size_of<V>>{});
}
template <class V>
inline V odd_elements(V a, V b) {
  return odd_elements(a, b, std::make_integer_sequence<int, size_of<V>>{});
}

// What took turns in n vectors in a row, [element][quantity], becomes one vector a quantity. n is a
// power of 2.
template <int n, class V>
[[gnu::always_inline]] inline void deinterleave(const V* from, V* to) {
  if constexpr (n == 1) {
    to[0] = from[0];
  } else {
    constexpr std::make_integer_sequence<int, size_of<V>> all{};
    V even[n / 2], odd[n / 2], first[n / 2], second[n / 2];
#pragma GCC unroll 16
    for (int i = 0; i < n / 2; ++i) {
      even[i] = even_elements(from[2 * i], from[2 * i + 1], all);
      odd[i] = odd_elements(from[2 * i], from[2 * i + 1], all);
    }
    deinterleave<n / 2>(even, first);
    deinterleave<n / 2>(odd, second);
#pragma GCC unroll 16
    for (int i = 0; i < n / 2; ++i) {
      to[2 * i] = first[i];
      to[2 * i + 1] = second[i];
    }
  }
}

// Element i of part `part` of a0 b0 a1 b1 ...
template <int part, class V, int... i>
inline V interleaved_2(V a, V b, std::integer_sequence<int, i...>) {
  constexpr int size = size_of<V>;
  return __builtin_shufflevector(a, b, ((part * size + i) % 2 * size + (part * size + i) / 2)...);
}

// The same of a0 b0 c0 a1 b1 c1 ..., in two steps.
template <int part, class V, int... i>
inline V interleaved_3(V a, V b, V c, std::integer_sequence<int, i...>) {
  constexpr int size = size_of<V>;
  const V ab = __builtin_shufflevector(
      a, b, ((part * size + i) % 3 == 1 ? size + (part * size + i) / 3 : (part * size + i) / 3)...);
  return __builtin_shufflevector(
      ab, c, ((part * size + i) % 3 == 2 ? size + (part * size + i) / 3 : i)...);
}

template <class V>
inline void interleave_2(V a, V b, V* to) {
  constexpr std::make_integer_sequence<int, size_of<V>> all{};
  to[0] = interleaved_2<0>(a, b, all);
  to[1] = interleaved_2<1>(a, b, all);
}

template <class V>
inline void interleave_3(V a, V b, V c, V* to) {
  constexpr std::make_integer_sequence<int, size_of<V>> all{};
  to[0] = interleaved_3<0>(a, b, c, all);
  to[1] = interleaved_3<1>(a, b, c, all);
  to[2] = interleaved_3<2>(a, b, c, all);
}

// n vectors become [element][quantity] in n vectors in a row.
template <int n, class V>
[[gnu::always_inline]] inline void interleave(const V* from, V* to) {
  if constexpr (n == 1) {
    to[0] = from[0];
  } else if constexpr (n == 2) {
    interleave_2(from[0], from[1], to);
  } else if constexpr (n == 3) {
    interleave_3(from[0], from[1], from[2], to);
  } else if constexpr (n == 4) {
    V even[2], odd[2];
    interleave_2(from[0], from[2], even);
    interleave_2(from[1], from[3], odd);
    interleave_2(even[0], odd[0], to);
    interleave_2(even[1], odd[1], to + 2);
  } else if constexpr (n == 6 && sizeof(Scalar<V>) == 4) {
    // Pairs of floats move like doubles.
    V pairs[3][2];
#pragma GCC unroll 3
    for (int i = 0; i < 3; ++i) interleave_2(from[2 * i], from[2 * i + 1], pairs[i]);
#pragma GCC unroll 2
    for (int half = 0; half < 2; ++half) {
      Double moved[3];
      interleave_3(reinterpret_cast<Double>(pairs[0][half]),
                   reinterpret_cast<Double>(pairs[1][half]),
                   reinterpret_cast<Double>(pairs[2][half]), moved);
#pragma GCC unroll 3
      for (int i = 0; i < 3; ++i) to[3 * half + i] = reinterpret_cast<V>(moved[i]);
    }
  } else {
    Scalar<V> room[n * size_of<V>];
    for (int i = 0; i < size_of<V>; ++i)
      for (int q = 0; q < n; ++q) room[i * n + q] = from[q][i];
    std::memcpy(to, room, sizeof room);
  }
}

// Writes the first `count` elements of each of n quantities as [element][quantity].
template <int n, class V>
[[gnu::always_inline]] inline void store_interleaved(Scalar<V>* to, const V* quantities,
                                                     int count) {
  V vectors[n];
  interleave<n>(quantities, vectors);
  if (count >= size_of<V>) [[likely]] {
#pragma GCC unroll 12
    for (int i = 0; i < n; ++i) store_vector(to + i * size_of<V>, vectors[i]);
  } else {
    for (int i = 0; i < count * n; ++i) to[i] = vectors[i / size_of<V>][i % size_of<V>];
  }
}

PHOTALIGN_ISA_END
