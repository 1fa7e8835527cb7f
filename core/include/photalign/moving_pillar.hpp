// The moving image where the pixels of a pillar go: value and gradient of the kernel's interpolant.
#pragma once

#include "pillar_positions.hpp"
#include "second_differences.hpp"

PHOTALIGN_ISA_BEGIN

// A vector of samples.
struct Samples {
  Float value, gx, gy;
};

// Value and slope of the kernel's interpolant along one axis, where `tap(k)` is tap k.
template <class K, class Tap>
PHOTALIGN_INLINE void interpolate(const SecondDifferences<K>& at, Tap&& tap, Float& value,
                                  Float& slope) {
  constexpr int before = K::taps / 2 - 1;
  Float p[K::taps], d[K::taps - 1];
#pragma GCC unroll 8
  for (int k = 0; k < K::taps; ++k) {
    p[k] = tap(k);
    if (k > 0) d[k - 1] = p[k] - p[k - 1];
  }
  value = p[before] + at.t * d[before];
  slope = d[before];
#pragma GCC unroll 8
  for (int k = 0; k < at.count; ++k) {
    const Float e = d[k + 1] - d[k];
    value += at.value[k] * e;
    slope += at.slope[k] * e;
  }
}

// Samples whose taps are in K::taps + span rows from `from` on. `row` says in which of these a
// sample begins, `tap(from, k)` is tap k of all samples in a row.
template <class K, bool Gradient, int span, class Tap>
PHOTALIGN_INLINE Samples sample_rows(const float* from, std::int64_t stride, Int row, Float tx,
                                     Float ty, Tap&& tap) {
  const SecondDifferences<K> x(tx), y(ty);
  const TapWeights<K> weights(x);
  Float value[K::taps], slope[K::taps];
#pragma GCC unroll 16
  for (int j = 0; j < K::taps + span; ++j, from += stride) {
    const auto of_row = [&](int k) { return tap(from, k); };
    Float v, s{};
    if constexpr (Gradient)
      interpolate<K>(x, of_row, v, s);
    else
      v = weights.sum(of_row);
    // Each sample takes the rows of its own footprint, no matter what is in the others.
#pragma GCC unroll 8
    for (int e = 0; e <= span; ++e) {
      const int k = j - e;
      if (k < 0 || k >= K::taps) continue;
      const Int here = row == splat(e);
      value[k] = e == 0 ? v : select(here, v, value[k]);
      slope[k] = e == 0 ? s : select(here, s, slope[k]);
    }
  }
  const auto of_value = [&value](int k) { return value[k]; };
  if constexpr (!Gradient) {
    return {TapWeights<K>(y).sum(of_value), Float{}, Float{}};
  } else {
    Samples samples;
    Float unused;
    interpolate<K>(y, of_value, samples.value, samples.gy);
    interpolate<K>(y, [&slope](int k) { return slope[k]; }, samples.gx, unused);
    return samples;
  }
}

// The same in a window of two vectors of columns, where a sample begins in `column`.
template <class K, bool Gradient, int span>
PHOTALIGN_INLINE Samples sample_window(const float* from, std::int64_t stride, Int column, Int row,
                                       Float tx, Float ty) {
  return sample_rows<K, Gradient, span>(
      from, stride, row, tx, ty,
      [column](const float* at, int k) { return lookup(load(at), load(at + lanes), column + k); });
}

// Where the footprint of a position begins, and how far into its cell it is. The last cell is
// closed on the right, so that the last pixel of the image can be reached.
struct Cell {
  Int index;
  Float t;
  Int valid;

  Cell(Float position, int first, int last) {
    const Float low = splat(static_cast<float>(first)), high = splat(static_cast<float>(last));
    const Float inside = max(min(position, high), low);
    index = truncate(inside);
    index += to_float(index) > inside;  // the floor: what is true is -1
    t = position - to_float(index);
    valid = (t >= 0) & (t <= 1);
  }
};

// The least and the greatest of the indices of a vector.
struct Range {
  int low, high;

  Range(Int index, bool is_monotone) {
    const int a = index[0], b = index[lanes - 1];
    low = is_monotone ? (a < b ? a : b) : least(index);
    high = is_monotone ? (a < b ? b : a) : greatest(index);
  }
};

// Samples at any positions, from the cell at (column, row) of the patch. Says which are valid.
// Monotone positions never turn around, so that those between two others lie between them.
template <class K, bool Gradient>
[[gnu::noinline]] void sample_anywhere(const Patch& patch, int column, int row, const Float* at,
                                       bool is_monotone, Samples& samples, Int& valid) {
  const int last_x = static_cast<int>(patch.rect.width) - K::taps;
  const int last_y = static_cast<int>(patch.rect.height) - K::taps;
  const Cell x(at[0], -column, last_x - column), y(at[1], -row, last_y - row);
  valid = x.valid & y.valid;
  const Range columns(x.index, is_monotone), rows(y.index, is_monotone);
  const float* from = patch.data + (row + rows.low) * patch.stride + (column + columns.low);
  const Int right = x.index - splat(columns.low), down = y.index - splat(rows.low);
  const bool narrow = has_window && columns.high - columns.low + K::taps <= 2 * lanes;
  const int more_rows = rows.high - rows.low;
  const auto window = [&](auto span) {
    samples = sample_window<K, Gradient, decltype(span)::value>(from, patch.stride, right, down,
                                                                x.t, y.t);
  };
  if (narrow && more_rows <= 1) {
    window(std::integral_constant<int, 1>{});
  } else if (narrow && more_rows <= 3) {
    window(std::integral_constant<int, 3>{});
  } else {
    const Int index = down * splat(static_cast<std::int32_t>(patch.stride)) + right;
    samples = sample_rows<K, Gradient, 0>(
        from, patch.stride, Int{}, x.t, y.t,
        [index](const float* p, int k) { return gather(p + k, index); });
  }
}

// Samples of rows [begin, end), which lie alike. `taker` takes each.
template <class K, bool Gradient, int lie, class Taker>
void sample_alike(const Patch& patch, const PillarPositions& positions, int begin, int end,
                  const Taker& taker) {
  const Taker by = taker;
  constexpr bool side_by_side = lie < Lie::window;
  constexpr int span = side_by_side ? lie : lie - Lie::window;
  for (int j = begin; j < end; ++j) {
    const float* from = patch.data + positions.row[j] * patch.stride + positions.column[j];
    Float x, y;
    side_by_side ? positions.in_cells(j, x, y) : positions.at_matrix(j, x, y);
    Int row{};
    if constexpr (span > 0) {
      row = truncate(y);
      row = select(row > span, splat(span), row);
      y -= to_float(row);
    }
    Samples samples;
    if constexpr (side_by_side) {
      samples = sample_rows<K, Gradient, span>(from, patch.stride, row, x, y,
                                               [](const float* at, int k) { return load(at + k); });
    } else {
      const Int column = truncate(x);
      samples = sample_window<K, Gradient, span>(from, patch.stride, column, row,
                                                 x - to_float(column), y);
    }
    if constexpr (Gradient) positions.pull_back_matrix(j, samples.gx, samples.gy);
    by.take(j, samples);
  }
}

// The samples of all rows of a pillar. `taker.take(j, samples)` takes those of row j, or, where
// positions may be invalid, `take(j, samples, valid)`.
template <class K, bool Gradient, class Taker>
void sample_pillar(const Patch& patch, const PillarPositions& positions, int rows,
                   const Taker& taker) {
  for (int begin = 0, end; begin < rows; begin = end) {
    const int lie = positions.lie[begin];
    end = begin + 1;
    while (end < rows && positions.lie[end] == lie) ++end;
    const auto alike = [&](auto constant) {
      sample_alike<K, Gradient, decltype(constant)::value>(patch, positions, begin, end, taker);
    };
    switch (lie) {
      case 0:
        alike(std::integral_constant<int, 0>{});
        break;
      case 1:
        alike(std::integral_constant<int, 1>{});
        break;
      case 2:
        if constexpr (has_window) alike(std::integral_constant<int, 2>{});
        break;
      case 3:
        if constexpr (has_window) alike(std::integral_constant<int, 3>{});
        break;
      case 4:
        if constexpr (has_window) alike(std::integral_constant<int, 4>{});
        break;
      case 5:
        if constexpr (has_window) alike(std::integral_constant<int, 5>{});
        break;
      default:
        for (int j = begin; j < end; ++j) {
          Float at[2];
          positions.at(j, at[0], at[1]);
          Samples samples{};
          Int valid;
          sample_anywhere<K, Gradient>(patch, positions.column[j], positions.row[j], at,
                                       positions.is_monotone(), samples, valid);
          if constexpr (Gradient) positions.pull_back(j, samples.gx, samples.gy);
          taker.take(j, samples, valid);
        }
    }
  }
}

PHOTALIGN_ISA_END
