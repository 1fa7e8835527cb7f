// The pixels of a rectangle as contiguous floats: where every dtype, stride, channel and mask ends.
//
// A tile and its footprint in the other image fit the caches, so converting them costs a fraction
// of sampling them, and everything after this file knows one layout only. Invalid pixels (outside,
// masked, NaN) become NaN: arithmetic then carries validity to exactly the samples whose footprint
// touches one.
#pragma once

#include <algorithm>
#include <cmath>
#include <limits>

#include "image.hpp"
#include "linearize_functions.hpp"
#include "simd.hpp"
#include "spaced_elements.hpp"

PHOTALIGN_ISA_BEGIN

// Room for the footprint of a tile; larger ones (a warp that shrinks or turns) are split.
inline constexpr std::int64_t max_patch_floats = 12 * 1024;
// Vectors are loaded from any pixel, so they may read this far beyond the last.
inline constexpr std::int64_t over_read = 2 * lanes;

struct Patch {
  const float* data;
  std::int64_t stride;  // in floats
  Rect rect;
};

inline float invalid() { return std::numeric_limits<float>::quiet_NaN(); }

template <class T>
T read(const std::byte* from) {
  T value;
  std::memcpy(&value, from, sizeof value);
  return value;
}

// Of pixels `step` elements apart, 1 for those side by side. The last vector overlaps the one
// before, so that nothing beyond the row is read.
template <class T, int step>
void convert_spaced(const std::byte* from, std::int64_t count, float shift, float* to) {
  constexpr std::int64_t together = spaced_together<T, step>;
  for (std::int64_t i = 0;; i = std::min(i + together, count - together)) {
    Float found[together / lanes];
    load_spaced<T, step>(from + i * step * static_cast<std::int64_t>(sizeof(T)), found);
    for (int k = 0; k < together / lanes; ++k) store(to + i + k * lanes, found[k] - shift);
    if (i == count - together) return;
  }
}

template <class T>
void convert_row(const std::byte* from, std::int64_t step, std::int64_t count, double offset,
                 float* to) {
  if constexpr (std::is_same_v<T, double>) {
    for (std::int64_t i = 0; i < count; ++i)
      to[i] = static_cast<float>(read<T>(from + i * step) - offset);
  } else {
    const float shift = static_cast<float>(offset);
    constexpr std::int64_t size = sizeof(T);
    if (step == size && count >= spaced_together<T, 1>)
      return convert_spaced<T, 1>(from, count, shift, to);
    if constexpr (has_spaced) {
      // Colors take turns.
      if (step == 3 * size && count >= spaced_together<T, 3>)
        return convert_spaced<T, 3>(from, count, shift, to);
      if (step == 4 * size && count >= spaced_together<T, 4>)
        return convert_spaced<T, 4>(from, count, shift, to);
    }
    for (std::int64_t i = 0; i < count; ++i)
      to[i] = static_cast<float>(read<T>(from + i * step)) - shift;
  }
}

inline void convert_row(const Image& image, std::int64_t x, std::int64_t y, std::int64_t channel,
                        std::int64_t count, double offset, float* to) {
  const std::byte* from = image.at(y, x, channel);
  switch (image.dtype) {
    case DType::u8:
      return convert_row<std::uint8_t>(from, image.column_stride, count, offset, to);
    case DType::u16:
      return convert_row<std::uint16_t>(from, image.column_stride, count, offset, to);
    case DType::f32:
      return convert_row<float>(from, image.column_stride, count, offset, to);
    case DType::f64:
      return convert_row<double>(from, image.column_stride, count, offset, to);
    default:
      return;  // not a type that is aligned
  }
}

template <class T>
void invalidate_row(const std::byte* from, std::int64_t step, std::int64_t count, float* row) {
  if (step == sizeof(T) && count >= lanes) {
    for (std::int64_t i = 0;; i = std::min(i + lanes, count - lanes)) {
      const Float weights = load_as_float(reinterpret_cast<const T*>(from) + i);
      store(row + i, select(weights > Float{}, load(row + i), splat(invalid())));
      if (i == count - lanes) return;
    }
  }
  for (std::int64_t i = 0; i < count; ++i)
    if (!(read<T>(from + i * step) > 0)) row[i] = invalid();
}

// Weights at or below zero, and NaN, make the pixel invalid.
inline void invalidate_row(const Image& weight, std::int64_t x, std::int64_t y, std::int64_t count,
                           float* row) {
  const std::byte* from = weight.at(y, x, 0);
  if (weight.dtype == DType::u8)
    invalidate_row<std::uint8_t>(from, weight.column_stride, count, row);
  else
    invalidate_row<float>(from, weight.column_stride, count, row);
}

// True where the pixels can be used in place: floats, in rows, nothing to subtract or to
// invalidate.
inline bool usable_in_place(const Image& image, const Image& weight, double offset, Rect r) {
  const bool plain = image.dtype == DType::f32 && image.column_stride == sizeof(float) && !weight &&
                     offset == 0 && image.row_stride > 0 && image.row_stride % sizeof(float) == 0 &&
                     reinterpret_cast<std::uintptr_t>(image.data) % alignof(float) == 0 &&
                     image.channel_stride % static_cast<std::int64_t>(sizeof(float)) == 0;
  const bool inside =
      r.x >= 0 && r.y >= 0 && r.x + r.width <= image.width && r.y + r.height <= image.height;
  const bool may_over_read =
      r.x + r.width + over_read <= image.width ||
      (r.y + r.height < image.height &&
       over_read * static_cast<std::int64_t>(sizeof(float)) <= image.row_stride);
  return plain && inside && may_over_read;
}

// The pixels of `r`, which may reach outside the image, in `room` or in place.
inline Patch cut(const Image& image, const Image& weight, std::int64_t channel, double offset,
                 Rect r, float* room) {
  if (usable_in_place(image, weight, offset, r))
    return {reinterpret_cast<const float*>(image.at(r.y, r.x, channel)),
            image.row_stride / static_cast<std::int64_t>(sizeof(float)), r};
  const std::int64_t first = std::clamp<std::int64_t>(-r.x, 0, r.width);
  const std::int64_t last = std::clamp<std::int64_t>(image.width - r.x, first, r.width);
  for (std::int64_t j = 0; j < r.height; ++j) {
    float* row = room + j * r.width;
    const std::int64_t y = r.y + j;
    if (y < 0 || y >= image.height) {
      std::fill(row, row + r.width, invalid());
      continue;
    }
    std::fill(row, row + first, invalid());
    if (last > first) {
      convert_row(image, r.x + first, y, channel, last - first, offset, row + first);
      if (weight) invalidate_row(weight, r.x + first, y, last - first, row + first);
    }
    std::fill(row + last, row + r.width, invalid());
  }
  return {room, r.width, r};
}

PHOTALIGN_ISA_END
