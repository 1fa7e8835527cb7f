// How both images vary within small cells of a tile and from cell to cell, summed by blocks.
#pragma once

#include <algorithm>

#include "covariance_functions.hpp"
#include "workspace.hpp"

PHOTALIGN_ISA_BEGIN

static_assert(lanes % cell_side == 0 && lanes <= block_side);

class LocalSums {
 public:
  // Sums down the columns of cells: of the weight, the weight with the loss's, the moving value m,
  // the residual r, and their products.
  enum Plane { one, kept, m, r, mm, mr, rr, planes };
  static constexpr std::int64_t row = planes * row_floats;
  static constexpr std::int64_t floats = row * (tile_height / cell_side);
  static_assert(floats <= loss_floats);

  // `memory` is the tile's, until its blocks are there.
  LocalSums(const Rect& tile, float* memory) : tile_(tile), memory_(memory) {
    std::fill(memory_, memory_ + rows() * row, 0.0f);
  }

  // Rows of one vector each, from pixel (x, y) on: it may be anywhere in the tile. Without a loss
  // `with_loss` is `mask`.
  void add_pillar(std::int64_t x, std::int64_t y, int count, const Planes& p, const float* mask,
                  const float* with_loss) {
    for (int j = 0; j < count;) {
      const std::int64_t line = y - tile_.y + j;
      const int end = std::min(count, j + cell_side - static_cast<int>(line % cell_side));
      Float sums[planes] = {};
      for (; j < end; ++j) add(p, mask, with_loss, j * lanes, sums);
      put(sums, line, x - tile_.x);
    }
  }

  void add_row(std::int64_t x, std::int64_t y, int vectors, const Planes& p, const float* mask,
               const float* with_loss) {
    for (int i = 0; i < vectors * lanes; i += lanes) {
      Float sums[planes] = {};
      add(p, mask, with_loss, i, sums);
      put(sums, y - tile_.y, x - tile_.x + i);
    }
  }

  // To blocks in rows of `blocks_across`. Cells with less weight than `least` are left out.
  void find_blocks(float least, LocalVariation* blocks) const {
    for (std::int64_t top = 0; top < rows(); top += cells_of_block)
      for (std::int64_t i = 0; i < tile_.width; i += lanes) {
        Float sums[LocalVariation::sums] = {};
        for (std::int64_t j = top; j < std::min(top + cells_of_block, rows()); ++j)
          add_cells(memory_ + j * row + i, least, sums);
        add_lanes(sums, blocks[top / cells_of_block * blocks_across + i / block_side].of);
      }
  }

 private:
  std::int64_t rows() const { return (tile_.height + cell_side - 1) / cell_side; }

  static void add(const Planes& p, const float* mask, const float* with_loss, int i, Float* to) {
    const Float w = load(mask + i), value = load(p.value + i), residual = load(p.residual + i);
    const Float wm = w * value, wr = w * residual;
    to[one] += w, to[kept] += load(with_loss + i);
    to[m] += wm, to[r] += wr;
    to[mm] += wm * value, to[mr] += wm * residual, to[rr] += wr * residual;
  }

  void put(const Float* sums, std::int64_t line, std::int64_t column) {
    float* to = memory_ + line / cell_side * row + column;
    for (int k = 0; k < planes; ++k)
      store(to + k * row_floats, load(to + k * row_floats) + sums[k]);
  }

  // Every fourth lane begins a cell.
  static void add_cells(const float* columns, float least, Float* to) {
    Float sum[planes];
    for (int k = 0; k < planes; ++k) {
      const float* of = columns + k * row_floats;
      sum[k] = (load(of) + load(of + 1)) + (load(of + 2) + load(of + 3));
    }
    const Int begins = (whole_iota() & splat(std::int32_t{cell_side - 1})) == Int{};
    const Int is_cell = begins & (sum[one] >= least) & (sum[one] > 0);
    const Float inverse = select(is_cell, 1.0f / sum[one], Float{});
    const Float mean_m = sum[m] * inverse, mean_r = sum[r] * inverse;
    const auto take = [&](int k, Float v) { to[k] += select(is_cell, v, Float{}); };
    using Sum = LocalVariation::Sum;
    take(Sum::cells, splat(1.0f));
    take(Sum::weight, sum[one]);
    take(Sum::kept, sum[kept]);
    take(Sum::m, mean_m);
    take(Sum::r, mean_r);
    take(Sum::mm, mean_m * mean_m);
    take(Sum::mr, mean_m * mean_r);
    take(Sum::rr, mean_r * mean_r);
    take(Sum::fine_mm, sum[mm] - sum[m] * mean_m);
    take(Sum::fine_mr, sum[mr] - sum[m] * mean_r);
    take(Sum::fine_rr, sum[rr] - sum[r] * mean_r);
  }

  static void add_lanes(const Float* from, float* to) {
    for (int k = 0; k < LocalVariation::sums; ++k)
      for (int i = 0; i < lanes; i += cell_side) to[k] += from[k][i];
  }

  const Rect& tile_;
  float* memory_;
};

PHOTALIGN_ISA_END
