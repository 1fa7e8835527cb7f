// Sums over rows of the products of their numbers: a matrix times another's transpose.
#pragma once

#include "simd.hpp"

PHOTALIGN_ISA_BEGIN

// Rows of this many numbers can be read and written as vectors.
constexpr std::int64_t padded(std::int64_t count) {
  constexpr std::int64_t width = lanes_of<double>;
  return (count + width - 1) / width * width;
}

// Row k has `left_count` numbers at left + k * left_stride and `right_count` at right + k *
// right_stride; the latter are read as vectors, and what lies in the padding is of no consequence.
// Of the products left[i] * right[j] only those with j >= i are wanted where both are below
// `right_count`.
struct RowPairs {
  const double* left;
  const double* right;
  std::int64_t left_count, left_stride;
  std::int64_t right_count, right_stride;
  std::int64_t rows;
};

// Registers that a tile of sums may take.
inline constexpr int max_sums = 12;

// Adds `height` rows of products, `vectors` vectors wide, which stay in registers meanwhile.
template <int height, int vectors>
void add_tile(const RowPairs& pairs, std::int64_t i, std::int64_t j, double* sums) {
  constexpr int width = lanes_of<double>;
  Double total[height][vectors] = {};
  const double* left = pairs.left + i;
  const double* right = pairs.right + j;
  for (std::int64_t k = 0; k < pairs.rows; ++k) {
    Double factor[vectors];
#pragma GCC unroll 3
    for (int v = 0; v < vectors; ++v) factor[v] = load(right + v * width);
#pragma GCC unroll 12
    for (int u = 0; u < height; ++u) {
      const Double one = splat(left[u]);
#pragma GCC unroll 3
      for (int v = 0; v < vectors; ++v) total[u][v] += one * factor[v];
    }
    left += pairs.left_stride;
    right += pairs.right_stride;
  }
  const std::int64_t size = padded(pairs.right_count);
#pragma GCC unroll 12
  for (int u = 0; u < height; ++u)
#pragma GCC unroll 3
    for (int v = 0; v < vectors; ++v) {
      double* to = sums + (i + u) * size + j + v * width;
      store(to, load(to) + total[u][v]);
    }
}

template <int vectors, int height = max_sums / vectors>
void add_tile_of(std::int64_t tall, const RowPairs& pairs, std::int64_t i, std::int64_t j,
                 double* sums) {
  if constexpr (height > 1)
    if (tall < height) return add_tile_of<vectors, height - 1>(tall, pairs, i, j, sums);
  add_tile<height, vectors>(pairs, i, j, sums);
}

// Adds all products that are wanted, and some more, to rows of padded(right_count) sums.
inline void add_products(const RowPairs& pairs, double* sums) {
  constexpr int width = lanes_of<double>;
  const std::int64_t end = padded(pairs.right_count);
  std::int64_t i = 0;
  while (i < pairs.left_count) {
    const std::int64_t begin = i < pairs.right_count ? i / width * width : 0;
    const std::int64_t below = begin == 0 ? pairs.left_count : pairs.right_count;
    const std::int64_t wide = (end - begin) / width < 3 ? (end - begin) / width : 3;
    const std::int64_t most = max_sums / wide;
    // Tiles of one height rather than a low one at the end: few sums wait for one another.
    const std::int64_t tiles = (below - i + most - 1) / most;
    const std::int64_t tall = (below - i + tiles - 1) / tiles;
    for (std::int64_t j = begin; j < end;) {
      const std::int64_t left = (end - j) / width;
      if (left >= 3) {
        add_tile_of<3>(tall, pairs, i, j, sums);
        j += 3 * width;
      } else if (left == 2) {
        add_tile_of<2>(tall, pairs, i, j, sums);
        j += 2 * width;
      } else {
        add_tile_of<1>(tall, pairs, i, j, sums);
        j += width;
      }
    }
    i += tall;
  }
}

PHOTALIGN_ISA_END
