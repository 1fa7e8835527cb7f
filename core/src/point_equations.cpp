#include "photalign/point_equations.hpp"

#include <algorithm>
#include <bit>
#include <memory>
#include <vector>

#include "photalign/variants.hpp"

namespace photalign {
namespace {

// Samples of a run stay in the nearest cache.
std::int64_t points_of_run(const SamplerView& sampler) {
  const std::int64_t width = sampler.image.channels * (1 + sampler.image.dimension);
  const auto fitting = static_cast<std::uint64_t>(std::max<std::int64_t>(8192 / width, 64));
  return std::min(static_cast<std::int64_t>(std::bit_floor(fitting)), whole_runs);
}

std::int64_t numbers_of(std::int64_t unknowns) { return unknowns * (unknowns + 1) + n_totals; }

EquationSums sums_in(double* numbers, std::int64_t unknowns) {
  return {numbers, numbers + unknowns * unknowns, numbers + unknowns * (unknowns + 1)};
}

// To both triangles.
void add(const EquationSums& from, std::int64_t unknowns, const EquationSums& to) {
  for (std::int64_t i = 0; i < unknowns; ++i)
    for (std::int64_t j = i; j < unknowns; ++j) {
      const double sum = to.hessian[i * unknowns + j] + from.hessian[i * unknowns + j];
      to.hessian[i * unknowns + j] = to.hessian[j * unknowns + i] = sum;
    }
  for (std::int64_t i = 0; i < unknowns; ++i) to.gradient[i] += from.gradient[i];
  for (std::int64_t i = 0; i < n_totals; ++i) to.totals[i] += from.totals[i];
}

// What a thread needs to sample a run and to add it up.
struct Room {
  std::unique_ptr<std::byte[]> samples;
  std::unique_ptr<std::uint8_t[]> valid;
  std::unique_ptr<double[]> scratch;
};

class Runs {
 public:
  Runs(const SamplerView& sampler, const PointsView& points, const Observations& observations,
       const PointJacobian& jacobian)
      : sampler_(sampler), points_(points), size_(points_of_run(sampler)) {
    whole_.is_double = sampler.is_double();
    whole_.dimension = sampler.image.dimension;
    whole_.channels = sampler.image.channels;
    whole_.observations = observations;
    whole_.jacobian = jacobian;
  }

  std::int64_t count() const { return (points_.count + size_ - 1) / size_; }
  std::int64_t unknowns() const { return whole_.unknowns(); }

  void add(std::int64_t index, Room& room, const EquationSums& sums) const {
    const EquationFunctions& functions = *variant().equations;
    const std::int64_t first = index * size_;
    const std::int64_t channels = whole_.channels;
    const std::int64_t number = whole_.is_double ? 8 : 4;
    if (!room.samples) make(room, functions.scratch_doubles(whole_));
    PointsView points = points_;
    points.data = static_cast<const std::byte*>(points_.data) +
                  first * points_.point_stride * (points_.is_double ? 8 : 4);
    points.count = std::min(size_, points_.count - first);
    std::byte* gradients = room.samples.get() + size_ * channels * number;
    variant().sampling->sample(
        sampler_, points,
        {.values = room.samples.get(), .gradients = gradients, .valid = room.valid.get()});
    SampledRun run = whole_;
    run.values = room.samples.get();
    run.gradients = gradients;
    run.valid = room.valid.get();
    run.count = points.count;
    run.jacobian.data += first * run.jacobian.point_stride;
    Observations& o = run.observations;
    o.reference += first * channels * bytes_of(o.reference_dtype);
    if (o.weights)
      o.weights += first * (o.has_weight_per_channel ? channels : 1) * bytes_of(o.weight_dtype);
    functions.add_run(run, room.scratch.get(), sums);
  }

 private:
  void make(Room& room, std::size_t scratch) const {
    const auto size = static_cast<std::size_t>(size_);
    const auto width =
        static_cast<std::size_t>(whole_.channels * (1 + whole_.dimension) * 8) * size;
    room.samples = std::make_unique_for_overwrite<std::byte[]>(width);
    room.valid = std::make_unique_for_overwrite<std::uint8_t[]>(size);
    room.scratch = std::make_unique_for_overwrite<double[]>(scratch);
  }

  const SamplerView& sampler_;
  const PointsView& points_;
  std::int64_t size_;
  SampledRun whole_;  // but for the samples
};

}  // namespace

void add_equations(const SamplerView& sampler, const PointsView& points,
                   const Observations& observations, const PointJacobian& jacobian,
                   const EquationSums& sums, const Execution& execution) {
  const Runs runs(sampler, points, observations, jacobian);
  const std::int64_t unknowns = runs.unknowns();
  const std::int64_t numbers = numbers_of(unknowns);
  // So many runs lie side by side before they are added: enough for all threads, within 4 MB.
  const std::int64_t threads = std::max(execution.threads, 1);
  const std::int64_t at_once = std::min(
      runs.count(), std::max(threads, std::min<std::int64_t>(16 * threads, 524288 / numbers)));
  std::vector<double> found(static_cast<std::size_t>(at_once * numbers));
  std::vector<Room> rooms(static_cast<std::size_t>(threads));
  for (std::int64_t first = 0; first < runs.count(); first += at_once) {
    const std::int64_t count = std::min(at_once, runs.count() - first);
    std::fill(found.begin(), found.end(), 0.0);
    parallel_for(execution, count, [&](std::int64_t i, int worker) {
      runs.add(first + i, rooms[static_cast<std::size_t>(worker)],
               sums_in(found.data() + i * numbers, unknowns));
    });
    for (std::int64_t i = 0; i < count; ++i)
      add(sums_in(found.data() + i * numbers, unknowns), unknowns, sums);
  }
}

}  // namespace photalign
