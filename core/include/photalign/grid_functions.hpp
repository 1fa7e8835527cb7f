// What the hot file `grid.cpp` offers to the rest of the core: plain data in, plain data out.
#pragma once

#include "sampling_functions.hpp"

namespace photalign {

// All points whose coordinates are one of x, one of y and one of z each.
struct GridView {
  const double* coordinates[max_dimension] = {};  // along x, y, z
  std::int64_t count[max_dimension] = {1, 1, 1};
};

struct GridFunctions {
  // What is the same for all rows of a grid, of x that is: cells and weights. Takes
  // columns_scratch(sampler, grid) bytes.
  std::size_t (*columns_scratch)(const SamplerView&, const GridView&);
  void (*prepare_columns)(const SamplerView&, const GridView&, void* columns);
  // A row, counted over y and z, with row_scratch(columns) bytes of one's own. The samples are
  // those of the whole grid, values and gradients.
  std::size_t (*row_scratch)(const SamplerView&, const void* columns);
  void (*sample_row)(const SamplerView&, const GridView&, const void* columns, std::int64_t row,
                     const SamplesView&, void* scratch);
};

}  // namespace photalign
