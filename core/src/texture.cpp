#include "photalign/texture.hpp"

#include <array>

#include "photalign/level_problem.hpp"

namespace photalign {
namespace {

// The monomials up to a degree at a point in centered, scaled coordinates.
std::vector<double> monomials_at(int degree, double x, double y) {
  std::vector<double> values;
  double power_x = 1;
  for (int e = 0; e <= degree; ++e, power_x *= x) {
    double power = power_x;
    for (int f = 0; e + f <= degree; ++f, power *= y) values.push_back(power);
  }
  return values;
}

}  // namespace

Texture::Texture(LevelProblem& problem, const State& state)
    : grid_(problem.grid()),
      // Functions are near to affine, most of them.
      degree_(problem.is_matrix() ? problem.warp().degree() : 1),
      columns_((grid_.width + block_width - 1) / block_width),
      rows_((grid_.height + block_height - 1) / block_height),
      blocks_(problem.textures(rows_, columns_)) {
  if (!problem.is_matrix()) return;
  const double right = static_cast<double>(problem.pass().moving.width) - 1;
  const double bottom = static_cast<double>(problem.pass().moving.height) - 1;
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    const Point p = apply(state.warp, middle_of(block));
    if (!(p.x >= 0 && p.y >= 0 && p.x <= right && p.y <= bottom)) blocks_[block] = {};
  }
}

Point Texture::middle_of(std::size_t block) const {
  const auto column = static_cast<std::int64_t>(block) % columns_;
  const auto row = static_cast<std::int64_t>(block) / columns_;
  const auto middle = [](std::int64_t i, std::int64_t size, std::int64_t length) {
    return static_cast<double>(i * size + std::min((i + 1) * size, length) - 1) / 2;
  };
  return {middle(column, block_width, grid_.width), middle(row, block_height, grid_.height)};
}

std::vector<double> Texture::leverage() const {
  const auto n = static_cast<std::size_t>(monomials(degree_));
  const auto place = [&](std::size_t block) {
    const Point middle = middle_of(block);
    return monomials_at(degree_, (middle.x - grid_.center().x) / grid_.unit(),
                        (middle.y - grid_.center().y) / grid_.unit());
  };
  // Unknown i * n + a moves axis i by monomial a.
  Matrix all(2 * n);
  const auto add = [&](const TextureSums& t, const std::vector<double>& m, auto&& to) {
    const double tensor[2][2] = {{t.xx, t.xy}, {t.xy, t.yy}};
    for (std::size_t i = 0; i < 2; ++i)
      for (std::size_t j = 0; j < 2; ++j)
        for (std::size_t a = 0; a < n; ++a)
          for (std::size_t b = 0; b < n; ++b) to(i * n + a, j * n + b, tensor[i][j] * m[a] * m[b]);
  };
  for (std::size_t block = 0; block < blocks_.size(); ++block)
    add(blocks_[block], place(block),
        [&](std::size_t k, std::size_t l, double v) { all(k, l) += v; });
  const Cholesky factor(all, 2 * n);
  std::vector<double> found(blocks_.size());
  Matrix inverse(2 * n);
  for (std::size_t k = 0; factor.ok() && k < 2 * n; ++k) {
    std::vector<double> column(2 * n);
    column[k] = 1;
    factor.solve(column.data());
    for (std::size_t l = 0; l < 2 * n; ++l) inverse(k, l) = column[l];
  }
  for (std::size_t block = 0; block < blocks_.size(); ++block) {
    // Where the image does not determine so general a warp, what gradients there are.
    if (!factor.ok())
      found[block] = blocks_[block].xx + blocks_[block].yy;
    else
      add(blocks_[block], place(block),
          [&](std::size_t k, std::size_t l, double v) { found[block] += inverse(k, l) * v; });
  }
  return found;
}

}  // namespace photalign
