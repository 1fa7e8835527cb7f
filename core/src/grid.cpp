// Hot file: samples grids. Compiled once per instruction set.
#include "photalign/element_choice.hpp"
#include "photalign/grid_rows.hpp"
#include "photalign/kernel_choice.hpp"

PHOTALIGN_ISA_BEGIN

extern const SamplingFunctions sampling_table;

namespace {

Prepared prepare(const SamplerView& sampler) {
  return Prepared(sampler, taps_of(sampler.kernel), taps_before(sampler.kernel));
}

std::size_t columns_scratch(const SamplerView& view, const GridView& grid) {
  const Prepared sampler = prepare(view);
  std::int64_t first, count;
  find_columns(sampler, grid, first, count);
  if (samples_points(sampler, count, grid.count[0])) count = 0;
  return view.is_double() ? GridColumns<double>::bytes(grid.count[0], count, sampler.taps)
                          : GridColumns<float>::bytes(grid.count[0], count, sampler.taps);
}

template <class S>
void prepare_columns_as(const SamplerView& view, const GridView& grid, void* columns) {
  with_kernel(view.kernel, [&]<class K>(K) {
    prepare_columns<K, S>(prepare(view), grid, *static_cast<GridColumns<S>*>(columns));
  });
}

void prepare_columns(const SamplerView& view, const GridView& grid, void* columns) {
  if (view.is_double()) return prepare_columns_as<double>(view, grid, columns);
  return prepare_columns_as<float>(view, grid, columns);
}

// Sums for the value and each derivative, and a row, and room to read on; or the coordinates of a
// row of points.
template <class S>
std::size_t row_scratch_as(const SamplerView& view, const GridColumns<S>& columns) {
  const std::int64_t dimension = view.image.dimension;
  const std::int64_t bytes =
      columns.samples_points
          ? dimension * columns.n_points * std::int64_t{sizeof(double)}
          : ((dimension + 1) * columns.n_columns * view.image.channels + 2 * lanes) *
                std::int64_t{sizeof(S)};
  return static_cast<std::size_t>(bytes);
}

std::size_t row_scratch(const SamplerView& view, const void* columns) {
  if (view.is_double())
    return row_scratch_as(view, *static_cast<const GridColumns<double>*>(columns));
  return row_scratch_as(view, *static_cast<const GridColumns<float>*>(columns));
}

template <class S>
ReadRow<S> choose_reader(const Lattice& image) {
  ReadRow<S> chosen = nullptr;
  with_element<S>(image, [&]<class T, bool is_swapped>() { chosen = read_row<T, is_swapped>; });
  return chosen;
}

// The row is one of points like any others.
void sample_points_of_row(const SamplerView& view, const GridView& grid, std::int64_t row,
                          const SamplesView& out, double* coordinates) {
  const std::int64_t n = grid.count[0], channels = view.image.channels;
  const int dimension = view.image.dimension;
  const double of_row[] = {0, grid.coordinates[1] ? grid.coordinates[1][row % grid.count[1]] : 0,
                           grid.coordinates[2] ? grid.coordinates[2][row / grid.count[1]] : 0};
  for (std::int64_t k = 0; k < n; ++k)
    for (int a = 0; a < dimension; ++a)
      coordinates[k * dimension + (view.is_reversed ? dimension - 1 - a : a)] =
          a == 0 ? grid.coordinates[0][k] : of_row[a];
  const std::int64_t size = view.is_double() ? 8 : 4;
  const std::int64_t first = row * n * channels * size;
  sampling_table.sample(view, {.data = coordinates, .count = n, .point_stride = dimension},
                        {.values = static_cast<std::byte*>(out.values) + first,
                         .gradients = static_cast<std::byte*>(out.gradients) + first * dimension,
                         .valid = out.valid ? out.valid + row * n : nullptr});
}

template <class S>
void sample_row_as(const SamplerView& view, const GridView& grid, const GridColumns<S>& columns,
                   std::int64_t row, const SamplesView& out, void* scratch) {
  if (columns.samples_points)
    return sample_points_of_row(view, grid, row, out, static_cast<double*>(scratch));
  const Prepared sampler = prepare(view);
  const ReadRow<S> read = choose_reader<S>(view.image);
  with_kernel(view.kernel, [&]<class K>(K) {
    S* sums = static_cast<S*>(scratch);
    if (view.image.dimension == 1)
      sample_grid_row<K, S, 1>(sampler, grid, columns, read, row, out, sums);
    else if (view.image.dimension == 2)
      sample_grid_row<K, S, 2>(sampler, grid, columns, read, row, out, sums);
    else
      sample_grid_row<K, S, 3>(sampler, grid, columns, read, row, out, sums);
  });
}

void sample_row(const SamplerView& view, const GridView& grid, const void* columns,
                std::int64_t row, const SamplesView& out, void* scratch) {
  if (view.is_double())
    return sample_row_as(view, grid, *static_cast<const GridColumns<double>*>(columns), row, out,
                         scratch);
  return sample_row_as(view, grid, *static_cast<const GridColumns<float>*>(columns), row, out,
                       scratch);
}

}  // namespace

extern const GridFunctions grid_table{
    .columns_scratch = columns_scratch,
    .prepare_columns = prepare_columns,
    .row_scratch = row_scratch,
    .sample_row = sample_row,
};

PHOTALIGN_ISA_END
