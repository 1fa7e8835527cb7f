#include "photalign/sampler.hpp"

#include <algorithm>
#include <cstring>
#include <memory>
#include <type_traits>
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

// The numbers of a tangent at some points, one after the other: in place where they are so already.
template <class S>
const S* tangent_run(const SparseTangent& tangent, std::int64_t first, std::int64_t count,
                     S* room) {
  const auto read = [&]<class T>(const T* data) -> const S* {
    const T* from = data + first * tangent.stride;
    if constexpr (std::is_same_v<T, S>) {
      if (tangent.stride == 1) return from;
    }
    if (tangent.stride == 1) {
      for (std::int64_t k = 0; k < count; ++k) room[k] = static_cast<S>(from[k]);
    } else {
      for (std::int64_t k = 0; k < count; ++k) room[k] = static_cast<S>(from[k * tangent.stride]);
    }
    return room;
  };
  if (!tangent.data) {
    std::fill_n(room, count, static_cast<S>(tangent.number));
    return room;
  }
  return tangent.is_double ? read(static_cast<const double*>(tangent.data))
                           : read(static_cast<const float*>(tangent.data));
}

template <class S>
struct QuadOf;
template <>
struct QuadOf<float> {
  using type = float __attribute__((vector_size(16)));
};
template <>
struct QuadOf<double> {
  using type = double __attribute__((vector_size(32)));
};
template <class S>
using Quad = typename QuadOf<S>::type;

template <class S>
Quad<S> load_quad(const S* from) {
  Quad<S> quad;
  std::memcpy(&quad, from, sizeof quad);
  return quad;
}

// Numbers to multiply, of the tangents of one row.
template <class S, int N>
struct Factors {
  const S* slopes[N];  // [point][channel], of the axis of each
  const S* tangents[N];

  S at(std::int64_t k, std::int64_t c) const {
    S sum = slopes[0][c] * tangents[0][k];
    for (int i = 1; i < N; ++i) sum += slopes[i][c] * tangents[i][k];
    return sum;
  }
};

// The same for three channels of four points at a time; returns how many points that were.
template <class S, int N>
std::int64_t contract_quads(const Factors<S, N> factors, std::int64_t count, S* __restrict change) {
  std::int64_t k = 0;
  for (; k + 4 <= count; k += 4, change += 12) {
    Quad<S> sums[3] = {};
    for (int i = 0; i < N; ++i) {
      const S* slope = factors.slopes[i] + 3 * k;
      const Quad<S> t = load_quad(factors.tangents[i] + k);
      sums[0] += load_quad(slope) * __builtin_shufflevector(t, t, 0, 0, 0, 1);
      sums[1] += load_quad(slope + 4) * __builtin_shufflevector(t, t, 1, 1, 2, 2);
      sums[2] += load_quad(slope + 8) * __builtin_shufflevector(t, t, 2, 3, 3, 3);
    }
    std::memcpy(change, sums, sizeof sums);
  }
  return k;
}

// change[point][channel] is the sum of slope[point][channel] * tangent[point], for C channels, or
// `channels` if C is 0. Factors come by value, so that what is written cannot change them.
template <int C, class S, int N>
void contract(const Factors<S, N> factors, std::int64_t count, std::int64_t channels,
              S* __restrict change) {
  const std::int64_t width = C ? C : channels;
  std::int64_t k = 0;
  if constexpr (C == 3) k = contract_quads(factors, count, change);
  for (; k < count; ++k)
    for (std::int64_t c = k * width; c < (k + 1) * width; ++c) change[c] = factors.at(k, c);
}

// The same for the tangents from begin to end, all of one row; `slopes` is [axis][point][channel],
// `room` is for so many numbers for each tangent.
template <class S, int D>
void contract_row(const SparseTangent* begin, const SparseTangent* end, const S* slopes,
                  std::int64_t first, std::int64_t count, std::int64_t channels, S* room,
                  S* change) {
  const auto with = [&]<int N>(std::integral_constant<int, N>) {
    Factors<S, N> factors;
    for (int i = 0; i < N; ++i) {
      factors.slopes[i] = slopes + begin[i].axis * count * channels;
      factors.tangents[i] = tangent_run(begin[i], first, count, room + i * count);
    }
    if (channels == 1) return contract<1>(factors, count, channels, change);
    if (channels == 3) return contract<3>(factors, count, channels, change);
    contract<0>(factors, count, channels, change);
  };
  with_dimension(static_cast<int>(end - begin), with);
}

template <class S>
void copy_numbers(const SparseTangent& numbers, std::int64_t count, S* to) {
  const S* from = tangent_run(numbers, 0, count, to);
  if (from != to) std::copy_n(from, count, to);
}

template <class S, int D>
void push_sparse_as(const SamplerView& sampler, const PointsView& points,
                    const SparseTangents& tangents, S* values, S* changes, std::uint8_t* all_valid,
                    const Execution& execution) {
  const std::int64_t channels = sampler.image.channels;
  with_gradients<S>(
      sampler, points, execution,
      [&](const S* value, const S* gradients, const std::uint8_t* valid, std::int64_t first,
          std::int64_t count) {
        std::copy_n(value, count * channels, values + first * channels);
        if (all_valid) std::copy_n(valid, count, all_valid + first);
        const std::int64_t size = count * channels;
        const auto room =
            std::make_unique_for_overwrite<S[]>(static_cast<std::size_t>(D * (size + count)));
        S* const slopes = room.get();  // [axis][point][channel], which vectors can read
        for (std::int64_t i = 0; i < size; ++i)
          for (int a = 0; a < D; ++a) slopes[a * size + i] = gradients[i * D + a];
        const SparseTangent* const end = tangents.data() + tangents.size();
        std::int64_t n_rows = 0;
        for (const SparseTangent* tangent = tangents.data(); tangent != end; ++n_rows) {
          const SparseTangent* next = tangent;
          while (next != end && next->row == tangent->row) ++next;
          contract_row<S, D>(tangent, next, slopes, first, count, channels, slopes + D * size,
                             changes + (tangent->row * points.count + first) * channels);
          tangent = next;
        }
        if (std::find(valid, valid + count, 0) == valid + count) return;
        for (std::int64_t p = 0; p < n_rows; ++p) {  // whatever the tangents are there
          S* change = changes + (p * points.count + first) * channels;
          for (std::int64_t k = 0; k < count; ++k)
            if (!valid[k]) std::fill_n(change + k * channels, channels, S(0));
        }
      });
}

// Sums cotangents times gradients over the channels; 0 where invalid, whatever these are.
template <int D, class S, class P>
void contract_points(const S* gradient, const S* cotangent, const std::uint8_t* valid,
                     std::int64_t count, std::int64_t channels, P* pulled) {
  for (std::int64_t k = 0; k < count; ++k, pulled += D) {
    S sum[D] = {};
    for (std::int64_t c = 0; c < channels; ++c, gradient += D, ++cotangent)
      for (int a = 0; a < D; ++a) sum[a] += *cotangent * gradient[a];
    for (int a = 0; a < D; ++a) pulled[a] = valid[k] ? static_cast<P>(sum[a]) : P(0);
  }
}

template <class S, int D>
void pull_back_as(const SamplerView& sampler, const PointsView& points, const S* cotangents,
                  S* pulled, const Execution& execution) {
  const std::int64_t channels = sampler.image.channels;
  with_gradients<S>(sampler, points, execution,
                    [&](const S*, const S* gradient, const std::uint8_t* valid, std::int64_t first,
                        std::int64_t count) {
                      contract_points<D>(gradient, cotangents + first * channels, valid, count,
                                         channels, pulled + first * D);
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

void push_sparse(const SamplerView& sampler, const MovingPoints& moving,
                 const SparseTangents& tangents, void* values, void* changes, std::uint8_t* valid,
                 const Execution& execution) {
  const auto size = static_cast<std::size_t>(moving.count * sampler.image.dimension);
  const auto room = std::make_unique_for_overwrite<double[]>(size);
  PointsView points{.data = room.get(),
                    .is_double = moving.is_double,
                    .count = moving.count,
                    .point_stride = 1,
                    .axis_stride = moving.count};
  for (std::size_t a = 0; a < moving.coordinates.size(); ++a) {
    const std::int64_t at = static_cast<std::int64_t>(a) * moving.count;
    if (moving.is_double)
      copy_numbers(moving.coordinates[a], moving.count, room.get() + at);
    else
      copy_numbers(moving.coordinates[a], moving.count, reinterpret_cast<float*>(room.get()) + at);
  }
  with_dimension(sampler.image.dimension, [&]<int D>(std::integral_constant<int, D>) {
    const auto run = [&]<class S>(S) {
      push_sparse_as<S, D>(sampler, points, tangents, static_cast<S*>(values),
                           static_cast<S*>(changes), valid, execution);
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

void contract(const Contraction& task) {
  with_dimension(task.dimension, [&]<int D>(std::integral_constant<int, D>) {
    const auto run = [&]<class S, class P>(S, P) {
      contract_points<D>(static_cast<const S*>(task.gradients),
                         static_cast<const S*>(task.cotangents), task.valid, task.count,
                         task.channels, static_cast<P*>(task.pulled));
    };
    if (task.is_double)
      task.pulls_double ? run(0.0, 0.0) : run(0.0, 0.0f);
    else
      task.pulls_double ? run(0.0f, 0.0) : run(0.0f, 0.0f);
  });
}

void scatter(const SamplerView& sampler, const PointsView& points, const std::uint8_t* valid,
             const double* cotangents, double* image, const Execution& execution) {
  const SamplingFunctions& functions = *variant().sampling;
  const std::int64_t channels = sampler.image.channels;
  const Execution alone{1, execution.interrupted};
  for_each_run(points, points_at_once, alone, [&](std::int64_t first, const PointsView& some) {
    const double* given = cotangents + first * channels;
    if (valid) return functions.scatter(sampler, some, valid + first, given, image);
    const auto count = static_cast<std::size_t>(some.count);
    std::vector<std::uint8_t> found(count);
    std::vector<double> values(count * static_cast<std::size_t>(channels));
    functions.sample(sampler, some, {.values = values.data(), .valid = found.data()});
    functions.scatter(sampler, some, found.data(), given, image);
  });
}

}  // namespace photalign
