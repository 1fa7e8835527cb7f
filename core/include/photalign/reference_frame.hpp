// Where warped points are, and how a step aside in the reference moves them.
//
// A warp's parameters move the point W(x) by dW/dp. To first order that is what moving x by
// (dW/dx)^-1 dW/dp does, and so warps that are functions fit the same equations as the polynomials
// of `warps.hpp`, for the gradient of either image. dW/dx are differences between pixels: the warp
// is sampled there anyway, and an error in them changes the weights of pixels a little, not where
// the residuals vanish.
#pragma once

#include <limits>

#include "mapped_pixels.hpp"
#include "simd.hpp"

PHOTALIGN_ISA_BEGIN

// d[i] = derivative of `from` along one of its axes, `step` apart, at place `at` of `count`.
inline void differentiate(const double* from, std::int64_t step, std::int64_t at,
                          std::int64_t count, std::int64_t width, float* d) {
  if (count == 1) {  // nothing to tell it from: no frame
    for (std::int64_t i = 0; i < width; ++i) d[i] = 0;
    return;
  }
  if (at > 0 && at < count - 1) {
    for (std::int64_t i = 0; i < width; ++i)
      d[i] = static_cast<float>(0.5 * (from[i + step] - from[i - step]));
    return;
  }
  if (at > 0) step = -step;  // the other end: the same backwards
  const double sign = at > 0 ? -1 : 1;
  for (std::int64_t i = 0; i < width; ++i) {
    const double second = count > 2 ? from[i + 2 * step] - 2 * from[i + step] + from[i] : 0;
    d[i] = static_cast<float>(sign * (from[i + step] - from[i] - 0.5 * second));
  }
}

inline void find_frames(const MappedStrip& strip) {
  const std::int64_t width = strip.width;
  for (int axis = 0; axis < 2; ++axis)
    for (std::int64_t row = 0; row < strip.height; ++row) {
      const double* from = strip.position[axis] + row * width;
      differentiate(from, width, row, strip.height, width, strip.frame[axis][1] + row * width);
      float* along = strip.frame[axis][0] + row * width;
      if (width > 2) differentiate(from + 1, 1, 1, width, width - 2, along + 1);
      for (const std::int64_t end : {std::int64_t{0}, width - 1})
        differentiate(from + end, 1, end, width, 1, along + end);
    }
}

// Finds the frames. Where anything is not finite, nothing moves and there is no position.
inline void find_reference_frame(const MappedStrip& strip) {
  find_frames(strip);
  const std::int64_t count = strip.width * strip.height;
  for (std::int64_t i = 0; i < count; i += lanes) {
    const Float a = load(strip.frame[0][0] + i), b = load(strip.frame[0][1] + i);
    const Float c = load(strip.frame[1][0] + i), d = load(strip.frame[1][1] + i);
    const Float inverse = strip.scale / (a * d - b * c);
    store(strip.inverse + i, inverse);
    Float u{}, v{};
    for (int k = 0; k < strip.parameters; ++k) {
      u += load(strip.motion + 2 * k * strip.plane + i);
      v += load(strip.motion + (2 * k + 1) * strip.plane + i);
    }
    const Int valid = is_finite(inverse * (d * u - b * v) + inverse * (a * v - c * u));
    if (all_true(valid)) continue;
    const auto clear = [valid, i](float* row) {
      store(row + i, select(valid, load(row + i), Float{}));
    };
    for (int k = 0; k < 2 * strip.parameters; ++k) clear(strip.motion + k * strip.plane);
    for (int axis = 0; axis < 2; ++axis)
      for (int by = 0; by < 2; ++by) clear(strip.frame[axis][by]);
    clear(strip.inverse);
    for (int lane = 0; lane < lanes && i + lane < count; ++lane)
      if (!valid[lane]) strip.position[0][i + lane] = std::numeric_limits<double>::quiet_NaN();
  }
}

// The points of a rectangle of pixels, which are scale * x + shift.
inline void list_points(const PixelGrid& grid, double* points) {
  for (std::int64_t j = 0; j < grid.height; ++j) {
    const double y = grid.scale * static_cast<double>(grid.y + j) + grid.shift;
    double* row = points + 2 * j * grid.width;
    for (std::int64_t i = 0; i < grid.width; ++i) {
      row[2 * i] = grid.scale * static_cast<double>(grid.x + i) + grid.shift;
      row[2 * i + 1] = y;
    }
  }
}

// The other way, each axis by itself.
inline void list_positions(const PixelGrid& grid, const double* points, double* x, double* y) {
  const double inverse = 1 / grid.scale;
  for (std::int64_t i = 0; i < grid.width * grid.height; ++i) {
    x[i] = (points[2 * i] - grid.shift) * inverse;
    y[i] = (points[2 * i + 1] - grid.shift) * inverse;
  }
}

// Jacobians[count][2][parameters] as planes (parameter, axis).
inline void list_planes(const double* jacobians, std::int64_t count, std::int64_t parameters,
                        float* planes, std::int64_t plane) {
  const std::int64_t width = 2 * parameters;
  const auto to = [&](std::int64_t column) {
    return planes + (2 * (column % parameters) + column / parameters) * plane;
  };
  std::int64_t column = 0;
  for (; column + 4 <= width; column += 4) {
    float* const rows[] = {to(column), to(column + 1), to(column + 2), to(column + 3)};
    const double* from = jacobians + column;
    std::int64_t i = 0;
    for (; i + 4 <= count; i += 4) {
      FourFloats block[4];
      for (int k = 0; k < 4; ++k) block[k] = load_four_as_float(from + (i + k) * width);
      transpose(block);
      for (int k = 0; k < 4; ++k) store_vector(rows[k] + i, block[k]);
    }
    for (; i < count; ++i)
      for (int k = 0; k < 4; ++k) rows[k][i] = static_cast<float>(from[i * width + k]);
  }
  for (; column < width; ++column) {
    float* row = to(column);
    for (std::int64_t i = 0; i < count; ++i)
      row[i] = static_cast<float>(jacobians[i * width + column]);
  }
}

PHOTALIGN_ISA_END
