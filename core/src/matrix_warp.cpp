// Warps that are 3x3 matrices: updated as W <- W D(p), see warps.hpp.
#include <cmath>
#include <utility>

#include "photalign/level_warp.hpp"
#include "photalign/warps.hpp"

namespace photalign {
namespace {

// The product of monomials a and b among the monomials of twice the degree.
int product_index(int degree, int a, int b) {
  const auto powers = [degree](int index) {
    int e = 0;
    while (index > degree - e) index -= degree + 1 - e++;
    return std::pair{e, index};
  };
  const auto [ea, fa] = powers(a);
  const auto [eb, fb] = powers(b);
  return monomial(2 * degree, ea + eb, fa + fb);
}

class MatrixWarp final : public LevelWarp {
 public:
  MatrixWarp(WarpKind kind, const LevelGrid& grid)
      : kind_(kind),
        model_(kind, grid.unit()),
        grid_(grid),
        from_level_(similarity3(grid.scale, grid.shift, grid.shift)),
        from_normalized_(similarity3(grid.unit(), grid.center().x, grid.center().y)) {}

  std::size_t parameters() const override { return static_cast<std::size_t>(model_.parameters); }
  int degree() const override { return model_.degree; }

  void to_level(State& state) const override {
    state.warp = inverse(from_level_) * state.warp * from_level_;
  }
  void to_full(State& state) const override {
    state.warp = from_level_ * state.warp * inverse(from_level_);
  }

  // Inverse composition undoes the increment of the reference.
  void step(State& state, const double* step, Composition composition) const override {
    Matrix3 increment = model_.increment(step);
    if (composition == Composition::inverse) {
      double negated[max_parameters];
      for (int k = 0; k < model_.parameters; ++k) negated[k] = -step[k];
      increment = inverse(model_.increment(negated));
    }
    state.warp = state.warp * from_normalized_ * increment * inverse(from_normalized_);
    for (double& v : state.warp) v /= state.warp[8];
  }

  double motion(const State& a, const State& b) const override {
    double largest = 0;
    for (const Point corner : corners_of(grid_.width, grid_.height)) {
      const Point p = apply(a.warp, corner), q = apply(b.warp, corner);
      const double distance = std::hypot(p.x - q.x, p.y - q.y);
      if (!(distance <= largest)) largest = distance;
    }
    return largest * grid_.scale;
  }

  std::vector<double> changes(const State& state) const override {
    const std::size_t n = parameters();
    std::vector<double> jacobian((n + 8) * n);
    for (std::size_t k = 0; k < n; ++k) {
      const Matrix3 d = state.warp * from_normalized_ * model_.generator(static_cast<int>(k)) *
                        inverse(from_normalized_);
      std::vector<double> column(n);
      parameter_change(kind_, state.warp, d, column.data());
      for (const Point corner : corners_of(grid_.width, grid_.height)) {
        const Point moved = point_change(state.warp, d, corner);
        column.insert(column.end(), {moved.x, moved.y});
      }
      for (std::size_t i = 0; i < n + 8; ++i) jacobian[i * n + k] = column[i];
    }
    return jacobian;
  }

  void add(const Sums& sums, const double*, std::size_t at, bool brightness, Matrix& hessian,
           std::vector<double>& gradient) const override {
    const int n = monomials(model_.degree);
    const auto p = [&](int basis, std::size_t k) { return model_.motion[basis][k]; };
    // Sums over products of two basis functions, g_i x^e y^f and g_j x^e' y^f'.
    for (int i = 0; i < 2; ++i)
      for (int j = 0; j < 2; ++j)
        for (int a = 0; a < n; ++a)
          for (int b = 0; b < n; ++b) {
            const double product = sums.gg[i + j][product_index(model_.degree, a, b)];
            for (std::size_t k = 0; k < parameters(); ++k) {
              const double left = p(i * n + a, k) * product;
              if (left == 0) continue;
              for (std::size_t l = 0; l < parameters(); ++l)
                hessian(k, l) += left * p(j * n + b, l);
            }
          }
    for (int i = 0; i < 2; ++i)
      for (int a = 0; a < n; ++a)
        for (std::size_t k = 0; k < parameters(); ++k) {
          const double motion = p(i * n + a, k);
          gradient[k] += motion * sums.gr[i][a];
          if (!brightness) continue;
          hessian(k, at) += motion * sums.gm[i][a];
          hessian(k, at + 1) += motion * sums.g1[i][a];
          hessian(at, k) += motion * sums.gm[i][a];
          hessian(at + 1, k) += motion * sums.g1[i][a];
        }
  }

 private:
  WarpKind kind_;
  WarpModel model_;
  LevelGrid grid_;
  Matrix3 from_level_;
  Matrix3 from_normalized_;
};

}  // namespace

std::unique_ptr<LevelWarp> matrix_warp(WarpKind kind, const LevelGrid& grid) {
  return std::make_unique<MatrixWarp>(kind, grid);
}

}  // namespace photalign
