// Small dense matrices in double: 3x3 maps of the plane and symmetric systems of a few unknowns.
#pragma once

#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

namespace photalign {

using Matrix3 = std::array<double, 9>;  // row major

inline Matrix3 identity3() { return {1, 0, 0, 0, 1, 0, 0, 0, 1}; }

inline Matrix3 operator*(const Matrix3& a, const Matrix3& b) {
  Matrix3 c{};
  for (std::size_t i = 0; i < 3; ++i)
    for (std::size_t j = 0; j < 3; ++j)
      for (std::size_t k = 0; k < 3; ++k) c[3 * i + j] += a[3 * i + k] * b[3 * k + j];
  return c;
}

inline Matrix3 inverse(const Matrix3& m) {
  const double c0 = m[4] * m[8] - m[5] * m[7];
  const double c1 = m[5] * m[6] - m[3] * m[8];
  const double c2 = m[3] * m[7] - m[4] * m[6];
  const double d = 1 / (m[0] * c0 + m[1] * c1 + m[2] * c2);
  return {c0 * d, (m[2] * m[7] - m[1] * m[8]) * d, (m[1] * m[5] - m[2] * m[4]) * d,
          c1 * d, (m[0] * m[8] - m[2] * m[6]) * d, (m[2] * m[3] - m[0] * m[5]) * d,
          c2 * d, (m[1] * m[6] - m[0] * m[7]) * d, (m[0] * m[4] - m[1] * m[3]) * d};
}

// x -> scale * x + (shift_x, shift_y).
inline Matrix3 similarity3(double scale, double shift_x, double shift_y) {
  return {scale, 0, shift_x, 0, scale, shift_y, 0, 0, 1};
}

struct Point {
  double x, y;
};

inline Point apply(const Matrix3& m, Point p) {
  const double depth = m[6] * p.x + m[7] * p.y + m[8];
  return {(m[0] * p.x + m[1] * p.y + m[2]) / depth, (m[3] * p.x + m[4] * p.y + m[5]) / depth};
}

// A square matrix of run-time size, row major.
class Matrix {
 public:
  explicit Matrix(std::size_t size) : size_(size), values_(size * size, 0.0) {}
  std::size_t size() const { return size_; }
  double& operator()(std::size_t i, std::size_t j) { return values_[i * size_ + j]; }
  double operator()(std::size_t i, std::size_t j) const { return values_[i * size_ + j]; }
  const double* data() const { return values_.data(); }

 private:
  std::size_t size_;
  std::vector<double> values_;
};

// The Cholesky factor of a symmetric matrix, scaled to a unit diagonal first.
class Cholesky {
 public:
  // Smaller pivots of the scaled matrix mean that some unknown is not determined. The sums behind
  // it are good to seven digits; for the first `leading` unknowns what is left of them must stand
  // out.
  static constexpr double singular = 1e-10;
  static constexpr double leading_singular = 1e-6;

  Cholesky(const Matrix& a, std::size_t leading) : lower_(a.size()), scale_(a.size()) {
    const std::size_t n = a.size();
    for (std::size_t i = 0; i < n; ++i) {
      ok_ = ok_ && a(i, i) > 0 && std::isfinite(a(i, i));
      scale_[i] = ok_ ? 1 / std::sqrt(a(i, i)) : 0;
    }
    for (std::size_t j = 0; ok_ && j < n; ++j) {
      for (std::size_t i = j; i < n; ++i) {
        double v = a(i, j) * scale_[i] * scale_[j];
        for (std::size_t k = 0; k < j; ++k) v -= lower_(i, k) * lower_(j, k);
        if (i == j) {
          ok_ = v > (i < leading ? leading_singular : singular);
          lower_(j, j) = ok_ ? std::sqrt(v) : 1;
        } else {
          lower_(i, j) = v / lower_(j, j);
        }
      }
    }
  }

  bool ok() const { return ok_; }

  void solve(double* b) const {
    const std::size_t n = lower_.size();
    for (std::size_t i = 0; i < n; ++i) {
      b[i] *= scale_[i];
      for (std::size_t k = 0; k < i; ++k) b[i] -= lower_(i, k) * b[k];
      b[i] /= lower_(i, i);
    }
    solve_transposed(b);
  }

  // L' x = b, where a = L L'.
  void solve_transposed(double* b) const {
    const std::size_t n = lower_.size();
    for (std::size_t i = n; i-- > 0;) {
      for (std::size_t k = i + 1; k < n; ++k) b[i] -= lower_(k, i) * b[k];
      b[i] /= lower_(i, i);
    }
    for (std::size_t i = 0; i < n; ++i) b[i] *= scale_[i];
  }

 private:
  Matrix lower_;
  std::vector<double> scale_;
  bool ok_ = true;
};

}  // namespace photalign
