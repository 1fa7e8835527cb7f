// What a rectangle of the reference needs of the moving image.
#pragma once

#include <algorithm>
#include <cmath>

#include "image.hpp"
#include "mapped_pixels.hpp"
#include "simd.hpp"
#include "tile.hpp"

PHOTALIGN_ISA_BEGIN

// The box of the points of the moving image that a rectangle of the reference goes to; NaN or
// turned around if there is none.
struct Box {
  double low[2] = {HUGE_VAL, HUGE_VAL};
  double high[2] = {-HUGE_VAL, -HUGE_VAL};

  // A projective map takes the rectangle into the hull of its corners.
  Box(const double* h, const Rect& r) {
    for (int corner = 0; corner < 4; ++corner) {
      const double x = static_cast<double>(r.x + (corner & 1 ? r.width - 1 : 0));
      const double y = static_cast<double>(r.y + (corner & 2 ? r.height - 1 : 0));
      const double depth = h[6] * x + h[7] * y + h[8];
      // Behind the horizon, or not a number: nothing to see.
      if (!(depth > 1e-9)) {
        *this = Box();
        return;
      }
      include(0, (h[0] * x + h[1] * y + h[2]) / depth);
      include(1, (h[3] * x + h[4] * y + h[5]) / depth);
    }
  }

  Box(const MappedPixels& pixels, const Rect& r) {
    for (int axis = 0; axis < 2; ++axis) {
      Double least = Double{} + HUGE_VAL, greatest = -least;
      for (std::int64_t j = 0; j < r.height; ++j) {
        const double* row = pixels.position[axis] + pixels.at(r.x, r.y + j);
        std::int64_t i = 0;
        for (; i + lanes / 2 <= r.width; i += lanes / 2) {
          const Double v = load(row + i);
          least = select(v < least, v, least);
          greatest = select(v > greatest, v, greatest);
        }
        for (; i < r.width; ++i) include(axis, row[i]);
      }
      // Lanes without a position are as the box was.
      for (int i = 0; i < lanes / 2; ++i) include(axis, least[i], greatest[i]);
    }
  }

 private:
  Box() = default;

  void include(int axis, double v) { include(axis, v, v); }

  // Not NaN.
  void include(int axis, double least, double greatest) {
    low[axis] = least < low[axis] ? least : low[axis];
    high[axis] = greatest > high[axis] ? greatest : high[axis];
  }
};

// The footprint in the moving image of a rectangle of the reference: the cells that it needs. Empty
// if nothing of it is inside.
struct Footprint {
  Rect rect;
  bool empty = true;

  Footprint(const Box& box, const Image& moving, int taps, int before) {
    // Cells whose taps are all inside, and a hair more than needed, since positions are rounded.
    constexpr double hair = 0.01;
    const auto first = [before](double low) {
      return std::max(std::floor(low - hair), static_cast<double>(before));
    };
    const auto last = [before, taps](double high, std::int64_t size) {
      return std::min(std::floor(high + hair), static_cast<double>(size - taps + before));
    };
    const double x0 = first(box.low[0]), x1 = last(box.high[0], moving.width);
    const double y0 = first(box.low[1]), y1 = last(box.high[1], moving.height);
    if (!(x1 >= x0 && y1 >= y0)) return;
    empty = false;
    rect = {static_cast<std::int64_t>(x0) - before, static_cast<std::int64_t>(y0) - before,
            static_cast<std::int64_t>(x1 - x0) + taps, static_cast<std::int64_t>(y1 - y0) + taps};
  }

  bool too_large() const { return rect.width * rect.height > max_patch_floats; }
};

PHOTALIGN_ISA_END
