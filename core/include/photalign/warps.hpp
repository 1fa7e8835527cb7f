// The built-in warps as the optimizer sees them: increments near the identity.
//
// A warp is kept as its 3x3 matrix W and updated as W <- W D(p), with D(0) = identity. To first
// order D(p) moves a point x by polynomials of x that are linear in p; those polynomials are all
// that linearizing needs (moments.hpp). Coordinates are centred and scaled, so that all p are of
// one size.
#pragma once

#include <algorithm>
#include <cmath>

#include "choices.hpp"
#include "linearize_functions.hpp"
#include "matrix.hpp"

namespace photalign {

inline constexpr int max_parameters = 8;

// motion[2 * monomials x parameters]: parameter p moves x by motion[a][p] pixels times monomial a,
// and y by motion[monomials + a][p] pixels times monomial a. `unit` is the length of a scaled
// coordinate's unit in pixels.
struct WarpModel {
  int parameters = 0;
  int degree = 0;
  double motion[2 * max_monomials][max_parameters] = {};

  WarpModel(WarpKind kind, double unit) : kind_(kind) {
    const auto moves = [this, unit](int axis, int e, int f, double by) {
      const int n = monomials(degree);
      motion[axis * n + monomial(degree, e, f)][parameters] = by * unit;
    };
    const auto next = [this] { ++parameters; };
    const auto translations = [&] {
      moves(0, 0, 0, 1), next();
      moves(1, 0, 0, 1), next();
    };
    switch (kind) {
      case WarpKind::translation:
        degree = 0;
        translations();
        break;
      case WarpKind::euclidean:
        degree = 1;
        moves(0, 0, 1, -1), moves(1, 1, 0, 1), next();
        translations();
        break;
      case WarpKind::similarity:
        degree = 1;
        moves(0, 1, 0, 1), moves(1, 0, 1, 1), next();
        moves(0, 0, 1, -1), moves(1, 1, 0, 1), next();
        translations();
        break;
      case WarpKind::affine:
      case WarpKind::homography:
        degree = kind == WarpKind::affine ? 1 : 2;
        for (int axis = 0; axis < 2; ++axis) {
          moves(axis, 1, 0, 1), next();
          moves(axis, 0, 1, 1), next();
          moves(axis, 0, 0, 1), next();
        }
        if (kind == WarpKind::affine) break;
        moves(0, 2, 0, -1), moves(1, 1, 1, -1), next();
        moves(0, 1, 1, -1), moves(1, 0, 2, -1), next();
        break;
    }
  }

  // D(p).
  Matrix3 increment(const double* p) const {
    switch (kind_) {
      case WarpKind::translation:
        return {1, 0, p[0], 0, 1, p[1], 0, 0, 1};
      case WarpKind::euclidean: {
        const double c = std::cos(p[0]), s = std::sin(p[0]);
        return {c, -s, p[1], s, c, p[2], 0, 0, 1};
      }
      case WarpKind::similarity:
        return {1 + p[0], -p[1], p[2], p[1], 1 + p[0], p[3], 0, 0, 1};
      case WarpKind::affine:
        return {1 + p[0], p[1], p[2], p[3], 1 + p[4], p[5], 0, 0, 1};
      case WarpKind::homography:
        return {1 + p[0], p[1], p[2], p[3], 1 + p[4], p[5], p[6], p[7], 1};
    }
    return identity3();
  }

  // dD(p)/dp[k] at p = 0.
  Matrix3 generator(int k) const {
    double p[max_parameters] = {};
    p[k] = 1;
    Matrix3 g = increment(p);
    if (kind_ == WarpKind::euclidean && k == 0) return {0, -1, 0, 1, 0, 0, 0, 0, 0};
    g[0] -= 1, g[4] -= 1, g[8] -= 1;
    return g;
  }

 private:
  WarpKind kind_;
};

// The change of a warp's public parameters with a change `d` of its matrix `w`, written to `out`;
// their number is that of the model. Both matrices count up to a factor, so w[8] is kept at 1.
inline void parameter_change(WarpKind kind, const Matrix3& w, Matrix3 d, double* out) {
  for (std::size_t i = 0; i < 9; ++i) d[i] -= w[i] * d[8];
  // The first column of a similarity is scale * (cos, sin).
  const double scale = std::hypot(w[0], w[3]);
  const double growth = (w[0] * d[0] + w[3] * d[3]) / scale;
  const double angle = (w[0] * d[3] - w[3] * d[0]) / (scale * scale);
  switch (kind) {
    case WarpKind::translation:
      out[0] = d[2], out[1] = d[5];
      return;
    case WarpKind::euclidean:
      out[0] = angle, out[1] = d[2], out[2] = d[5];
      return;
    case WarpKind::similarity:
      out[0] = growth, out[1] = angle, out[2] = d[2], out[3] = d[5];
      return;
    case WarpKind::affine:
    case WarpKind::homography:
      std::copy(d.begin(), d.begin() + (kind == WarpKind::affine ? 6 : 8), out);
      return;
  }
}

// The motion of the point that `w` maps `p` to with a change `d` of the matrix.
inline Point point_change(const Matrix3& w, const Matrix3& d, Point p) {
  const Point at = apply(w, p);
  const double depth = w[6] * p.x + w[7] * p.y + w[8];
  const double change = d[6] * p.x + d[7] * p.y + d[8];
  return {(d[0] * p.x + d[1] * p.y + d[2] - at.x * change) / depth,
          (d[3] * p.x + d[4] * p.y + d[5] - at.y * change) / depth};
}

}  // namespace photalign
