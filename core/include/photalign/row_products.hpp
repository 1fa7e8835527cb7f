// Sums over rows of products of two of their numbers: the upper triangle of A'B and what B has
// more.
#pragma once

#include "simd.hpp"

PHOTALIGN_ISA_BEGIN

// Rows of this many numbers can be read and written as vectors, and four at a time.
constexpr std::int64_t padded(std::int64_t count) {
  constexpr std::int64_t width = lanes_of<double> > 4 ? lanes_of<double> : 4;
  return (count + width - 1) / width * width;
}

// Rows of `left` and of `right`, padded; what lies in the padding is of no consequence.
struct RowPairs {
  const double* left;
  const double* right;
  std::int64_t left_size;
  std::int64_t right_size;
  std::int64_t count;
};

// Adds four rows of the products, `vectors` vectors wide, which stay in registers meanwhile.
template <int vectors>
[[gnu::always_inline]] inline void add_tile(const RowPairs& rows, std::int64_t i, std::int64_t j,
                                            double* sums) {
  constexpr int width = lanes_of<double>;
  Double total[4][vectors] = {};
  const double* left = rows.left + i;
  const double* right = rows.right + j;
  for (std::int64_t k = 0; k < rows.count; ++k) {
    Double factor[vectors];
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) factor[v] = load(right + v * width);
#pragma GCC unroll 4
    for (int u = 0; u < 4; ++u) {
      const Double one = splat(left[u]);
#pragma GCC unroll 4
      for (int v = 0; v < vectors; ++v) total[u][v] += one * factor[v];
    }
    left += rows.left_size;
    right += rows.right_size;
  }
#pragma GCC unroll 4
  for (int u = 0; u < 4; ++u)
#pragma GCC unroll 4
    for (int v = 0; v < vectors; ++v) {
      double* to = sums + (i + u) * rows.right_size + j + v * width;
      store(to, load(to) + total[u][v]);
    }
}

// sums[i][j] += sum over the rows of left[i] * right[j], for all i and j >= i; some below, too.
// `sums` has rows of right_size numbers.
inline void add_products(const RowPairs& rows, double* sums) {
  constexpr int width = lanes_of<double>;
  for (std::int64_t i = 0; i < rows.left_size; i += 4) {
    std::int64_t j = i / width * width;
    for (; j + 3 * width <= rows.right_size; j += 3 * width) add_tile<3>(rows, i, j, sums);
    if (j + 2 * width <= rows.right_size) {
      add_tile<2>(rows, i, j, sums);
    } else if (j + width <= rows.right_size) {
      add_tile<1>(rows, i, j, sums);
    }
  }
}

PHOTALIGN_ISA_END
