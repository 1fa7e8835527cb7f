// Residuals of samples and their weights, the loss's included, as doubles.
#pragma once

#include "equation_functions.hpp"
#include "losses.hpp"
#include "row_products.hpp"

PHOTALIGN_ISA_BEGIN

// Of a block of points, [point][channel], each with room for whole vectors.
struct Weighed {
  double* value;
  double* residual;  // 0 where invalid
  double* weight;    // with the loss's; 0 where invalid
  double* room;
};

template <class T>
inline void read_as(const std::byte* from, std::int64_t count, double* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    T number;
    std::memcpy(&number, from + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
    to[i] = static_cast<double>(number);
  }
}

// Numbers [first, first + count) of one of the first four types.
inline void read_numbers(const std::byte* data, DType dtype, std::int64_t first, std::int64_t count,
                         double* to) {
  if (dtype == DType::u8) return read_as<std::uint8_t>(data + first, count, to);
  if (dtype == DType::u16) return read_as<std::uint16_t>(data + 2 * first, count, to);
  if (dtype == DType::f32) return read_as<float>(data + 4 * first, count, to);
  read_as<double>(data + 8 * first, count, to);
}

// The weights of points for each channel: `fixed` many, or `channels` if that is 0.
template <int fixed>
void spread(const double* of_point, const std::uint8_t* valid, std::int64_t count,
            std::int64_t channels, double* weight) {
  const std::int64_t n = fixed ? fixed : channels;
  for (std::int64_t k = 0; k < count; ++k) {
    const double one = valid[k] ? of_point[k] : 0;
    for (std::int64_t c = 0; c < n; ++c) weight[k * n + c] = one;
  }
}

// The weights that the user gives, 0 where samples are invalid.
inline void read_weights(const SampledRun& run, std::int64_t first, std::int64_t count,
                         double* weight, double* room) {
  const Observations& o = run.observations;
  const std::int64_t channels = run.channels;
  const std::uint8_t* valid = run.valid + first;
  if (o.weights && o.has_weight_per_channel) {
    read_numbers(o.weights, o.weight_dtype, first * channels, count * channels, weight);
    for (std::int64_t k = 0; k < count; ++k)
      for (std::int64_t c = 0; c < channels; ++c)
        if (!valid[k]) weight[k * channels + c] = 0;
    return;
  }
  if (!o.weights)
    for (std::int64_t k = 0; k < count; ++k) room[k] = 1;
  else
    read_numbers(o.weights, o.weight_dtype, first, count, room);
  if (channels == 1) return spread<1>(room, valid, count, channels, weight);
  if (channels == 3) return spread<3>(room, valid, count, channels, weight);
  spread<0>(room, valid, count, channels, weight);
}

// In the order of the lanes.
inline double sum(Double v) {
  double total = 0;
  for (int i = 0; i < lanes_of<double>; ++i) total += v[i];
  return total;
}

// Weighs points [first, first + count), and adds to the totals. `gain` and `bias` are repeated for
// each point.
template <class S>
void weigh(const SampledRun& run, std::int64_t first, std::int64_t count, const double* gain,
           const double* bias, const Weighed& out, double* totals) {
  constexpr int width = lanes_of<double>;
  const Observations& o = run.observations;
  const std::int64_t n = count * run.channels;
  const auto* values = static_cast<const std::byte*>(run.values);
  read_weights(run, first, count, out.weight, out.room);
  read_numbers(o.reference, o.reference_dtype, first * run.channels, n, out.room);
  read_numbers(values, sizeof(S) == 8 ? DType::f64 : DType::f32, first * run.channels, n,
               out.value);
  for (std::int64_t i = n; i < padded(n); ++i) out.weight[i] = 0;
  Double weights{}, used{}, rho{};
  with_loss(o.loss, [&](auto loss) {
    const Double threshold = splat(o.threshold);
    for (std::int64_t i = 0; i < n; i += width) {
      const Double r = load(gain + i) * load(out.value + i) + load(bias + i) - load(out.room + i);
      const Double given = load(out.weight + i);
      const Long counts = is_finite(r) & (given > 0);
      const Double residual = select(counts, r, Double{});
      const Double weight = select(counts, given, Double{});
      const auto influence = decltype(loss)::at(residual * residual, threshold);
      weights += weight;
      used += select(counts, Double{} + 1, Double{});
      rho += weight * influence.rho;
      store(out.residual + i, residual);
      store(out.weight + i, weight * influence.weight);
    }
  });
  totals[0] += sum(rho);
  totals[1] += sum(weights);
  totals[2] += sum(used);
}

PHOTALIGN_ISA_END
