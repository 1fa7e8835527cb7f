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
// Vectors are loaded from any pixel, so they may read this far beyond the last, in the patch's rows
// and in one below them: a window over two rows of samples is loaded where there is one, too.
inline constexpr std::int64_t over_read = 2 * lanes;
inline constexpr std::int64_t over_rows = 1;

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

// Some pixels of an image's channel, row by row, and where they go as floats.
struct PixelRows {
  const std::byte* from;
  std::int64_t row_stride, column_stride;  // in bytes
  std::int64_t height, width;
  float* to;
  std::int64_t to_stride;

  const std::byte* row(std::int64_t j) const { return from + j * row_stride; }
  float* to_row(std::int64_t j) const { return to + j * to_stride; }
};

// Vectors side by side over `count` elements, no less than `together`. The last one overlaps the
// one before, so that nothing beyond is touched.
template <std::int64_t together, class Body>
void for_vectors(std::int64_t count, const Body& body) {
  std::int64_t i = 0;
  for (; i + together <= count; i += together) body(i);
  if (i < count) body(count - together);
}

// Of pixels `step` elements apart, 1 for those side by side.
template <class T, int step>
void convert_spaced(const PixelRows& rows, float shift) {
  constexpr std::int64_t together = spaced_together<T, step>;
  for (std::int64_t j = 0; j < rows.height; ++j) {
    const std::byte* from = rows.row(j);
    float* to = rows.to_row(j);
    for_vectors<together>(rows.width, [&](std::int64_t i) {
      Float found[together / lanes];
      load_spaced<T, step>(from + i * step * static_cast<std::int64_t>(sizeof(T)), found);
      for (int k = 0; k < together / lanes; ++k) store(to + i + k * lanes, found[k] - shift);
    });
  }
}

// One by one; what is subtracted has the type that it is computed in.
template <class T, class S>
void convert_singly(const PixelRows& rows, S shift) {
  for (std::int64_t j = 0; j < rows.height; ++j)
    for (std::int64_t i = 0; i < rows.width; ++i)
      rows.to_row(j)[i] =
          static_cast<float>(static_cast<S>(read<T>(rows.row(j) + i * rows.column_stride)) - shift);
}

template <class T>
void convert(const PixelRows& rows, double offset) {
  if constexpr (std::is_same_v<T, double>) {
    convert_singly<T>(rows, offset);
  } else {
    const float shift = static_cast<float>(offset);
    constexpr std::int64_t size = sizeof(T);
    const auto are_apart = [&](auto step) {
      return rows.column_stride == step * size && rows.width >= spaced_together<T, step>;
    };
    if (are_apart(std::integral_constant<int, 1>{})) return convert_spaced<T, 1>(rows, shift);
    if constexpr (has_spaced) {
      // Colors take turns.
      if (are_apart(std::integral_constant<int, 3>{})) return convert_spaced<T, 3>(rows, shift);
      if (are_apart(std::integral_constant<int, 4>{})) return convert_spaced<T, 4>(rows, shift);
    }
    convert_singly<T>(rows, shift);
  }
}

template <class T>
void invalidate(const PixelRows& weights) {
  const bool is_dense = weights.column_stride == sizeof(T) && weights.width >= lanes;
  for (std::int64_t j = 0; j < weights.height; ++j) {
    const std::byte* from = weights.row(j);
    float* to = weights.to_row(j);
    if (is_dense) {
      for_vectors<lanes>(weights.width, [&](std::int64_t i) {
        const Float weight = load_as_float(reinterpret_cast<const T*>(from) + i);
        store(to + i, select(weight > Float{}, load(to + i), splat(invalid())));
      });
      continue;
    }
    for (std::int64_t i = 0; i < weights.width; ++i)
      if (!(read<T>(from + i * weights.column_stride) > 0)) to[i] = invalid();
  }
}

// The pixels of a rectangle inside of the image. Weights at or below zero, and NaN, make a pixel
// invalid.
inline void convert(const Image& image, const Image& weight, std::int64_t channel, double offset,
                    Rect r, float* to, std::int64_t to_stride) {
  const auto rows_of = [&](const Image& of, std::int64_t c) {
    return PixelRows{of.at(r.y, r.x, c), of.row_stride, of.column_stride, r.height, r.width, to,
                     to_stride};
  };
  const PixelRows rows = rows_of(image, channel);
  switch (image.dtype) {
    case DType::u8:
      convert<std::uint8_t>(rows, offset);
      break;
    case DType::u16:
      convert<std::uint16_t>(rows, offset);
      break;
    case DType::f32:
      convert<float>(rows, offset);
      break;
    case DType::f64:
      convert<double>(rows, offset);
      break;
    default:
      return;  // not a type that is aligned
  }
  if (!weight) return;
  if (weight.dtype == DType::u8)
    invalidate<std::uint8_t>(rows_of(weight, 0));
  else
    invalidate<float>(rows_of(weight, 0));
}

// True where the pixels can be used in place: floats, in rows, nothing to subtract or to
// invalidate.
inline bool usable_in_place(const Image& image, const Image& weight, double offset, Rect r) {
  const bool plain = image.dtype == DType::f32 && image.column_stride == sizeof(float) && !weight &&
                     offset == 0 && image.row_stride > 0 && image.row_stride % sizeof(float) == 0 &&
                     reinterpret_cast<std::uintptr_t>(image.data) % alignof(float) == 0 &&
                     image.channel_stride % static_cast<std::int64_t>(sizeof(float)) == 0;
  const std::int64_t bottom = r.y + r.height + over_rows;
  const bool inside =
      r.x >= 0 && r.y >= 0 && r.x + r.width <= image.width && bottom <= image.height;
  const bool may_over_read =
      r.x + r.width + over_read <= image.width ||
      (bottom < image.height &&
       over_read * static_cast<std::int64_t>(sizeof(float)) <= image.row_stride);
  return plain && inside && may_over_read;
}

// The pixels of `r`, which may reach outside the image, in `room` or in place.
inline Patch cut(const Image& image, const Image& weight, std::int64_t channel, double offset,
                 Rect r, float* room) {
  if (usable_in_place(image, weight, offset, r))
    return {reinterpret_cast<const float*>(image.at(r.y, r.x, channel)),
            image.row_stride / static_cast<std::int64_t>(sizeof(float)), r};
  // Rows start on cache lines, where there is room for that.
  const std::int64_t whole = (r.width + 15) / 16 * 16;
  const std::int64_t stride = whole * r.height <= max_patch_floats ? whole : r.width;
  const std::int64_t left = std::clamp<std::int64_t>(-r.x, 0, r.width);
  const std::int64_t right = std::clamp<std::int64_t>(image.width - r.x, left, r.width);
  const std::int64_t top = std::clamp<std::int64_t>(-r.y, 0, r.height);
  const std::int64_t bottom = std::clamp<std::int64_t>(image.height - r.y, top, r.height);
  const Rect inside{r.x + left, r.y + top, right - left, bottom - top};
  if (inside.width < r.width || inside.height < r.height)
    for (std::int64_t j = 0; j < r.height; ++j) {
      float* row = room + j * stride;
      const bool is_outside = j < top || j >= bottom;
      std::fill(row, row + (is_outside ? r.width : left), invalid());
      std::fill(row + (is_outside ? r.width : right), row + r.width, invalid());
    }
  if (inside.width > 0 && inside.height > 0)
    convert(image, weight, channel, offset, inside, room + top * stride + left, stride);
  return {room, stride, r};
}

PHOTALIGN_ISA_END
