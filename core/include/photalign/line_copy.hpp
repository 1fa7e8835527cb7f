// From lines of an array to fronts and back: a front is the same sample of many lines, one after
// the other in memory.
#pragma once

#include <cstdint>

#include "filtering_functions.hpp"
#include "isa.hpp"

PHOTALIGN_ISA_BEGIN

// Lines whose samples lie side by side are transposed on the way, four by four: compilers would
// scatter the samples one by one. Without registers for four doubles the shuffles are slower still.
#if defined(__AVX2__)
inline constexpr bool has_doubles4 = true;
#else
inline constexpr bool has_doubles4 = false;
#endif
using Doubles4 = double [[gnu::vector_size(32)]];
using Floats4 = float [[gnu::vector_size(16)]];

// Rows become columns.
inline void transpose4(Doubles4 (&rows)[4]) {
  const Doubles4 a = __builtin_shufflevector(rows[0], rows[2], 0, 1, 4, 5);
  const Doubles4 b = __builtin_shufflevector(rows[1], rows[3], 0, 1, 4, 5);
  const Doubles4 c = __builtin_shufflevector(rows[0], rows[2], 2, 3, 6, 7);
  const Doubles4 d = __builtin_shufflevector(rows[1], rows[3], 2, 3, 6, 7);
  rows[0] = __builtin_shufflevector(a, b, 0, 4, 2, 6);
  rows[1] = __builtin_shufflevector(a, b, 1, 5, 3, 7);
  rows[2] = __builtin_shufflevector(c, d, 0, 4, 2, 6);
  rows[3] = __builtin_shufflevector(c, d, 1, 5, 3, 7);
}

inline Doubles4 read4(const double* from) {
  Doubles4 doubles;
  __builtin_memcpy(&doubles, from, sizeof doubles);
  return doubles;
}
inline Doubles4 read4(const float* from) {
  Floats4 floats;
  __builtin_memcpy(&floats, from, sizeof floats);
  return __builtin_convertvector(floats, Doubles4);
}
inline void write4(Doubles4 doubles, double* to) { __builtin_memcpy(to, &doubles, sizeof doubles); }
inline void write4(Doubles4 doubles, float* to) {
  const Floats4 floats = __builtin_convertvector(doubles, Floats4);
  __builtin_memcpy(to, &floats, sizeof floats);
}

// What is copied where: `one` sample, or a `block` of four lines by four samples that lie side by
// side in a line.
struct LoadSamples {
  double gain;

  template <class T>
  void one(const T* stored, double* filtered) const {
    *filtered = gain * static_cast<double>(*stored);
  }
  template <int front, class T>
  void block(const T* stored, std::int64_t line_stride, double* filtered) const {
    Doubles4 rows[4];
    for (int l = 0; l < 4; ++l) rows[l] = gain * read4(stored + l * line_stride);
    transpose4(rows);
    for (int k = 0; k < 4; ++k) write4(rows[k], filtered + front * k);
  }
};

struct StoreSamples {
  template <class T>
  void one(T* stored, const double* filtered) const {
    *stored = static_cast<T>(*filtered);
  }
  template <int front, class T>
  void block(T* stored, std::int64_t line_stride, const double* filtered) const {
    Doubles4 rows[4];
    for (int k = 0; k < 4; ++k) rows[k] = read4(filtered + front * k);
    transpose4(rows);
    for (int l = 0; l < 4; ++l) write4(rows[l], stored + l * line_stride);
  }
};

// Some samples of lines side by side.
template <class T>
struct LineSamples {
  T* stored;
  std::int64_t stride;
  double* filtered;
  std::int64_t count;

  LineSamples line(std::int64_t l) const { return {stored + l, stride, filtered + l, count}; }
};

template <int front, int run, class T, class Copy>
inline void copy_run(LineSamples<T> samples, Copy copy) {
  for (std::int64_t k = 0; k < samples.count; ++k)
    for (int l = 0; l < run; ++l)
      copy.one(samples.stored + k * samples.stride + l, samples.filtered + front * k + l);
}

// Copies all samples, a few of each line and then of the next, which uses up each cache line while
// it is at hand.
template <int front, class T, class Copy>
inline void copy_samples(const LinesView& lines, double* samples, Copy copy) {
  constexpr std::int64_t some = 16;
  constexpr int many = front > 4 ? front : 0;
  const std::int64_t inner = lines.inner, length = lines.length;
  for (std::int64_t begin = 0; begin < length; begin += some) {
    const std::int64_t end = begin + some < length ? begin + some : length;
    std::int64_t column = lines.first % inner;
    T* plane = static_cast<T*>(lines.data) + (lines.first - column) * length;
    std::int64_t run = 0;  // lines side by side
    for (std::int64_t lane = 0; lane < lines.count; lane += run) {
      T* stored = plane + column;
      double* filtered = samples + lane;
      if (has_doubles4 && inner == 1 && lines.count - lane >= 4) {
        run = 4;
        std::int64_t k = begin;
        for (; k + 4 <= end; k += 4)
          copy.template block<front>(stored + k, length, filtered + front * k);
        for (; k < end; ++k)
          for (int l = 0; l < 4; ++l) copy.one(stored + l * length + k, filtered + front * k + l);
        plane += 4 * length;
        continue;
      }
      run = inner - column < lines.count - lane ? inner - column : lines.count - lane;
      const LineSamples<T> some_of = {stored + begin * inner, inner, filtered + front * begin,
                                      end - begin};
      switch (run) {
        case 1:
          copy_run<front, 1>(some_of, copy);
          break;
        case 3:
          copy_run<front, 3>(some_of, copy);
          break;
        case 4:
          copy_run<front, 4>(some_of, copy);
          break;
        case many:
          copy_run<front, front>(some_of, copy);
          break;
        default:
          for (std::int64_t l = 0; l < run; ++l) copy_run<front, 1>(some_of.line(l), copy);
      }
      column = 0;
      plane += inner * length;
    }
  }
}

PHOTALIGN_ISA_END
