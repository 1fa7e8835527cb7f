// From samples to the coefficients of the B-spline through them: two recursions for each pole.
//
// Unser, Aldroubi and Eden, "B-spline signal processing: part II", IEEE Trans. Signal Processing
// 41(2), 1993. The recursions begin with the sums over the line continued for ever, which repeat
// themselves and are therefore finite; for the mirrored line these are in Unser, "Splines: a
// perfect fit for signal and image processing", IEEE Signal Processing Magazine 16(6), 1999, box 2.
#pragma once

#include <cstdint>

#include "boundary.hpp"
#include "filtering_functions.hpp"
#include "isa.hpp"
#include "line_copy.hpp"

PHOTALIGN_ISA_BEGIN

// The same sample of many lines. The lines do not depend on each other, so the compiler makes
// vectors of them.
template <int front>
struct Front {
  double at[front] = {};
};

// sum over k >= 0 of z^k s[index(k)], where index repeats itself after `period`.
template <int front, class Index>
inline Front<front> endless_sum(const double* samples, std::int64_t period, double z, Index index) {
  Front<front> sum;
  double power = 1;
  for (std::int64_t k = 0; k < period && (power > 1e-18 || power < -1e-18); ++k, power *= z) {
    const double* sample = samples + front * index(k);
    for (int l = 0; l < front; ++l) sum.at[l] += power * sample[l];
  }
  // After a whole period the sum repeats itself, times this power of z; before that it is over.
  for (int l = 0; l < front; ++l) sum.at[l] /= 1 - power;
  return sum;
}

// The first value of the causal recursion a[k] = s[k] + z a[k-1], in place of the first sample.
template <int front>
inline void begin_causal(double* samples, std::int64_t length, Boundary boundary, double z) {
  if (boundary == Boundary::reflect) {
    const auto before = endless_sum<front>(samples, 2 * length, z, [=](std::int64_t k) {
      return k < length ? k : 2 * length - 1 - k;
    });
    for (int l = 0; l < front; ++l) samples[l] += z * before.at[l];
    return;
  }
  const std::int64_t period = boundary == Boundary::wrap ? length : 2 * (length - 1);
  const std::int64_t forward = boundary == Boundary::wrap ? 1 : length;
  const auto first = endless_sum<front>(
      samples, period, z, [=](std::int64_t k) { return k < forward ? k : period - k; });
  for (int l = 0; l < front; ++l) samples[l] = first.at[l];
}

// The last value of the anticausal recursion c[k] = z (c[k+1] - a[k]). Where the line is symmetric,
// the coefficients are so too, which gives c[length].
template <int front>
inline void begin_anticausal(double* samples, std::int64_t length, Boundary boundary, double z) {
  double* last = samples + front * (length - 1);
  if (boundary == Boundary::wrap) {
    const auto after = endless_sum<front>(
        samples, length, z, [=](std::int64_t k) { return k == 0 ? length - 1 : k - 1; });
    for (int l = 0; l < front; ++l) last[l] = -z * after.at[l];
  } else if (boundary == Boundary::reflect) {
    for (int l = 0; l < front; ++l) last[l] *= z / (z - 1);
  } else {
    for (int l = 0; l < front; ++l) last[l] = z / (z * z - 1) * (last[l] + z * last[l - front]);
  }
}

template <int front>
inline void filter_fronts(double* samples, std::int64_t length, Boundary boundary, double z) {
  begin_causal<front>(samples, length, boundary, z);
  for (std::int64_t k = 1; k < length; ++k) {
    double* sample = samples + front * k;
    for (int l = 0; l < front; ++l) sample[l] += z * sample[l - front];
  }
  begin_anticausal<front>(samples, length, boundary, z);
  for (std::int64_t k = length - 2; k >= 0; --k) {
    double* sample = samples + front * k;
    for (int l = 0; l < front; ++l) sample[l] = z * (sample[l + front] - sample[l]);
  }
}

template <int front>
inline void scale_ends(double* samples, std::int64_t length, double factor) {
  double* last = samples + front * (length - 1);
  for (int l = 0; l < front; ++l) {
    samples[l] *= factor;
    last[l] *= factor;
  }
}

// In double, also for float: the recursions are not what takes the time.
template <int front, class T>
void filter_lines(const LinesView& lines, const SplineFilter& filter, double* samples) {
  const std::int64_t length = lines.length;
  if (length == 1) return;  // a constant is its own spline
  if (lines.count < front)
    for (std::int64_t k = 0; k < front * length; ++k) samples[k] = 0;
  copy_samples<front, T>(lines, samples, LoadSamples{filter.gain});
  // Of a mirrored line all samples but the ends are there twice, and to weigh them so makes the
  // matrix of the filter symmetric. On other lines it is symmetric already.
  const bool is_weighted = filter.is_transposed && filter.boundary == Boundary::mirror;
  if (is_weighted) scale_ends<front>(samples, length, 2);
  for (int p = 0; p < filter.count; ++p)
    filter_fronts<front>(samples, length, filter.boundary, filter.poles[p]);
  if (is_weighted) scale_ends<front>(samples, length, 0.5);
  copy_samples<front, T>(lines, samples, StoreSamples{});
}

PHOTALIGN_ISA_END
