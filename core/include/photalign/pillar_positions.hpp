// Where the pixels of a pillar go in the moving image.
//
// A pillar is one vector wide and as tall as a tile. From row to row everything changes little: how
// the samples lie in the image stays the same for many rows, and branches on it are foreseen.
#pragma once

#include <algorithm>

#include "kernels.hpp"
#include "tile.hpp"

PHOTALIGN_ISA_BEGIN

inline constexpr int pillar_height = tile_height;

// How the samples of a row lie in the moving image. The numbers are used in arithmetic.
struct Lie {
  static constexpr int side_by_side = 0;  // in neighboring columns, over 0 or 1 rows more than taps
  static constexpr int window = 2;        // in few columns, over 0 to 3 rows more
  static constexpr int anywhere = 6;      // or at the edge
  static constexpr int most_rows_side_by_side = 1, most_rows_in_window = 3;
};

// The patch of the moving image from which is sampled: (0, 0) is its first cell.
struct Cells {
  double origin[2];  // in the moving image
  int last_column, last_row;
  int taps;
};

// Positions of rows of pixels and how they change with the pixel. Anchors are float64, one for each
// row; the rest is measured from the cell of the anchor, so that float32 tells some 1e-6 pixels
// apart, and no error is the same for all pixels, which would be a scale that an alignment finds.
struct PillarPositions {
  // The first pixel of a row, from the cell at (column, row).
  alignas(64) float x[pillar_height];
  alignas(64) float y[pillar_height];
  alignas(64) std::int32_t column[pillar_height];
  alignas(64) std::int32_t row[pillar_height];
  alignas(64) std::int32_t lie[pillar_height];

  // Pixel i of row j of a matrix without perspective: (x[j], y[j]) + i step. `drift` is step - i.
  Float x_step, y_step, drift;
  // The gradient by the pixel from that by the position, with a factor.
  float xx, xy, yx, yy;

  enum class Warp { affine, projective, mapped } warp;

  // The warp is a matrix. Rows are [y, y + rows), columns [x, x + count).
  void of_matrix(const double* h, std::int64_t x0, std::int64_t y0, int rows, int count,
                 const Cells& cells, float factor) {
    const bool projective = h[6] != 0 || h[7] != 0;
    projective ? of_rows<true>(h, x0, y0, rows, count, cells, factor)
               : of_rows<false>(h, x0, y0, rows, count, cells, factor);
  }

  // A function has mapped the pixels: each row has positions of its own.
  void of_function(const MappedPixels& mapped, std::int64_t x0, std::int64_t y0, int rows,
                   const Cells& cells, float factor) {
    warp = Warp::mapped;
    pixels = &mapped;
    first = mapped.at(x0, y0);
    origin[0] = cells.origin[0];
    origin[1] = cells.origin[1];
    xx = factor;
    for (int j = 0; j < rows; ++j) {
      column[j] = mapped_cell(j, 0, cells.last_column);
      row[j] = mapped_cell(j, 1, cells.last_row);
      lie[j] = Lie::anywhere;
    }
  }

  // Even steps never turn around, whatever the rounding.
  bool is_monotone() const { return warp == Warp::affine; }

  // The positions of row j, from the cell at its (column, row).
  void at(int j, Float& px, Float& py) const {
    if (warp == Warp::mapped) {
      px = mapped_positions(j, 0, column[j]);
      py = mapped_positions(j, 1, row[j]);
    } else {
      at_matrix(j, px, py);
    }
  }

  // The same if the warp is a matrix.
  PHOTALIGN_INLINE void at_matrix(int j, Float& px, Float& py) const {
    if (warp == Warp::affine) {
      px = x[j] + x_step;
      py = y[j] + y_step;
    } else {
      const Float inverse = inverse_depth(j);
      px = (x[j] + u_step[j] * iota()) * inverse;
      py = (y[j] + v_step[j] * iota()) * inverse;
    }
  }

  // How far each sample is in its cell, if these lie side by side.
  PHOTALIGN_INLINE void in_cells(int j, Float& tx, Float& py) const {
    at_matrix(j, tx, py);
    tx = warp == Warp::affine ? x[j] + drift : tx - iota();
  }

  // Turns the gradient by moving coordinates into that by reference coordinates.
  void pull_back(int j, Float& gx, Float& gy) const {
    if (warp == Warp::mapped) {
      const std::int64_t place = first + j * pixels->stride;
      const auto frame = [&](int axis, int by) { return load(pixels->frame[axis][by] + place); };
      const Float mx = xx * gx, my = xx * gy;
      gx = frame(0, 0) * mx + frame(1, 0) * my;
      gy = frame(0, 1) * mx + frame(1, 1) * my;
    } else {
      pull_back_matrix(j, gx, gy);
    }
  }

  PHOTALIGN_INLINE void pull_back_matrix(int j, Float& gx, Float& gy) const {
    if (warp == Warp::affine) {
      const Float turned = xx * gx + xy * gy;
      gy = yx * gx + yy * gy;
      gx = turned;
    } else {
      const Float inverse = inverse_depth(j);
      const Float px = (x[j] + u_step[j] * iota()) * inverse;
      const Float py = (y[j] + v_step[j] * iota()) * inverse;
      const Float mx = xx * inverse * gx, my = xx * inverse * gy;
      gx = (u_step[j] - px * w[j]) * mx + (v_step[j] - py * w[j]) * my;
      gy = (u_down[j] - px * w_down[j]) * mx + (v_down[j] - py * w_down[j]) * my;
    }
  }

 private:
  // Perspective, by rows: steps of the numerators, and of the depth, along the row and down.
  float u_step[pillar_height], v_step[pillar_height], w[pillar_height];
  float u_down[pillar_height], v_down[pillar_height], w_down[pillar_height];
  // Pixels mapped by a function.
  const MappedPixels* pixels;
  std::int64_t first;
  double origin[2];

  // Fits the cells, and NaN is outside.
  static Double clamped(Double v, int last) {
    v = select(v > -8, v, Double{} - 8);
    const Double most = splat(static_cast<double>(last) + 8);
    return select(v < most, v, most);
  }

  template <bool projective>
  void of_rows(const double* h, std::int64_t x0, std::int64_t y0, int rows, int count,
               const Cells& cells, float factor) {
    const double* o = cells.origin;
    const double a[2] = {h[0] - o[0] * h[6], h[3] - o[1] * h[6]};  // along the row
    const double b[2] = {h[1] - o[0] * h[7], h[4] - o[1] * h[7]};  // down
    const double c[2] = {h[2] - o[0] * h[8], h[5] - o[1] * h[8]};
    const double at_x = static_cast<double>(x0), far = static_cast<double>(count - 1);
    Double down;
    for (int i = 0; i < lanes / 2; ++i) down[i] = static_cast<double>(y0 + i);
    const double inverse = 1 / h[8];
    warp = projective ? Warp::projective : Warp::affine;
    if constexpr (!projective) {
      x_step = static_cast<float>(a[0] * inverse) * iota();
      y_step = static_cast<float>(a[1] * inverse) * iota();
      drift = static_cast<float>(a[0] * inverse - 1) * iota();
      xx = factor * static_cast<float>(a[0] * inverse);
      xy = factor * static_cast<float>(a[1] * inverse);
      yx = factor * static_cast<float>(b[0] * inverse);
      yy = factor * static_cast<float>(b[1] * inverse);
    } else {
      xx = factor;
    }
    for (int j = 0; j < rows; j += lanes / 2, down += lanes / 2) {
      Double u = b[0] * down + (a[0] * at_x + c[0]);
      Double v = b[1] * down + (a[1] * at_x + c[1]);
      Double last_u, last_v, scale{}, bend{};
      if constexpr (projective) {
        const Double depth = h[7] * down + (h[6] * at_x + h[8]);
        scale = 1 / depth;
        last_u = (u + a[0] * far) / (depth + h[6] * far);
        last_v = (v + a[1] * far) / (depth + h[6] * far);
        u *= scale;
        v *= scale;
        // far^2 / 8 times the second derivative, which is 2 w du, twice for safety.
        bend = 0.5 * far * h[6] * scale * (last_u - u);
        bend = select(bend < 0, -bend, bend);
      } else {
        u *= inverse;
        v *= inverse;
        last_u = u + a[0] * inverse * far;
        last_v = v + a[1] * inverse * far;
      }
      const Double cell_u = floor(clamped(u, cells.last_column));
      const Double cell_v = floor(clamped(v, cells.last_row));
      const Double end_u = floor(clamped(last_u, cells.last_column));
      const Double end_v = floor(clamped(last_v, cells.last_row));
      const Double left = select(end_u < cell_u, end_u, cell_u);
      const Double top = select(end_v < cell_v, end_v, cell_v);
      const Double right = cell_u + end_u - left, bottom = cell_v + end_v - top;
      store_vector(x + j, to_float(u - left));
      store_vector(y + j, to_float(v - top));
      store_vector(column + j, truncate(left));
      store_vector(row + j, truncate(top));
      store_vector(lie + j,
                   truncate(lie_of(u, last_u, left, right, top, bottom, bend, far, cells)));
      if constexpr (projective) {
        // As seen from the cell.
        store_vector(u_step + j, to_float((a[0] - left * h[6]) * scale));
        store_vector(v_step + j, to_float((a[1] - top * h[6]) * scale));
        store_vector(u_down + j, to_float((b[0] - left * h[7]) * scale));
        store_vector(v_down + j, to_float((b[1] - top * h[7]) * scale));
        store_vector(w + j, to_float(h[6] * scale));
        store_vector(w_down + j, to_float(h[7] * scale));
      }
    }
  }

  // `bend` is how far perspective takes positions from an even spacing, at most.
  static Double lie_of(Double u, Double last_u, Double left, Double right, Double top,
                       Double bottom, Double bend, double far, const Cells& cells) {
    const Double rows = bottom - top;
    Double found = Double{} + Lie::anywhere;
    if constexpr (has_window)
      found = select((right - left <= static_cast<double>(2 * lanes - cells.taps)) &
                         (rows <= static_cast<double>(Lie::most_rows_in_window)),
                     rows + Lie::window, found);
    // Even steps that add up to one column per pixel are such, each of them.
    const Double in_first = u - left, in_last = last_u - left - far;
    found = select((in_first >= bend) & (in_first <= 1 - bend) & (in_last >= bend) &
                       (in_last <= 1 - bend) &
                       (rows <= static_cast<double>(Lie::most_rows_side_by_side)),
                   rows, found);
    const Long inside = (left >= 0) & (right <= static_cast<double>(cells.last_column)) &
                        (top >= 0) & (bottom <= static_cast<double>(cells.last_row));
    return select(inside, found, Double{} + Lie::anywhere);
  }

  const double* mapped_row(int j, int axis) const {
    return pixels->position[axis] + first + j * pixels->stride;
  }

  // The cell of a row's first pixel.
  std::int32_t mapped_cell(int j, int axis, int last) const {
    const double position = *mapped_row(j, axis) - origin[axis];
    return static_cast<std::int32_t>(floor(clamped(splat(position), last))[0]);
  }

  // Where there is no position it is one outside.
  Float mapped_positions(int j, int axis, std::int32_t cell) const {
    const double outside = -16;
    float to[lanes];
    for (int i = 0; i < lanes; i += lanes / 2) {
      const Double position = load(mapped_row(j, axis) + i) - origin[axis];
      store_vector(to + i, to_float(select(position >= outside, position, Double{} + outside) -
                                    static_cast<double>(cell)));
    }
    return load(to);
  }

  PHOTALIGN_INLINE Float inverse_depth(int j) const { return 1 / (1 + w[j] * iota()); }
};

PHOTALIGN_ISA_END
