#include "photalign/sampler.hpp"

#include <algorithm>
#include <memory>
#include <vector>

#include "photalign/variants.hpp"

namespace photalign {
namespace {

// Enough to make up for handing them to a thread, few enough to ask for interrupts in between.
constexpr std::int64_t points_at_once = 16384;

// Calls body(first, points) for runs of at most `at_once` points.
template <class Body>
void for_each_run(const PointsView& points, std::int64_t at_once, const Execution& execution,
                  const Body& body) {
  if (points.count <= at_once) return body(0, points);
  const std::int64_t runs = (points.count + at_once - 1) / at_once;
  const std::int64_t stride = points.point_stride * (points.is_double ? 8 : 4);
  parallel_for(execution, runs, [&](std::int64_t run, int) {
    const std::int64_t first = run * at_once;
    PointsView some = points;
    some.data = static_cast<const std::byte*>(points.data) + first * stride;
    some.count = std::min(at_once, points.count - first);
    body(first, some);
  });
}

// Calls body(values, gradients, valid, first, count) for runs of points, as S.
template <class S, class Body>
void with_gradients(const SamplerView& sampler, const PointsView& points,
                    const Execution& execution, const Body& body) {
  const std::int64_t width = sampler.image.channels * (1 + sampler.image.dimension);
  const std::int64_t at_once = std::max<std::int64_t>(64, points_at_once / 4 / width);
  for_each_run(points, at_once, execution, [&](std::int64_t first, const PointsView& some) {
    const auto size = static_cast<std::size_t>(some.count * width);
    const auto room = std::make_unique_for_overwrite<S[]>(size);
    const auto valid =
        std::make_unique_for_overwrite<std::uint8_t[]>(static_cast<std::size_t>(some.count));
    S* values = room.get();
    S* gradients = values + some.count * sampler.image.channels;
    variant().sampling->sample(sampler, some,
                               {.values = values, .gradients = gradients, .valid = valid.get()});
    body(values, gradients, valid.get(), first, some.count);
  });
}

// Calls body(constant) with the dimension as a constant, so that loops over axes are none.
template <class Body>
void with_dimension(int dimension, const Body& body) {
  if (dimension == 1) return body(std::integral_constant<int, 1>{});
  if (dimension == 2) return body(std::integral_constant<int, 2>{});
  return body(std::integral_constant<int, 3>{});
}

template <class S, int D>
void push_forward_as(const SamplerView& sampler, const PointsView& points, const S* tangents,
                     std::int64_t n_tangents, S* values, S* changes, std::uint8_t* all_valid,
                     const Execution& execution) {
  const std::int64_t channels = sampler.image.channels;
  with_gradients<S>(sampler, points, execution,
                    [&](const S* value, const S* gradients, const std::uint8_t* valid,
                        std::int64_t first, std::int64_t count) {
                      std::copy_n(value, count * channels, values + first * channels);
                      if (all_valid) std::copy_n(valid, count, all_valid + first);
                      for (std::int64_t p = 0; p < n_tangents; ++p) {
                        const std::int64_t at = p * points.count + first;
                        const S* tangent = tangents + at * D;
                        const S* gradient = gradients;
                        S* change = changes + at * channels;
                        for (std::int64_t k = 0; k < count; ++k, tangent += D) {
                          for (std::int64_t c = 0; c < channels; ++c, gradient += D) {
                            S sum = 0;
                            for (int a = 0; a < D; ++a) sum += gradient[a] * tangent[a];
                            *change++ = valid[k] ? sum : S(0);  // whatever the tangent
                          }
                        }
                      }
                    });
}

template <class S, int D>
void pull_back_as(const SamplerView& sampler, const PointsView& points, const S* cotangents,
                  S* pulled, const Execution& execution) {
  const std::int64_t channels = sampler.image.channels;
  with_gradients<S>(sampler, points, execution,
                    [&](const S*, const S* gradient, const std::uint8_t* valid, std::int64_t first,
                        std::int64_t count) {
                      const S* cotangent = cotangents + first * channels;
                      S* to = pulled + first * D;
                      for (std::int64_t k = 0; k < count; ++k, to += D) {
                        S sum[D] = {};
                        for (std::int64_t c = 0; c < channels; ++c, gradient += D, ++cotangent)
                          for (int a = 0; a < D; ++a) sum[a] += *cotangent * gradient[a];
                        for (int a = 0; a < D; ++a) to[a] = valid[k] ? sum[a] : S(0);
                      }
                    });
}

}  // namespace

void sample(const SamplerView& sampler, const PointsView& points, const SamplesView& out,
            const Execution& execution) {
  const auto sample = variant().sampling->sample;
  const std::int64_t size = sampler.image.channels * (sampler.is_double() ? 8 : 4);
  const std::int64_t dimension = sampler.image.dimension;
  for_each_run(points, points_at_once, execution, [&](std::int64_t first, const PointsView& some) {
    const auto at = [&](void* data, std::int64_t width) -> void* {
      return data ? static_cast<std::byte*>(data) + first * size * width : nullptr;
    };
    sample(sampler, some,
           {.values = at(out.values, 1),
            .gradients = at(out.gradients, dimension),
            .hessians = at(out.hessians, dimension * dimension),
            .valid = out.valid ? out.valid + first : nullptr});
  });
}

void sample_scene(const SamplerView& sampler, const SceneView& scene, const SamplesView& out,
                  const Execution& execution) {
  const auto sample_row = variant().sampling->sample_scene;
  parallel_for(execution, scene.height,
               [&](std::int64_t row, int) { sample_row(sampler, scene, row, out); });
}

void sample_grid(const SamplerView& sampler, const GridView& grid, const SamplesView& out,
                 const Execution& execution) {
  const GridFunctions& functions = *variant().grid;
  std::vector<std::byte> columns(functions.columns_scratch(sampler, grid));
  functions.prepare_columns(sampler, grid, columns.data());
  const std::size_t scratch = functions.row_scratch(sampler, columns.data());
  std::vector<std::vector<std::byte>> scratches(static_cast<std::size_t>(execution.threads));
  parallel_for(execution, grid.count[1] * grid.count[2], [&](std::int64_t row, int worker) {
    std::vector<std::byte>& mine = scratches[static_cast<std::size_t>(worker)];
    mine.resize(scratch);
    functions.sample_row(sampler, grid, columns.data(), row, out, mine.data());
  });
}

void resample(const SamplerView& sampler, const SceneView& scene, const ResampledView& out,
              const Execution& execution) {
  const SamplingFunctions& functions = *variant().sampling;
  const std::size_t scratch = functions.resample_scratch(sampler);
  std::vector<std::vector<std::byte>> scratches(static_cast<std::size_t>(execution.threads));
  parallel_for(execution, scene.height, [&](std::int64_t row, int worker) {
    std::vector<std::byte>& mine = scratches[static_cast<std::size_t>(worker)];
    mine.resize(scratch);
    functions.resample_row(sampler, scene, row, out, mine.data());
  });
}

void push_forward(const SamplerView& sampler, const PointsView& points, const void* tangents,
                  std::int64_t n_tangents, void* values, void* changes, std::uint8_t* valid,
                  const Execution& execution) {
  with_dimension(sampler.image.dimension, [&]<int D>(std::integral_constant<int, D>) {
    const auto run = [&]<class S>(S) {
      push_forward_as<S, D>(sampler, points, static_cast<const S*>(tangents), n_tangents,
                            static_cast<S*>(values), static_cast<S*>(changes), valid, execution);
    };
    sampler.is_double() ? run(0.0) : run(0.0f);
  });
}

void pull_back(const SamplerView& sampler, const PointsView& points, const void* cotangents,
               void* pulled, const Execution& execution) {
  with_dimension(sampler.image.dimension, [&]<int D>(std::integral_constant<int, D>) {
    const auto run = [&]<class S>(S) {
      pull_back_as<S, D>(sampler, points, static_cast<const S*>(cotangents),
                         static_cast<S*>(pulled), execution);
    };
    sampler.is_double() ? run(0.0) : run(0.0f);
  });
}

void scatter(const SamplerView& sampler, const PointsView& points, const double* cotangents,
             double* image, const Execution& execution) {
  const SamplingFunctions& functions = *variant().sampling;
  const std::int64_t channels = sampler.image.channels;
  const Execution alone{1, execution.interrupted};
  for_each_run(points, points_at_once, alone, [&](std::int64_t first, const PointsView& some) {
    const auto count = static_cast<std::size_t>(some.count);
    std::vector<std::uint8_t> valid(count);
    std::vector<double> values(count * static_cast<std::size_t>(channels));
    functions.sample(sampler, some, {.values = values.data(), .valid = valid.data()});
    functions.scatter(sampler, some, valid.data(), cotangents + first * channels, image);
  });
}

void scatter_valid(const SamplerView& sampler, const PointsView& points, const std::uint8_t* valid,
                   const double* cotangents, double* image) {
  variant().sampling->scatter(sampler, points, valid, cotangents, image);
}

}  // namespace photalign
