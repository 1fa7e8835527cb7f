// The instrument along a row of the reference.
#pragma once

#include "instrument.hpp"
#include "tile.hpp"

PHOTALIGN_ISA_BEGIN

inline constexpr int instrument_radius = 2;

// Row `y` of the reference, columns [x, x + count), from a patch that reaches `instrument_radius`
// further. `room` takes 2 * row_floats. Writes whole vectors.
inline void instrument_row(const Patch& patch, const Instrument& by, std::int64_t x, std::int64_t y,
                           int count, float* room, float* gx, float* gy) {
  const std::int64_t stride = patch.stride;
  const float* center = patch.data + (y - patch.rect.y) * stride + (x - patch.rect.x);
  const float middle = 1 - 2 * by.beside;
  float* smooth = room;
  float* slope = room + row_floats;
  // Down the columns, from 2 before the first, then along the row.
  for (int i = 0; i < count + 2 * instrument_radius; i += lanes) {
    const float* p = center + i - instrument_radius;
    const Float above = load(p - stride), below = load(p + stride);
    store(smooth + i, middle * load(p) + by.beside * (above + below));
    store(slope + i,
          by.near * (below - above) + by.far * (load(p + 2 * stride) - load(p - 2 * stride)));
  }
  for (int i = 0; i < count; i += lanes) {
    const float* s = smooth + i;
    const float* d = slope + i + 1;
    store(gx + i, by.near * (load(s + 3) - load(s + 1)) + by.far * (load(s + 4) - load(s)));
    store(gy + i, middle * load(d + 1) + by.beside * (load(d) + load(d + 2)));
  }
}

PHOTALIGN_ISA_END
