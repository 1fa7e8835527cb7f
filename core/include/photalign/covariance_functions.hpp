// What the hot file `covariance.cpp` offers to the rest of the core.
#pragma once

#include <cstdint>

#include "linearize_functions.hpp"

namespace photalign {

// Residuals further apart than this are taken as independent: the widest kernel reaches 6 pixels.
inline constexpr int max_lag = 6;

// Everything about the final estimate that needs no derivatives, for one channel.
struct ReviewSums {
  double rho = 0, valid = 0, covered = 0, reference = 0;  // as in Sums
  double both = 0, both_rho = 0, both_rho_previous = 0;   // as in Sums
  double pixels = 0;                                      // valid ones, each counted as 1
  // With the weights of masks only: sums of 1, the residual r and the moving value m, and products.
  double one = 0, r = 0, m = 0, rr = 0, mr = 0, mm = 0;
  // The influence psi = rho'(r^2) r: its squares, those of its weights, and its products at each
  // lag.
  double square = 0, weight = 0;
  // [lag][0]: sum of psi(x) psi(x + lag); [lag][1]: of (psi(x)^2 + psi(x + lag)^2) / 2 over the
  // pairs.
  double row[max_lag + 1][2] = {};
  double column[max_lag + 1][2] = {};
};

// The autocorrelation of the residuals, separable: 1 at lag 0.
struct Correlation {
  float row[max_lag + 1];
  float column[max_lag + 1];
  int reach;  // lags beyond this are negligible
};

struct CovarianceFunctions {
  // One row of tiles; compares with `previous` if there is one. sums[channel] is overwritten.
  void (*review)(const TilePass&, std::int64_t row_of_tiles, float* workspace, ReviewSums* sums);
  std::int64_t (*rows_of_sandwich)(const TilePass&);
  // Both matrices of A^-1 B A^-1, as sums per channel: A = sum psi'(r) J'J, and B = sum over pairs
  // of pixels of their weighted Jacobians times the correlation of their residuals.
  void (*sandwich)(const TilePass&, const Correlation&, std::int64_t row, float* workspace, Sums* a,
                   Sums* b);
};

}  // namespace photalign
