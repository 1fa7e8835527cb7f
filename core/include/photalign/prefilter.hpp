// From samples to the coefficients of the B-spline through them: two recursions for each pole.
//
// Unser, Aldroubi and Eden, "B-spline signal processing: part II", IEEE Trans. Signal Processing
// 41(2), 1993. The values to begin with, for a line mirrored at its ends, are those of Unser,
// "Splines: a perfect fit for signal and image processing", IEEE Signal Processing Magazine 16(6),
// 1999, box 2.
#pragma once

#include <cstdint>

#include "isa.hpp"
#include "sampling_functions.hpp"

PHOTALIGN_ISA_BEGIN

// A front is the same sample of `lines_at_once` lines, one after the other in memory: the lines do
// not depend on each other, so the compiler makes vectors of them.
inline constexpr int front = lines_at_once;

// The causal recursion c[k] = s[k] + z c[k-1] begins with sum_k z^k s[k] over the line mirrored for
// ever.
inline void begin_causal(double* samples, std::int64_t length, double z) {
  double begin[front] = {};
  const std::int64_t period = 2 * (length - 1);
  double power = 1;
  for (std::int64_t k = 0; k < period && (power > 1e-18 || power < -1e-18); ++k, power *= z) {
    const double* sample = samples + front * (k < length ? k : period - k);
    for (int l = 0; l < front; ++l) begin[l] += power * sample[l];
  }
  // After a whole period the sum repeats itself, times this power of z; before that it is over.
  for (int l = 0; l < front; ++l) samples[l] = begin[l] / (1 - power);
}

inline void filter_front(double* samples, std::int64_t length, double z) {
  begin_causal(samples, length, z);
  for (std::int64_t k = 1; k < length; ++k) {
    double* sample = samples + front * k;
    for (int l = 0; l < front; ++l) sample[l] += z * sample[l - front];
  }
  double* last = samples + front * (length - 1);
  for (int l = 0; l < front; ++l) last[l] = z / (z * z - 1) * (last[l] + z * last[l - front]);
  for (std::int64_t k = length - 2; k >= 0; --k) {
    double* sample = samples + front * k;
    for (int l = 0; l < front; ++l) sample[l] = z * (sample[l + front] - sample[l]);
  }
}

// Visits sample k of line l, for all, in an order that uses up each cache line while it is at hand.
template <class Visit>
inline void for_each_sample(const LinesView& view, Visit visit) {
  if (view.line_stride == 1) {
    for (std::int64_t k = 0; k < view.length; ++k)
      for (std::int64_t l = 0; l < view.lines; ++l) visit(k, l);
    return;
  }
  constexpr std::int64_t some = 16;
  for (std::int64_t begin = 0; begin < view.length; begin += some) {
    const std::int64_t end = begin + some < view.length ? begin + some : view.length;
    for (std::int64_t l = 0; l < view.lines; ++l)
      for (std::int64_t k = begin; k < end; ++k) visit(k, l);
  }
}

// In double, also for float: the recursions are not what takes the time.
template <class T>
void filter_lines(const LinesView& view, const SplineFilter& filter, double* samples) {
  if (view.length == 1) return;  // a constant is its own spline
  T* data = static_cast<T*>(view.data);
  const std::int64_t stride = view.stride, line_stride = view.line_stride;
  const double gain = filter.gain;
  if (view.lines < front)
    for (std::int64_t k = 0; k < front * view.length; ++k) samples[k] = 0;
  for_each_sample(view, [=](std::int64_t k, std::int64_t l) {
    samples[front * k + l] = gain * static_cast<double>(data[k * stride + l * line_stride]);
  });
  for (int p = 0; p < filter.count; ++p) filter_front(samples, view.length, filter.poles[p]);
  for_each_sample(view, [=](std::int64_t k, std::int64_t l) {
    data[k * stride + l * line_stride] = static_cast<T>(samples[front * k + l]);
  });
}

PHOTALIGN_ISA_END
