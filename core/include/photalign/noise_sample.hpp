// A sample of the image, kept with its margin, to study how neighboring residuals share their
// noise.
#pragma once

#include "covariance_functions.hpp"
#include "jacobian_parts.hpp"
#include "tile_losses.hpp"

PHOTALIGN_ISA_BEGIN

// A sample with its margin, as it is kept: planes of the influence, the weight, the Jacobian's
// gradient, the mean gradient, and the weighted moving value, zero where there is no image.
struct Observed {
  static constexpr std::int64_t columns = sample_width + 2 * max_lag;
  static constexpr std::int64_t stride = columns + 16;
  static constexpr std::int64_t rows = sample_height + 2 * max_lag;
  static constexpr std::int64_t plane = stride * rows;
  static constexpr int planes = 7;
  // Down from the last row of the influence there are rows of 0.
  static constexpr std::int64_t below = max_lag * stride + 64;
  static constexpr std::int64_t floats = planes * plane + below;

  float *psi, *weight, *own[2], *mean[2], *value;

  static void clear_rows(float* of, std::int64_t from, std::int64_t count) {
    std::fill(of + from, of + from + count, 0.0f);
  }

  explicit Observed(float* memory)
      : psi(memory),
        weight(psi + plane + below),
        own{weight + plane, weight + 2 * plane},
        mean{weight + 3 * plane, weight + 4 * plane},
        value(weight + 5 * plane) {}

  // All is 0 that will not be written: where there is no image, and the margins.
  void clear(bool is_whole) {
    if (!is_whole) return clear_rows(psi, 0, stride * rows * planes + below);
    for (std::int64_t j = 0; j < rows; ++j)
      for (float* plane_of : {psi, weight}) clear_rows(plane_of, j * stride + columns, 16);
    clear_rows(psi, plane, below);
  }
};

struct ObservationSink final : PillarSink {
  const TilePass& pass;
  const Rect& core;
  Observed to;

  ObservationSink(const TilePass& p, const Rect& c, Observed o) : pass(p), core(c), to(o) {}

  void take_pillar(std::int64_t x, std::int64_t y, int rows, Workspace& work) override {
    const Planes& p = work.planes;
    const JacobianParts parts(pass, p, rows);
    std::int64_t at = (y - core.y + max_lag) * Observed::stride + (x - core.x + max_lag);
    with_loss(pass.loss, [&](auto loss) {
      for (int i = 0; i < rows * lanes; i += lanes, at += Observed::stride) {
        const Float residual = load(p.residual + i);
        const auto influence = decltype(loss)::at(residual * residual, splat(pass.threshold));
        const Float w = load(p.weights + i) * influence.weight;
        const GradientsAt<false> g(parts, i);
        // What is beyond the sample is 0 and lies in the margin of the planes.
        store(to.psi + at, w * residual);
        store(to.weight + at, w);
        store(to.own[0] + at, w * g.jx);
        store(to.own[1] + at, w * g.jy);
        store(to.mean[0] + at, w * g.mx);
        store(to.mean[1] + at, w * g.my);
        store(to.value + at, w * load(p.value + i));
      }
    });
  }
};

// Products of the influence with itself, moved by `offset` floats, over `rows` rows.
inline void add_lag(const Observed& of, std::int64_t offset, std::int64_t rows, double* to) {
  Float product{}, squares{};
  for (std::int64_t j = 0; j < rows; ++j)
    for (std::int64_t i = j * Observed::stride; i < j * Observed::stride + Observed::columns;
         i += lanes) {
      const Float p = load(of.psi + i), q = load(of.psi + i + offset);
      const Int both = (load(of.weight + i) > 0) & (load(of.weight + i + offset) > 0);
      product += p * q;
      squares += select(both, 0.5f * (p * p + q * q), Float{});
    }
  to[0] += sum(product);
  to[1] += sum(squares);
}

// The same for all lags of a sample whose pixels are all valid: the squares of the pairs are then
// nearly their share of all squares.
inline void add_lags(const Observed& of, LagSums& sums) {
  Float square{}, row[max_lag + 1] = {}, column[max_lag + 1] = {};
  for (std::int64_t j = 0; j < Observed::rows; ++j)
    for (std::int64_t i = 0; i < Observed::columns; i += lanes) {
      const float* at = of.psi + j * Observed::stride + i;
      const Float p = load(at);
      square += p * p;
#pragma GCC unroll 8
      for (int lag = 1; lag <= max_lag; ++lag) {
        row[lag] += p * load(at + lag);
        column[lag] += p * load(at + lag * Observed::stride);
      }
    }
  for (int lag = 1; lag <= max_lag; ++lag) {
    const auto share = [lag](std::int64_t length) {
      return static_cast<double>(length - lag) / static_cast<double>(length);
    };
    sums.row[lag][0] += sum(row[lag]);
    sums.row[lag][1] += sum(square) * share(Observed::columns);
    sums.column[lag][0] += sum(column[lag]);
    sums.column[lag][1] += sum(square) * share(Observed::rows);
  }
}

// Row j of the core of a sample's plane, filtered by the autocorrelation in both directions.
inline void filter(const Correlation& rho, const float* plane, std::int64_t j, float* room,
                   float* out) {
  const float* from = plane + j * Observed::stride;
  for (std::int64_t i = 0; i < sample_width + 2 * max_lag; i += lanes) {
    Float v{};
    for (int lag = -rho.reach; lag <= rho.reach; ++lag)
      v += rho.column[lag < 0 ? -lag : lag] * load(from + (lag + max_lag) * Observed::stride + i);
    store(room + i, v);
  }
  for (std::int64_t i = 0; i < sample_width; i += lanes) {
    Float v{};
    for (int lag = -rho.reach; lag <= rho.reach; ++lag)
      v += rho.row[lag < 0 ? -lag : lag] * load(room + i + lag + max_lag);
    store(out + i, v);
  }
}

PHOTALIGN_ISA_END
