// A grid of points, row by row: separable, so every row of the image is weighed once for a whole
// row of points, and the weights along x are the same for all rows.
//
// Pixels are counted by column here, from the first that any footprint of the row has, and columns
// beyond the border count like others.
#pragma once

#include "footprint.hpp"
#include "grid_functions.hpp"

PHOTALIGN_ISA_BEGIN

// The columns under a grid, and what its points make of them. Arrays follow in the same memory.
template <class S>
struct GridColumns {
  std::int64_t n_points, n_columns, first_column;
  bool samples_points;   // one by one, without columns
  std::int64_t* offset;  // [column] in bytes from pixel 0, or TapOffsets::absent
  std::int32_t* first;   // [point] the column of the first tap; of points outside 0
  S* w;                  // [tap][point]
  S* d;                  // [tap][point]
  std::uint8_t* inside;  // [point]

  static std::size_t bytes(std::int64_t points, std::int64_t columns, int taps) {
    return sizeof(GridColumns) + 64 +
           static_cast<std::size_t>(8 * columns +
                                    points * (5 + 2 * taps * std::int64_t{sizeof(S)}));
  }

  // The widest first, so that each is aligned.
  void place_arrays(int taps) {
    auto* room = reinterpret_cast<std::byte*>(this + 1);
    offset = reinterpret_cast<std::int64_t*>(room);
    w = reinterpret_cast<S*>(offset + n_columns);
    d = w + taps * n_points;
    first = reinterpret_cast<std::int32_t*>(d + taps * n_points);
    inside = reinterpret_cast<std::uint8_t*>(first + n_points);
  }
};

// The columns between the footprints of the first and the last point inside; none if there is no
// such point. At most INT64_MAX / 2 apart, since positions are at most 2^53.
inline void find_columns(const Prepared& sampler, const GridView& grid, std::int64_t& first,
                         std::int64_t& count) {
  const Axis& axis = sampler.axes[0];
  std::int64_t low = INT64_MAX, high = INT64_MIN;
  for (std::int64_t k = 0; k < grid.count[0]; ++k) {
    const double x = axis.position(grid.coordinates[0][k]);
    if (!axis.contains(x)) continue;
    const std::int64_t cell = axis.cell(x);
    low = cell < low ? cell : low;
    high = cell > high ? cell : high;
  }
  first = low > high ? 0 : low - sampler.before;
  count = low > high ? 0 : high - low + sampler.taps;
}

// Whether the points of a row are better sampled one by one: the columns would be more than all
// footprints, or pixels of several channels are read in whole rows.
inline bool samples_points(const Prepared& sampler, std::int64_t columns, std::int64_t points) {
  const Lattice& image = sampler.view.image;
  const bool has_packed_pixels = image.dimension == 2 && image.channels > 1 && image.channels < 5 &&
                                 image.stride[0] == image.channels * bytes_of(image.dtype) &&
                                 !needs_double(image.dtype);
  return has_packed_pixels || columns > 64 + 2 * sampler.taps * points || columns > INT32_MAX;
}

template <class K, class S>
void prepare_columns(const Prepared& sampler, const GridView& grid, GridColumns<S>& columns) {
  columns.n_points = grid.count[0];
  find_columns(sampler, grid, columns.first_column, columns.n_columns);
  columns.samples_points = samples_points(sampler, columns.n_columns, columns.n_points);
  if (columns.samples_points) return;
  columns.place_arrays(K::taps);
  const Axis& axis = sampler.axes[0];
  for (std::int64_t c = 0; c < columns.n_columns; ++c) {
    const std::int64_t index = axis.stored(sampler.view.boundary, columns.first_column + c);
    columns.offset[c] =
        index == no_pixel ? TapOffsets::absent : (index - axis.pad) * sampler.view.image.stride[0];
  }
  const std::int64_t n = columns.n_points;
  const double slope = axis.is_flat ? 0 : 1 / axis.spacing;
  for (std::int64_t k = 0; k < n; ++k) {
    const double x = axis.position(grid.coordinates[0][k]);
    columns.inside[k] = axis.contains(x);
    const std::int64_t cell = columns.inside[k] ? axis.cell(x) : 0;
    const S t = columns.inside[k] ? static_cast<S>(x - static_cast<double>(cell)) : S(0);
    columns.first[k] = columns.inside[k]
                           ? static_cast<std::int32_t>(cell - sampler.before - columns.first_column)
                           : 0;
    S w[K::taps], d[K::taps];
    K::weights(t, w, d);
    for (int tap = 0; tap < K::taps; ++tap) {
      columns.w[tap * n + k] = static_cast<S>(sampler.view.scale) * w[tap];
      columns.d[tap * n + k] = static_cast<S>(sampler.view.scale * slope) * d[tap];
    }
  }
}

// All channels of all columns of the image's row that begins at `row`, as S, [column][channel].
template <class T, bool is_swapped>
void read_row(const Prepared& sampler, const GridColumns<Real<T>>& columns, const std::byte* row,
              Real<T>* to) {
  const Lattice& image = sampler.view.image;
  const std::int64_t channels = image.channels;
  const bool is_packed = image.stride[0] == channels * static_cast<std::int64_t>(sizeof(T)) &&
                         (channels == 1 || image.channel_stride == std::int64_t{sizeof(T)});
  std::int64_t c = 0;
  while (c < columns.n_columns) {
    // As far as pixels lie side by side there is one loop for all.
    std::int64_t end = c + 1;
    if (columns.offset[c] == TapOffsets::absent) {
      for (std::int64_t e = 0; e < channels; ++e)
        to[c * channels + e] = static_cast<Real<T>>(sampler.view.cval);
    } else if (is_packed) {
      while (end < columns.n_columns &&
             columns.offset[end] == columns.offset[end - 1] + image.stride[0])
        ++end;
      const std::byte* from = row + columns.offset[c];
      Real<T>* out = to + c * channels;
      for (std::int64_t i = 0; i < (end - c) * channels; ++i)
        out[i] = read_element<T, is_swapped>(from + i * std::int64_t{sizeof(T)});
    } else {
      for (std::int64_t e = 0; e < channels; ++e)
        to[c * channels + e] =
            read_element<T, is_swapped>(row + columns.offset[c] + e * image.channel_stride);
    }
    c = end;
  }
}

template <class S>
using ReadRow = void (*)(const Prepared&, const GridColumns<S>&, const std::byte*, S*);

// The weights of a row of the grid along y or z, and where its taps are.
template <class K, class S>
struct AcrossRows {
  bool is_inside = true;
  S w[K::taps], d[K::taps];
  std::int64_t offset[K::taps];

  AcrossRows(const Prepared& sampler, int a, double coordinate) {
    const Axis& axis = sampler.axes[a];
    const double x = axis.position(coordinate);
    is_inside = axis.contains(x);
    if (!is_inside) return;
    const std::int64_t cell = axis.cell(x);
    K::weights(static_cast<S>(x - static_cast<double>(cell)), w, d);
    for (int tap = 0; tap < K::taps; ++tap) {
      d[tap] *= axis.is_flat ? S(0) : static_cast<S>(1 / axis.spacing);
      const std::int64_t index = axis.stored(sampler.view.boundary, cell - sampler.before + tap);
      offset[tap] = index == no_pixel ? TapOffsets::absent
                                      : (index - axis.pad) * sampler.view.image.stride[a];
    }
  }
};

// Sums over the rows under a row of the grid, [quantity][column][channel]: the value and its
// derivatives by y and z. `room` is one row more.
template <class K, class S, int D>
bool sum_rows(const Prepared& sampler, const GridView& grid, const GridColumns<S>& columns,
              ReadRow<S> read, std::int64_t row, S* sums, S* room) {
  const std::int64_t size = columns.n_columns * sampler.view.image.channels;
  const std::byte* data = sampler.view.image.data;
  for (std::int64_t i = 0; i < D * size; ++i) sums[i] = 0;
  if constexpr (D == 1) {
    read(sampler, columns, data, sums);
    return true;
  } else {
    const AcrossRows<K, S> y(sampler, 1, grid.coordinates[1][row % grid.count[1]]);
    const AcrossRows<K, S> z =
        D == 2 ? y : AcrossRows<K, S>(sampler, 2, grid.coordinates[2][row / grid.count[1]]);
    if (!y.is_inside || !z.is_inside) return false;
    S* value = sums;
    S* by_y = sums + size;
    S* by_z = sums + (D - 1) * size;
    for (int k = 0; k < (D == 3 ? K::taps : 1); ++k) {
      for (int j = 0; j < K::taps; ++j) {
        const bool is_absent =
            y.offset[j] == TapOffsets::absent || (D == 3 && z.offset[k] == TapOffsets::absent);
        if (is_absent) {
          for (std::int64_t i = 0; i < size; ++i) room[i] = static_cast<S>(sampler.view.cval);
        } else {
          read(sampler, columns, data + y.offset[j] + (D == 3 ? z.offset[k] : 0), room);
        }
        const S wz = D == 3 ? z.w[k] : 1, dz = D == 3 ? z.d[k] : 0;
        const S w = y.w[j] * wz, dy = y.d[j] * wz, dw = y.w[j] * dz;
        for (std::int64_t i = 0; i < size; ++i) {
          value[i] += w * room[i];
          by_y[i] += dy * room[i];
          if constexpr (D == 3) by_z[i] += dw * room[i];
        }
      }
    }
    return true;
  }
}

// Some points of a row of one channel, a vector of them from `point` on. Where they lie close
// together each sum is loaded once and permuted for every tap.
template <class K, int D>
void sample_grid_group(const Prepared& sampler, const GridColumns<float>& columns, bool is_inside,
                       std::int64_t point, const float* sums, float* values, float* gradients,
                       std::uint8_t* valid) {
  const std::int64_t n = columns.n_points;
  const auto first = load_vector<Int>(columns.first + point);
  const std::int32_t lowest = first[0] < first[lanes - 1] ? first[0] : first[lanes - 1];
  const Int column = first - lowest;
  const bool is_narrow = has_window && all_true((column >= 0) & (column <= 2 * lanes - K::taps));
  Float found[D + 1] = {};  // the value, then the derivatives
#pragma GCC unroll 3
  for (int a = 0; a < D; ++a) {
    const float* sum = sums + a * columns.n_columns;
    Float low{}, high{};
    if (is_narrow) {
      low = load(sum + lowest);
      high = load(sum + lowest + lanes);
    }
#pragma GCC unroll 6
    for (int tap = 0; tap < K::taps; ++tap) {
      const Float p = is_narrow ? lookup(low, high, column + tap) : gather(sum + tap, first);
      const Float w = load(columns.w + tap * n + point);
      if (a == 0) {
        found[0] += w * p;
        found[1] += load(columns.d + tap * n + point) * p;
      } else {
        found[a + 1] += w * p;
      }
    }
  }
  Int is_valid = is_finite(found[0]);
  for (int i = 0; i < lanes; ++i)
    is_valid[i] = is_inside && columns.inside[point + i] ? is_valid[i] : 0;
  store(values + point, select(is_valid, found[0], splat(static_cast<float>(sampler.view.fill))));
  Float gradient[D];
#pragma GCC unroll 3
  for (int a = 0; a < D; ++a)
    gradient[sampler.view.is_reversed ? D - 1 - a : a] = select(is_valid, found[a + 1], Float{});
  store_interleaved<D>(gradients + point * D, gradient, lanes);
  for (int i = 0; valid && i < lanes; ++i) valid[point + i] = is_valid[i] != 0;
}

template <class K, class S, int D>
void sample_grid_row(const Prepared& sampler, const GridView& grid, const GridColumns<S>& columns,
                     ReadRow<S> read, std::int64_t row, const SamplesView& out, S* sums) {
  const std::int64_t channels = sampler.view.image.channels;
  const std::int64_t n = columns.n_points;
  const std::int64_t size = columns.n_columns * channels;
  const bool is_reversed = sampler.view.is_reversed;
  S* values = static_cast<S*>(out.values) + row * n * channels;
  S* gradients = static_cast<S*>(out.gradients) + row * n * channels * D;
  const bool is_inside = columns.n_columns > 0 && sum_rows<K, S, D>(sampler, grid, columns, read,
                                                                    row, sums, sums + D * size);
  if constexpr (std::is_same_v<S, float>) {
    if (channels == 1 && n >= lanes && columns.n_columns > 0) {
      std::uint8_t* valid = out.valid ? out.valid + row * n : nullptr;
      // The last points are those before the end, some of them once more.
      for (std::int64_t k = 0;; k = min(k + lanes, n - lanes)) {
        sample_grid_group<K, D>(sampler, columns, is_inside, k, sums, values, gradients, valid);
        if (k == n - lanes) return;
      }
    }
  }
  for (std::int64_t k = 0; k < n; ++k) {
    bool is_valid = is_inside && columns.inside[k];
    if (is_valid) {
      const S* at = sums + columns.first[k] * channels;
      for (std::int64_t c = 0; c < channels; ++c) {
        S value = 0, gradient[D] = {};
#pragma GCC unroll 6
        for (int tap = 0; tap < K::taps; ++tap) {
          const S* column = at + tap * channels + c;
          const S w = columns.w[tap * n + k];
          value += w * column[0];
          gradient[0] += columns.d[tap * n + k] * column[0];
          for (int a = 1; a < D; ++a) gradient[a] += w * column[a * size];
        }
        values[k * channels + c] = value;
        for (int a = 0; a < D; ++a)
          gradients[(k * channels + c) * D + a] = gradient[is_reversed ? D - 1 - a : a];
        is_valid &= value - value == 0;
      }
    }
    if (!is_valid) {
      for (std::int64_t c = 0; c < channels; ++c)
        values[k * channels + c] = static_cast<S>(sampler.view.fill);
      for (std::int64_t c = 0; c < channels * D; ++c) gradients[k * channels * D + c] = 0;
    }
    if (out.valid) out.valid[row * n + k] = is_valid;
  }
}

PHOTALIGN_ISA_END
