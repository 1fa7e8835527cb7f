// Residuals of samples and their weights, the loss's included.
#pragma once

#include "equation_functions.hpp"
#include "losses.hpp"

PHOTALIGN_ISA_BEGIN

// Of a block of points, [point][channel].
struct Weighed {
  double* value;
  double* residual;  // 0 where invalid
  double* weight;    // with the loss's; 0 where invalid
  double* room;      // as many again
};

template <class T>
inline void read_as(const std::byte* from, std::int64_t count, double* to) {
  for (std::int64_t i = 0; i < count; ++i) {
    T number;
    std::memcpy(&number, from + i * static_cast<std::int64_t>(sizeof(T)), sizeof(T));
    to[i] = static_cast<double>(number);
  }
}

inline std::int64_t size_of(DType dtype) {
  return dtype == DType::u8 ? 1 : dtype == DType::u16 ? 2 : dtype == DType::f32 ? 4 : 8;
}

// Numbers [first, first + count) of one of the first four types.
inline void read_numbers(const std::byte* data, DType dtype, std::int64_t first, std::int64_t count,
                         double* to) {
  const std::byte* from = data + first * size_of(dtype);
  if (dtype == DType::u8) return read_as<std::uint8_t>(from, count, to);
  if (dtype == DType::u16) return read_as<std::uint16_t>(from, count, to);
  if (dtype == DType::f32) return read_as<float>(from, count, to);
  read_as<double>(from, count, to);
}

// The weights that the user gives, 0 where samples are invalid.
inline void read_weights(const SampledRun& run, std::int64_t first, std::int64_t count,
                         double* weight, double* room) {
  const Observations& o = run.observations;
  const std::int64_t channels = run.channels;
  if (o.weights && o.has_weight_per_channel) {
    read_numbers(o.weights, o.weight_dtype, first * channels, count * channels, room);
    for (std::int64_t k = 0; k < count; ++k)
      for (std::int64_t c = 0; c < channels; ++c)
        weight[k * channels + c] = run.valid[first + k] ? room[k * channels + c] : 0;
    return;
  }
  if (o.weights) read_numbers(o.weights, o.weight_dtype, first, count, room);
  for (std::int64_t k = 0; k < count; ++k) {
    const double one = o.weights ? room[k] : 1;
    for (std::int64_t c = 0; c < channels; ++c)
      weight[k * channels + c] = run.valid[first + k] ? one : 0;
  }
}

// In the order of the lanes.
inline double sum(Double v) {
  double total = 0;
  for (int i = 0; i < lanes_of<double>; ++i) total += v[i];
  return total;
}

inline double sum_of(const double* numbers, std::int64_t count) {
  constexpr int width = lanes_of<double>;
  Double total{};
  std::int64_t i = 0;
  for (; i + width <= count; i += width) total += load(numbers + i);
  double all = sum(total);
  for (; i < count; ++i) all += numbers[i];
  return all;
}

// Weighs points [first, first + count), and adds to the totals. `gain` and `bias` are repeated for
// each point.
template <class S>
void weigh(const SampledRun& run, std::int64_t first, std::int64_t count, const double* gain,
           const double* bias, const Weighed& out, double* totals) {
  const Observations& o = run.observations;
  const std::int64_t n = count * run.channels;
  const S* values = static_cast<const S*>(run.values) + first * run.channels;
  double* __restrict value = out.value;
  double* __restrict residual = out.residual;
  double* __restrict weight = out.weight;
  double* __restrict room = out.room;
  read_weights(run, first, count, weight, room);
  read_numbers(o.reference, o.reference_dtype, first * run.channels, n, room);
  for (std::int64_t i = 0; i < n; ++i) {
    value[i] = static_cast<double>(values[i]);
    const double r = gain[i] * value[i] + bias[i] - room[i];
    const bool used = (r - r == 0) & (weight[i] > 0);
    residual[i] = used ? r : 0;
    weight[i] = used ? weight[i] : 0;
    room[i] = used ? 1 : 0;
  }
  totals[1] += sum_of(weight, n);
  totals[2] += sum_of(room, n);
  with_loss(o.loss, [&](auto loss) {
    const double c = o.threshold;
    for (std::int64_t i = 0; i < n; ++i) {
      const auto influence = decltype(loss)::at(residual[i] * residual[i], c);
      room[i] = weight[i] * influence.rho;
      weight[i] *= influence.weight;
    }
  });
  totals[0] += sum_of(room, n);
}

PHOTALIGN_ISA_END
