// What the hot file `covariance.cpp` offers to the rest of the core.
#pragma once

#include <cstdint>

#include "linearize_functions.hpp"

namespace photalign {

// Residuals further apart than this are taken as independent: the widest kernel reaches 6 pixels.
inline constexpr int max_lag = 6;

// The noise is studied in samples of the reference, which have a margin of max_lag around them.
inline constexpr std::int64_t sample_width = 64 - 2 * max_lag;
inline constexpr std::int64_t sample_height = 32 - 2 * max_lag;

// Everything about an estimate that needs no derivatives, for one channel.
struct ReviewSums {
  double rho = 0, valid = 0, covered = 0, reference = 0;  // as in Sums
  double pixels = 0;                                      // valid ones, each counted as 1
  // With the weights of masks only: sums of 1, the residual r and the moving value m, and products.
  double one = 0, r = 0, m = 0, rr = 0, mr = 0, mm = 0;
  // The influence psi = rho'(r^2) r: its squares, and those of its weights.
  double square = 0, weight = 0;
  double slopes = 0;  // of the influence, d psi / dr
  // With the loss's weights: sums of 1, r^2, the squared length of the reference's gradient, and
  // both.
  double weights = 0, weighted_rr = 0, texture = 0, texture_rr = 0;
  // The same of r, the moving value m, and their products; left out where all weights are 1.
  double weighted_r = 0, weighted_m = 0, weighted_mr = 0, weighted_mm = 0;
};

// The losses of two estimates, as in Sums.
struct CommonLosses {
  double rho = 0, valid = 0, covered = 0, reference = 0;
  double both = 0, both_rho = 0, both_rho_previous = 0;
};

// Of the influence in samples, at each lag along rows and along columns: [0] sum of
// psi(x) psi(x + lag), [1] of (psi(x)^2 + psi(x + lag)^2) / 2 over the pairs.
struct LagSums {
  double row[max_lag + 1][2] = {};
  double column[max_lag + 1][2] = {};
  double pixels = 0;  // valid ones
};

// The autocorrelation of the influence, separable: 1 at lag 0.
struct Correlation {
  float row[max_lag + 1] = {1};
  float column[max_lag + 1] = {1};
  int reach = 0;  // lags beyond this are negligible
};

// What that correlation does to the variance of J'psi, as sums over samples: [0] of the Jacobian's
// factor times itself filtered, [1] times itself. Factors are the gradient by x and y, the moving
// value, and 1.
struct InflationSums {
  double factor[4][2] = {};
  double weight = 0;  // squares of the weights
};

// The same as the factor for each of the Jacobian's factors: the root of the ratio.
struct Inflation {
  float factor[4] = {1, 1, 1, 1};
};

// Where images are compared piece by piece: blocks of cells of pixels.
inline constexpr int cell_side = 4;
inline constexpr int cells_of_block = 4;
inline constexpr int block_side = cell_side * cells_of_block;
inline constexpr int blocks_across = tile_width / block_side;  // of a tile
inline constexpr int blocks_of_tile = blocks_across * tile_height / block_side;

// Sums over the cells of a block: of 1, the weight, the weight with the loss's, the means of the
// moving value m and of the residual r, their products, and those of what varies within the cells.
struct LocalVariation {
  enum Sum { cells, weight, kept, m, r, mm, mr, rr, fine_mm, fine_mr, fine_rr, sums };

  float of[sums] = {};
};

struct CovarianceFunctions {
  // One row of rectangles, all channels; the sums are overwritten.
  void (*compare_losses)(const TilePass&, std::int64_t row, float* workspace, CommonLosses* sums);
  // One row of rectangles. `a` are the sums of the estimating equations J'psi(r) and of how they
  // change with the warp; `b` those of the Jacobian's products, inflated, or 0 if there is no
  // inflation. [channel] each. `blocks` are those of all rectangles, [rectangle][channel][block],
  // zero; null if they are not wanted.
  void (*conclude)(const TilePass&, const Inflation*, std::int64_t row, float* workspace,
                   ReviewSums* sums, Sums* a, Sums* b, LocalVariation* blocks);
  // Floats that a sample is kept in, for one channel.
  std::size_t (*observed_floats)();
  void (*observe)(const TilePass&, const Rect& sample, std::int64_t channel, float* workspace,
                  float* observed, LagSums* sums);
  void (*inflate)(const TilePass&, const Correlation&, const Rect& sample, const float* observed,
                  float* workspace, InflationSums* sums);
};

}  // namespace photalign
