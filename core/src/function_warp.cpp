// Warps that are functions of the user's: their parameters are added to.
#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

#include "photalign/level_warp.hpp"

namespace photalign {
namespace {

// Points that tell how parameters move the image, spread so that no two share a column or a row:
// parameters that move pixels by functions of x alone, or of y, need as many of these as there are.
constexpr int probes = 512;
// So many of these tell how far a step moves pixels, and how sure that is.
constexpr int watched = 256;

// Unknowns in which a warp's parameters are independent and of one size: a unit of any moves the
// pixels by one, root mean square, and no two move them alike. Damping, and the test for texture,
// then mean the same for all ways to write a warp.
class Units {
 public:
  // From the motions of points, [parameter][axis][count].
  Units(const std::vector<float>& jacobian, std::size_t parameters, std::size_t count)
      : size_(parameters), to_params_(parameters) {
    const std::vector<double> rows = finite_rows(jacobian, parameters, count);
    Matrix metric(parameters);
    for (std::size_t k = 0; k < parameters; ++k)
      for (std::size_t l = 0; l <= k; ++l) {
        const auto row = [&](std::size_t i) { return rows.begin() + stride(i, count); };
        metric(k, l) = metric(l, k) =
            std::inner_product(row(k), row(k) + stride(1, count), row(l), 0.0) /
            static_cast<double>(count);
      }
    const Cholesky factor(metric, 0);
    determined_ = factor.ok();
    if (!determined_) return;
    // Columns of the transposed factor's inverse.
    for (std::size_t k = 0; k < parameters; ++k) {
      std::vector<double> unit(parameters);
      unit[k] = 1;
      factor.solve_transposed(unit.data());
      for (std::size_t i = 0; i < parameters; ++i) to_params_(i, k) = unit[i];
    }
  }

  bool determined() const { return determined_; }

  // The change of parameter i with unknown k.
  double operator()(std::size_t i, std::size_t k) const { return to_params_(i, k); }

  // Derivatives by the unknowns, from those by the parameters.
  std::vector<double> pulled(const double* by_params) const {
    std::vector<double> found(size_);
    for (std::size_t k = 0; k < size_; ++k)
      for (std::size_t i = 0; i <= k; ++i) found[k] += to_params_(i, k) * by_params[i];
    return found;
  }

 private:
  static std::ptrdiff_t stride(std::size_t rows, std::size_t count) {
    return static_cast<std::ptrdiff_t>(rows * 2 * count);
  }

  // The same in double; what some parameter moves by no finite number is moved by none.
  static std::vector<double> finite_rows(const std::vector<float>& jacobian, std::size_t parameters,
                                         std::size_t count) {
    std::vector<double> rows(jacobian.begin(), jacobian.end());
    for (std::size_t i = 0; i < 2 * count; ++i) {
      double sum = 0;
      for (std::size_t k = 0; k < parameters; ++k) sum += rows[k * 2 * count + i];
      if (std::isfinite(sum)) continue;
      for (std::size_t k = 0; k < parameters; ++k) rows[k * 2 * count + i] = 0;
    }
    return rows;
  }

  std::size_t size_;
  Matrix to_params_;  // upper triangular
  bool determined_ = false;
};

class FunctionWarp final : public LevelWarp {
 public:
  FunctionWarp(const PointWarp& warp, const LevelGrid& grid, const State& start)
      : warp_(warp), grid_(grid), units_(units_at(start)) {}

  std::size_t parameters() const override { return static_cast<std::size_t>(warp_.parameters()); }
  bool determined() const override { return units_.determined(); }

  // The function maps points at full resolution, whatever the level.
  void to_level(State&) const override {}
  void to_full(State&) const override {}

  void step(State& state, const double* step, Composition) const override {
    for (std::size_t i = 0; i < parameters(); ++i)
      for (std::size_t k = i; k < parameters(); ++k) state.params[i] += units_(i, k) * step[k];
  }

  // Of what is not a matrix the corners need not move most, or at all, or be anywhere.
  double motion(const State& a, const State& b) const override {
    const std::vector<double> p = outline(a), q = outline(b);
    double largest = 0;
    bool any = false;
    for (std::size_t i = 0; i < p.size(); i += 2) {
      const double distance = std::hypot(p[i] - q[i], p[i + 1] - q[i + 1]);
      if (std::isnan(distance)) continue;  // nothing to see there
      any = true;
      largest = std::max(largest, distance);
    }
    return any ? largest : std::numeric_limits<double>::quiet_NaN();
  }

  std::vector<double> changes(const State& state) const override {
    std::vector<double> points;
    for (const Point corner : corners_of(grid_.width, grid_.height)) {
      const Point point = grid_.full(corner);
      points.insert(points.end(), {point.x, point.y});
    }
    const std::vector<double> inner = outline_points();
    points.insert(points.end(), inner.begin(), inner.end());
    std::vector<double> positions;
    const std::vector<float> moved = motions(state, points, &positions);
    const std::size_t n = parameters(), count = points.size() / 2;
    std::vector<double> jacobian((n + 2 * count) * n);
    for (std::size_t k = 0; k < n; ++k)
      for (std::size_t i = 0; i <= k; ++i) {
        jacobian[i * n + k] = units_(i, k);
        for (std::size_t point = 0; point < count; ++point)
          for (std::size_t axis = 0; axis < 2; ++axis)
            jacobian[(n + 2 * point + axis) * n + k] +=
                units_(i, k) * static_cast<double>(moved[(2 * i + axis) * count + point]);
      }
    for (std::size_t i = 0; i < positions.size(); ++i)  // nothing to see there
      if (!std::isfinite(positions[i - i % 2]) || !std::isfinite(positions[i - i % 2 + 1]))
        std::fill_n(jacobian.begin() + static_cast<std::ptrdiff_t>((n + i) * n), n,
                    std::numeric_limits<double>::quiet_NaN());
    return jacobian;
  }

  void add(const Sums&, const double* of_motion, std::size_t at, bool brightness, Matrix& hessian,
           std::vector<double>& gradient) const override {
    const std::size_t n = parameters();
    const auto sum = [&](std::size_t k, std::size_t l) {
      return of_motion[k <= l ? motion_sum(n, k, l) : motion_sum(n, l, k)];
    };
    // A column of sums by the parameters, as derivatives by the unknowns.
    const auto column = [&](std::size_t l) {
      std::vector<double> by_params(n);
      for (std::size_t k = 0; k < n; ++k) by_params[k] = sum(k, l);
      return units_.pulled(by_params.data());
    };
    Matrix half(n);
    for (std::size_t l = 0; l < n; ++l) {
      const std::vector<double> by_unknowns = column(l);
      for (std::size_t k = 0; k < n; ++k) half(k, l) = by_unknowns[k];
    }
    for (std::size_t k = 0; k < n; ++k) {
      const std::vector<double> row = units_.pulled(half.data() + k * n);
      for (std::size_t l = 0; l < n; ++l) hessian(k, l) += row[l];
    }
    const std::vector<double> by_residual = column(n);
    for (std::size_t k = 0; k < n; ++k) gradient[k] += by_residual[k];
    if (!brightness) return;
    for (std::size_t other = 0; other < 2; ++other) {
      const std::vector<double> by_brightness = column(n + 1 + other);
      for (std::size_t k = 0; k < n; ++k) {
        hessian(k, at + other) += by_brightness[k];
        hessian(at + other, k) += by_brightness[k];
      }
    }
  }

 private:
  // Corners, middles of sides, the center, and points between, at full resolution.
  std::vector<double> outline_points() const {
    std::vector<double> points;
    const auto place = [](std::int64_t size, int i) {
      return (static_cast<double>(size) - 1) * i / 2;
    };
    for (int j = 0; j < 3; ++j)
      for (int i = 0; i < 3; ++i) {
        const Point point = grid_.full({place(grid_.width, i), place(grid_.height, j)});
        points.insert(points.end(), {point.x, point.y});
      }
    const std::vector<double> inner = spread_points(watched);
    points.insert(points.end(), inner.begin(), inner.end());
    return points;
  }

  // Where these points go. A step goes from one of the states of the
  // step before, so that half of these were seen already.
  const std::vector<double>& outline(const State& state) const {
    for (const Outline& known : outlines_)
      if (known.params == state.params) return known.points;
    std::swap(outlines_[0], outlines_[1]);
    Outline& fresh = outlines_[0];
    fresh.params = state.params;
    const std::vector<double> points = outline_points();
    fresh.points.resize(points.size());
    warp_.map(state.params.data(), static_cast<std::int64_t>(points.size() / 2), points.data(),
              fresh.points.data(), nullptr, 0);
    return fresh.points;
  }

  // [parameter][axis][point]
  std::vector<float> motions(const State& state, const std::vector<double>& points,
                             std::vector<double>* to = nullptr) const {
    const std::size_t count = points.size() / 2;
    std::vector<double> positions(points.size());
    std::vector<float> jacobian(2 * parameters() * count);
    warp_.map(state.params.data(), static_cast<std::int64_t>(count), points.data(),
              positions.data(), jacobian.data(), static_cast<std::int64_t>(count));
    if (to) *to = std::move(positions);
    return jacobian;
  }

  // The additive recurrence of M. Roberts, "The unreasonable effectiveness of quasirandom
  // sequences", 2018, at full resolution.
  std::vector<double> spread_points(int count) const {
    constexpr double plastic = 1.32471795724474602596;
    const auto place = [](std::int64_t size, double at) {
      return (static_cast<double>(size) - 1) * (at - std::floor(at));
    };
    std::vector<double> points;
    for (int i = 1; i <= count; ++i) {
      const Point point = grid_.full({place(grid_.width, 0.5 + i / plastic),
                                      place(grid_.height, 0.5 + i / (plastic * plastic))});
      points.insert(points.end(), {point.x, point.y});
    }
    return points;
  }

  Units units_at(const State& start) const {
    return Units(motions(start, spread_points(probes)), parameters(), probes);
  }

  struct Outline {
    std::vector<double> params, points;
  };

  const PointWarp& warp_;
  LevelGrid grid_;
  Units units_;
  mutable Outline outlines_[2];
};

}  // namespace

std::unique_ptr<LevelWarp> function_warp(const PointWarp& warp, const LevelGrid& grid,
                                         const State& start) {
  return std::make_unique<FunctionWarp>(warp, grid, start);
}

}  // namespace photalign
