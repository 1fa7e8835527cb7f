// The taps of the points of a block, brought together so that vectors over points can be loaded.
//
// Points lie anywhere, so their taps are copied first, row by row, into memory that the first cache
// holds; what follows is as regular as if the image had been dense. There are two ways:
//
//   RawRows    packed pixels of the common types: whole rows as they are, taken apart in vectors
//   TapPlanes  anything else: tap by tap, converted on the way
//
// Footprints at the border are put together pixel by pixel in both.
#pragma once

#include "contraction.hpp"
#include "elements.hpp"
#include "interleaving.hpp"

PHOTALIGN_ISA_BEGIN

// As many points, a multiple of the lanes, as keep the taps of a block in the first cache.
constexpr int points_at_once(int bytes_per_point) {
  const int fit = 16384 / bytes_per_point / lanes * lanes;
  return fit < lanes ? lanes : fit < block ? fit : block;
}

constexpr int power(int base, int exponent) {
  return exponent ? base * power(base, exponent - 1) : 1;
}

// Where the taps of one footprint are, along every axis, in bytes from pixel 0 or from the first
// tap, or `no_pixel`.
struct TapOffsets {
  std::int64_t at[max_dimension][max_taps];

  static constexpr std::int64_t absent = INT64_MIN;

  // Of a footprint inside the image.
  explicit TapOffsets(const Prepared& sampler) {
    for (int a = 0; a < max_dimension; ++a)
      for (int k = 0; k < sampler.taps; ++k) at[a][k] = k * sampler.view.image.stride[a];
  }

  // Of a footprint at the border.
  template <class S>
  TapOffsets(const Prepared& sampler, const Located<S>& points, int point) {
    const Lattice& image = sampler.view.image;
    for (int a = 0; a < image.dimension; ++a) {
      const Axis& axis = sampler.axes[a];
      const std::int64_t first = axis.cell(points.position[a][point]) - sampler.before;
      for (int k = 0; k < sampler.taps; ++k) {
        const std::int64_t index = axis.stored(sampler.view.boundary, first + k);
        at[a][k] = index == no_pixel ? absent : (index - axis.pad) * image.stride[a];
      }
    }
  }
};

// Visits the taps in order, as visit(offset in bytes), or visit(absent).
template <class Visit>
inline void for_each_tap(const TapOffsets& offsets, int dimension, int taps, Visit visit) {
  const int ny = dimension > 1 ? taps : 1;
  const int nz = dimension > 2 ? taps : 1;
  for (int z = 0; z < nz; ++z) {
    const std::int64_t of_z = dimension > 2 ? offsets.at[2][z] : 0;
    for (int y = 0; y < ny; ++y) {
      const std::int64_t of_y = dimension > 1 ? offsets.at[1][y] : 0;
      const bool is_absent = of_z == TapOffsets::absent || of_y == TapOffsets::absent;
      for (int x = 0; x < taps; ++x) {
        const std::int64_t of_x = offsets.at[0][x];
        visit(is_absent || of_x == TapOffsets::absent ? TapOffsets::absent : of_z + of_y + of_x);
      }
    }
  }
}

// [tap][point], converted, one channel.
template <class S, int taps, int dimension>
struct TapPlanes {
  static constexpr int n_taps = power(taps, dimension);
  static constexpr int points = points_at_once(n_taps * sizeof(S));
  alignas(64) S planes[n_taps][points];

  struct Row {
    const S* planes;
    Channels<Vector<S>, 1> operator()(int k) const { return {{load(planes + k * points)}}; }
  };
  struct Rows {
    static constexpr bool has_fractions = true;
    const TapPlanes& all;
    int group;
    Row operator()(int row) const { return {all.planes[row * taps] + group}; }
  };
  Rows at(int group) const { return {*this, group}; }
};

// Copies the points [first, first + count) of a block. The layout of `planes` is that of TapPlanes,
// with so many points.
template <class T, bool is_swapped>
void fetch_planes(const Prepared& sampler, const Located<Real<T>>& located, std::int64_t channel,
                  int first, int count, Real<T>* planes, int points) {
  const Lattice& image = sampler.view.image;
  const std::byte* data = image.data + channel * image.channel_stride;
  const int dimension = image.dimension;
  const TapOffsets inner(sampler);
  for (int k = 0; k < count; ++k) {
    Real<T>* to = planes + k;
    if (located.all_inner || located.inner[first + k]) [[likely]] {
      const std::byte* from = data + located.first[first + k];
      for_each_tap(inner, dimension, sampler.taps, [&](std::int64_t offset) {
        *to = read_element<T, is_swapped>(from + offset);
        to += points;
      });
    } else if (located.inside[first + k]) {
      const TapOffsets border(sampler, located, first + k);
      for_each_tap(border, dimension, sampler.taps, [&](std::int64_t offset) {
        *to = offset == TapOffsets::absent ? static_cast<Real<T>>(sampler.view.cval)
                                           : read_element<T, is_swapped>(data + offset);
        to += points;
      });
    } else {
      for_each_tap(inner, dimension, sampler.taps, [&](std::int64_t) {
        *to = 0;
        to += points;
      });
    }
  }
}

// Bytes of a row of a footprint, rounded up to what can be copied in one go.
template <class T, int channels, int taps>
constexpr int row_bytes() {
  int bytes = 4;
  while (bytes < taps * channels * static_cast<int>(sizeof(T))) bytes *= 2;
  return bytes;
}

// Element `i` of rows of packed T whose 32-bit words are in vectors.
template <class T>
inline Float element_of(const Int* words, int i) {
  const Int word = words[i * static_cast<int>(sizeof(T)) / 4];
  if constexpr (std::is_same_v<T, float>) return reinterpret_cast<Float>(word);
  if constexpr (std::is_same_v<T, std::uint8_t>) return to_float(byte_of(word, i % 4));
  if constexpr (std::is_same_v<T, std::uint16_t>)
    return to_float(i % 2 ? shift_right_unsigned(word, 16) : word & 0xffff);
  if constexpr (std::is_same_v<T, std::int16_t>) return to_float((i % 2 ? word : word << 16) >> 16);
}

// [row][point][bytes of the row].
template <class T, int channels, int taps, int dimension>
struct RawRows {
  static constexpr int bytes = row_bytes<T, channels, taps>();
  static constexpr int n_rows = power(taps, dimension - 1);
  static constexpr int points = points_at_once(n_rows * bytes);
  alignas(64) std::byte rows[n_rows][points][bytes];

  struct Row {
    static constexpr int n_words = bytes / 4;
    Int words[n_words];

    [[gnu::always_inline]] explicit Row(const std::byte* from) {
      Int taking_turns[n_words];
#pragma GCC unroll 32
      for (int i = 0; i < n_words; ++i)
        taking_turns[i] = load_vector<Int>(from + i * static_cast<int>(sizeof(Int)));
      deinterleave<n_words>(taking_turns, words);
    }
    [[gnu::always_inline]] Channels<Float, channels> operator()(int k) const {
      Channels<Float, channels> pixel;
#pragma GCC unroll 4
      for (int c = 0; c < channels; ++c) pixel.c[c] = element_of<T>(words, k * channels + c);
      return pixel;
    }
  };
  struct Rows {
    static constexpr bool has_fractions = has_nan<T>;
    const RawRows& all;
    int group;
    [[gnu::always_inline]] Row operator()(int row) const { return Row(all.rows[row][group]); }
  };
  Rows at(int group) const { return {*this, group}; }

  // Copies the points [first, first + count) of a block from `data`. False if the border holds a
  // number that is not in the image.
  [[gnu::flatten]] bool fetch(const Prepared& sampler, const std::byte* data,
                              const Located<float>& located, int first, int count) {
    const Lattice& image = sampler.view.image;
    const std::int64_t step_y = image.stride[1], step_z = image.stride[2];
    const std::int64_t* at = located.first + first;
    if (sampler.copies_pixels) {
      for (int k = 0; k < count; ++k) {
        if (located.all_inner || located.inner[first + k])
          copy_pixels(data + at[k], image.stride[0], step_y, step_z, k);
        else if (located.inside[first + k] && !fetch_border(sampler, data, located, first, k))
          return false;
      }
      return true;
    }
    if (located.all_inner) {
      for (int k = 0; k < count; ++k) copy_rows(data + at[k], step_y, step_z, k);
      return true;
    }
    for (int k = 0; k < count; ++k) {
      if (located.inner[first + k])
        copy_rows(data + at[k], step_y, step_z, k);
      else if (located.inside[first + k] && !fetch_border(sampler, data, located, first, k))
        return false;
    }
    return true;
  }

 private:
  void copy_rows(const std::byte* from, std::int64_t step_y, std::int64_t step_z, int k) {
#pragma GCC unroll 6
    for (int r = 0; r < n_rows; ++r)
      std::memcpy(rows[r][k], from + r % taps * step_y + r / taps * step_z, bytes);
  }

  void copy_pixels(const std::byte* from, std::int64_t step_x, std::int64_t step_y,
                   std::int64_t step_z, int k) {
    constexpr int pixel = channels * sizeof(T);
    for (int r = 0; r < n_rows; ++r) {
      const std::byte* row = from + r % taps * step_y + r / taps * step_z;
#pragma GCC unroll 6
      for (int tap = 0; tap < taps; ++tap)
        std::memcpy(rows[r][k] + tap * pixel, row + tap * step_x, pixel);
    }
  }

  [[gnu::noinline]] bool fetch_border(const Prepared& sampler, const std::byte* data,
                                      const Located<float>& located, int first, int k) {
    const TapOffsets border(sampler, located, first + k);
    int tap = 0;
    bool is_complete = true;
    for_each_tap(border, dimension, taps, [&](std::int64_t offset) {
      constexpr int pixel = channels * sizeof(T);
      if (offset == TapOffsets::absent)
        is_complete = false;
      else
        std::memcpy(rows[tap / taps][k] + tap % taps * pixel, data + offset, pixel);
      ++tap;
    });
    return is_complete;
  }
};

PHOTALIGN_ISA_END
