// The moving image at warped locations: positions of a row of pixels, then value and gradient
// there.
#pragma once

#include "kernels.hpp"
#include "tile.hpp"

PHOTALIGN_ISA_BEGIN

// first + i * step for whole numbers i up to some hundred, rounded but once: errors of positions
// are then independent from pixel to pixel, and not a scale that an alignment would find.
struct FineLine {
  // Multiples of 2^-16, of which floats hold sums and products exactly, and what is left.
  float first, step, first_rest, step_rest;

  FineLine() = default;
  FineLine(double begin, double by) {
    const double coarse_begin = std::nearbyint(begin * 0x1p16) * 0x1p-16;
    const double coarse_by = std::nearbyint(by * 0x1p16) * 0x1p-16;
    first = static_cast<float>(coarse_begin);
    step = static_cast<float>(coarse_by);
    first_rest = static_cast<float>(begin - static_cast<double>(first));
    step_rest = static_cast<float>(by - static_cast<double>(step));
  }

  Float operator()(Float i) const { return (first + i * step) + (first_rest + i * step_rest); }
};

// The warp along one row of pixels, relative to a patch of the moving image.
//
// Anchors are float64; what is left inside a tile is small enough for float32 (a few 1e-6 px). With
// i the pixel's index in the row, u = (u0 + i du) / (1 + i w), and the same for v.
struct RowWarp {
  // Positions never turn around, so that those between two others lie between them.
  static constexpr bool is_monotone = true;

  FineLine u, v;
  float w;
  bool projective;
  // The derivative of (u, v) by the column and row of the reference: (a - u w) / (1 + i w) and so
  // on.
  float ux, uy, vx, vy, wy;

  RowWarp(const double* h, double x, double y, const double* origin) {
    const double depth = h[6] * x + h[7] * y + h[8];
    const double x0 = h[0] - origin[0] * h[6], x1 = h[1] - origin[0] * h[7];
    const double y0 = h[3] - origin[1] * h[6], y1 = h[4] - origin[1] * h[7];
    const double cx = h[2] - origin[0] * h[8], cy = h[5] - origin[1] * h[8];
    u = FineLine((x0 * x + x1 * y + cx) / depth, x0 / depth);
    v = FineLine((y0 * x + y1 * y + cy) / depth, y0 / depth);
    ux = static_cast<float>(x0 / depth);
    vx = static_cast<float>(y0 / depth);
    uy = static_cast<float>(x1 / depth);
    vy = static_cast<float>(y1 / depth);
    w = static_cast<float>(h[6] / depth);
    wy = static_cast<float>(h[7] / depth);
    projective = h[6] != 0 || h[7] != 0;
  }

  void positions(int count, float* to_u, float* to_v) const {
    Float i = iota();
    for (int k = 0; k < count; k += lanes, i += static_cast<float>(lanes)) {
      Float x = u(i);
      Float y = v(i);
      if (projective) {
        const Float inverse_depth = 1 / (1 + i * w);
        x *= inverse_depth;
        y *= inverse_depth;
      }
      store(to_u + k, x);
      store(to_v + k, y);
    }
  }

  // Turns the gradient by moving coordinates into the gradient by reference coordinates, in place.
  void pull_back(int count, const float* at_u, const float* at_v, float* gx, float* gy) const {
    Float i = iota();
    for (int k = 0; k < count; k += lanes, i += static_cast<float>(lanes)) {
      const Float mx = load(gx + k);
      const Float my = load(gy + k);
      if (projective) {
        const Float x = load(at_u + k);
        const Float y = load(at_v + k);
        const Float inverse_depth = 1 / (1 + i * w);
        store(gx + k, ((ux - x * w) * mx + (vx - y * w) * my) * inverse_depth);
        store(gy + k, ((uy - x * wy) * mx + (vy - y * wy) * my) * inverse_depth);
      } else {
        store(gx + k, ux * mx + vx * my);
        store(gy + k, uy * mx + vy * my);
      }
    }
  }
};

// A row of pixels that a function has mapped, with the interface of `RowWarp`.
class MappedRow {
 public:
  static constexpr bool is_monotone = false;

  MappedRow(const MappedPixels& pixels, std::int64_t x, std::int64_t y, const double* origin)
      : pixels_(pixels), at_(pixels.at(x, y)), origin_{origin[0], origin[1]} {}

  // Where there is no position it is one outside.
  void positions(int count, float* u, float* v) const {
    float* to[] = {u, v};
    for (int axis = 0; axis < 2; ++axis) {
      const double* from = pixels_.position[axis] + at_;
      for (int i = 0; i < count; i += lanes / 2) {
        const Double position = load(from + i) - origin_[axis];
        store_vector(to[axis] + i,
                     to_float(select(position >= outside, position, Double{} + outside)));
      }
      std::fill(to[axis] + count, to[axis] + count + lanes, static_cast<float>(outside));
    }
  }

  // See `RowWarp`.
  void pull_back(int count, const float*, const float*, float* gx, float* gy) const {
    const auto frame = [this](int axis, int by, int i) {
      return load(pixels_.frame[axis][by] + at_ + i);
    };
    for (int i = 0; i < count; i += lanes) {
      const Float mx = load(gx + i), my = load(gy + i);
      store(gx + i, frame(0, 0, i) * mx + frame(1, 0, i) * my);
      store(gy + i, frame(0, 1, i) * mx + frame(1, 1, i) * my);
    }
  }

 private:
  static constexpr double outside = -16;

  const MappedPixels& pixels_;
  std::int64_t at_;
  double origin_[2];
};

// Where the footprint of a position lies in a patch: the cell, and how far into it.
struct Cell {
  Int index;
  Float t;
  Int valid;

  // The last cell is closed on the right, so that the last pixel of the image can be reached.
  Cell(Float position, int last) {
    const Float clamped = max(min(position, splat(static_cast<float>(last))), Float{});
    index = truncate(clamped);
    t = position - to_float(index);
    valid = (t >= 0) & (t <= 1);
  }
};

// The footprints of `lanes` neighboring samples overlap. Where they span few rows, each row is
// loaded once and permuted for every tap, which costs a third of gathering. `span` is how many more
// rows than taps there are; `column` and `row` count from the first cell of the window at `from`.
template <class K, bool Gradient, int span>
void sample_window(const float* from, std::int64_t stride, Int column, Int row, const Float* wx,
                   const Float* dx, const Float* wy, const Float* dy, Float& f, Float& fx,
                   Float& fy) {
#pragma GCC unroll 16
  for (int j = 0; j < K::taps + span; ++j, from += stride) {
    const Float low = load(from);
    const Float high = load(from + lanes);
    Float a{}, b{};
#pragma GCC unroll 16
    for (int k = 0; k < K::taps; ++k) {
      const Float p = lookup(low, high, column + k);
      a += wx[k] * p;
      if constexpr (Gradient) b += dx[k] * p;
    }
    if constexpr (span == 0) {
      f += wy[j] * a;
      if constexpr (Gradient) {
        fx += wy[j] * b;
        fy += dy[j] * a;
      }
    } else {
      // Each lane takes the weight of this row in its own footprint, or leaves the row alone.
      Float w{}, d{};
      Int used{};
#pragma GCC unroll 16
      for (int e = 0; e <= span; ++e) {
        if (j < e || j - e >= K::taps) continue;
        const Int here = row == splat(e);
        used |= here;
        w = select(here, wy[j - e], w);
        if constexpr (Gradient) d = select(here, dy[j - e], d);
      }
      f += select(used, w * a, Float{});
      if constexpr (Gradient) {
        fx += select(used, w * b, Float{});
        fy += select(used, d * a, Float{});
      }
    }
  }
}

template <class K, bool Gradient>
void sample_gathered(const float* from, std::int64_t stride, Int first, const Float* wx,
                     const Float* dx, const Float* wy, const Float* dy, Float& f, Float& fx,
                     Float& fy) {
  for (int j = 0; j < K::taps; ++j, from += stride) {
    Float a{}, b{};
    for (int k = 0; k < K::taps; ++k) {
      const Float p = gather(from + k, first);
      a += wx[k] * p;
      if constexpr (Gradient) b += dx[k] * p;
    }
    f += wy[j] * a;
    if constexpr (Gradient) {
      fx += wy[j] * b;
      fy += dy[j] * a;
    }
  }
}

// The least and the greatest of the indices of a vector.
struct Range {
  int low, high;

  Range(Int index, bool is_monotone) {
    const int a = index[0], b = index[lanes - 1];
    low = is_monotone ? (a < b ? a : b) : least(index);
    high = is_monotone ? (a < b ? b : a) : greatest(index);
  }
};

// Value and gradient of the kernel's interpolant at (u, v), measured from the patch's first cell.
// Invalid samples are NaN.
template <class K, bool Gradient>
void sample_row(const Patch& patch, const float* u, const float* v, bool is_monotone, int count,
                float* __restrict value, float* __restrict gx, float* __restrict gy) {
  const int last_x = static_cast<int>(patch.rect.width) - K::taps;
  const int last_y = static_cast<int>(patch.rect.height) - K::taps;
  const std::int64_t stride = patch.stride;
  const float* data = patch.data;
  for (int i = 0; i < count; i += lanes) {
    const Cell cx(load(u + i), last_x);
    const Cell cy(load(v + i), last_y);
    Float wx[K::taps], dx[K::taps], wy[K::taps], dy[K::taps];
    K::weights(cx.t, wx, dx);
    K::weights(cy.t, wy, dy);
    Float f{}, fx{}, fy{};

    const Range x(cx.index, is_monotone), y(cy.index, is_monotone);
    const bool narrow = has_window && x.high - x.low + K::taps <= 2 * lanes;
    const auto window = [&](auto span) {
      sample_window<K, Gradient, decltype(span)::value>(data + y.low * stride + x.low, stride,
                                                        cx.index - x.low, cy.index - y.low, wx, dx,
                                                        wy, dy, f, fx, fy);
    };
    if (narrow && y.high == y.low) {
      window(std::integral_constant<int, 0>{});
    } else if (narrow && y.high - y.low == 1) {
      window(std::integral_constant<int, 1>{});
    } else if (narrow && y.high - y.low == 2) {
      window(std::integral_constant<int, 2>{});
    } else if (narrow && y.high - y.low == 3) {
      window(std::integral_constant<int, 3>{});
    } else {
      sample_gathered<K, Gradient>(data, stride,
                                   cy.index * static_cast<std::int32_t>(stride) + cx.index, wx, dx,
                                   wy, dy, f, fx, fy);
    }
    store(value + i, select(cx.valid & cy.valid, f, splat(invalid())));
    if constexpr (Gradient) {
      store(gx + i, fx);
      store(gy + i, fy);
    }
  }
}

PHOTALIGN_ISA_END
