// How much the blocks of the reference tell about a warp.
#pragma once

#include <cstdint>
#include <vector>

#include "level_grid.hpp"
#include "linearize_functions.hpp"
#include "state.hpp"

namespace photalign {

class LevelProblem;

// The reference in blocks, and of each block the sums of its squared gradients over all channels.
class Texture {
 public:
  static constexpr std::int64_t block_width = texture_width, block_height = texture_height;

  // Blocks that `state` takes out of the moving image tell nothing.
  Texture(LevelProblem& problem, const State& state);

  std::int64_t width() const { return grid_.width; }
  std::int64_t height() const { return grid_.height; }
  std::int64_t columns() const { return columns_; }
  std::int64_t rows() const { return rows_; }
  // The leverage of each block, row by row: the trace of its own J'J times the inverse of that of
  // all blocks together, for a warp that moves pixels by any polynomials of the degree of the
  // problem's.
  std::vector<double> leverage() const;

 private:
  Point middle_of(std::size_t block) const;

  LevelGrid grid_;
  int degree_;
  std::int64_t columns_, rows_;
  std::vector<TextureSums> blocks_;
};

}  // namespace photalign
