#include "photalign/sampler.hpp"

#include <algorithm>
#include <vector>

#include "photalign/variants.hpp"

namespace photalign {

// Enough to make up for handing them to a thread, few enough to ask for interrupts in between.
constexpr std::int64_t points_at_once = 16384;

void sample(const SamplerView& sampler, const PointsView& points, const SamplesView& out,
            const Execution& execution) {
  const auto sample = variant().sampling->sample;
  if (points.count <= points_at_once) return sample(sampler, points, out);
  const std::int64_t value_size = sampler.image.dtype == DType::f64 ? 8 : 4;
  const std::int64_t point_size = sampler.image.channels * value_size;
  const auto offset = [](void* data, std::int64_t bytes) -> void* {
    return data ? static_cast<std::byte*>(data) + bytes : nullptr;
  };
  const std::int64_t chunks = (points.count + points_at_once - 1) / points_at_once;
  parallel_for(execution, chunks, [&](std::int64_t chunk, int) {
    const std::int64_t first = chunk * points_at_once;
    PointsView some = points;
    some.data += first * points.point_stride;
    some.count = std::min(points_at_once, points.count - first);
    sample(sampler, some,
           {.values = offset(out.values, first * point_size),
            .gradients = offset(out.gradients, 2 * first * point_size),
            .valid = out.valid ? out.valid + first : nullptr});
  });
}

void resample(const SamplerView& sampler, const ResampledView& out, const Execution& execution) {
  const SamplingFunctions& functions = *variant().sampling;
  const std::size_t scratch = functions.resample_scratch(sampler);
  std::vector<std::vector<std::byte>> scratches(static_cast<std::size_t>(execution.threads));
  parallel_for(execution, out.height, [&](std::int64_t row, int worker) {
    std::vector<std::byte>& mine = scratches[static_cast<std::size_t>(worker)];
    mine.resize(scratch);
    functions.resample_row(sampler, out, row, mine.data());
  });
}

}  // namespace photalign
