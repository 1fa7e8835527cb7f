// Where the points of a block lie: the cell, and how far into it, along every axis.
#pragma once

#include <type_traits>

#include "axis.hpp"
#include "kernels.hpp"
#include "simd.hpp"

PHOTALIGN_ISA_BEGIN

// Points that go through all stages together: their taps and weights stay in the first cache.
inline constexpr int block = 64;
inline constexpr int max_taps = 6;

// What finds the cells of inner points along an axis, in vectors.
struct InnerCells {
  Double lower, upper, shift, last, stride;

  InnerCells() = default;
  InnerCells(const Axis& axis, std::int64_t stride)
      : lower(splat(axis.inner_lower)),
        upper(splat(axis.inner_upper)),
        shift(splat(axis.shift)),
        last(splat(static_cast<double>(axis.inner_last))),
        stride(splat(static_cast<double>(stride))) {}
};

// A sampler with everything that does not depend on the points.
struct Prepared {
  InnerCells inner[max_dimension];
  Double first_taps, last_first_taps;  // the two below
  const SamplerView& view;
  int taps, before;
  Axis axes[max_dimension];
  // From the first byte of the image to that of a footprint: of the cell 0, and of the last one
  // from which whole vectors of every row may be read.
  std::int64_t first_tap = 0;
  std::int64_t last_first_tap = std::int64_t{1} << 50;
  std::int64_t last_window = 0;  // the same for the first row of a window
  // Where rows that are read as they are begin; that is not the first channel if these are
  // reversed.
  const std::byte* first_row;
  bool reverses_channels = false;
  // Pixels do not lie side by side: rows are put together of single ones.
  bool copies_pixels = false;
  bool is_physical = false;
  bool is_computed = false;  // positions were computed, and have rounding errors
  bool needs_cells = false;

  Prepared(const SamplerView& sampler, int taps, int before)
      : view(sampler), taps(taps), before(before), first_row(sampler.image.data) {
    for (int a = 0; a < view.image.dimension; ++a) {
      axes[a] = Axis(view, a, taps, before);
      first_tap -= before * view.image.stride[a];
      is_physical = axes[a].is_physical;
      inner[a] = InnerCells(axes[a], view.image.stride[a]);
      // Without an inner position everything is farther than the last tap.
      if (axes[a].inner_upper < axes[a].inner_lower) last_first_tap = INT64_MIN;
    }
    is_computed = is_physical;
    first_taps = splat(static_cast<double>(first_tap));
    last_first_taps = splat(static_cast<double>(last_first_tap));
  }

  // From now on rows are read in pieces of `bytes`, or of two vectors of pixels, with `channels`
  // channels side by side.
  void read_rows_of(std::int64_t bytes, int channels) {
    const Lattice& image = view.image;
    const std::int64_t size = bytes_of(image.dtype);
    copies_pixels = image.stride[0] != channels * size;
    if (copies_pixels) return;  // nothing beyond the pixels is read
    if (channels > 1 && image.channel_stride < 0) {
      first_row -= (channels - 1) * size;
      reverses_channels = true;
    }
    std::int64_t end = channels * size;  // of all that is stored of the first channels
    std::int64_t rows = 0;               // from the first row to the farthest
    for (int a = 0; a < image.dimension; ++a) {
      const std::int64_t stride = image.stride[a];
      end += max(-view.pad * stride, (image.size[a] - 1 + view.pad) * stride);
      if (a > 0) rows += max(std::int64_t{0}, (taps - 1) * stride);
    }
    last_first_tap = min(last_first_tap, end - rows - bytes);
    last_first_taps = splat(static_cast<double>(last_first_tap));
    last_window = end - rows - 2 * lanes * size;
  }
};

template <class S>
struct Located {
  static constexpr bool is_single = std::is_same_v<S, float>;
  using Flag = std::conditional_t<is_single, std::int32_t, std::int64_t>;

  alignas(64) double position[max_dimension][block];  // in pixels
  alignas(64) S t[max_dimension][block];
  alignas(64) std::int32_t cell[max_dimension][block];  // of inner points, if sampler.needs_cells
  alignas(64) std::int64_t first[block];  // byte of the first tap of inner points, if has_first
  bool has_first;
  int count;       // of points; the rest up to a whole vector repeats the first
  int padded;      // the points and this rest
  bool all_inner;  // the footprints of all points are stored as they are; if not:
  // All bits or none: whether the point is in the domain; whether it is an inner one.
  alignas(64) Flag inside[block];
  alignas(64) Flag inner[block];

  void locate(const Prepared& sampler, int points) {
    const Lattice& image = sampler.view.image;
    count = points;
    padded = (points + lanes - 1) / lanes * lanes;
    for (int a = 0; a < image.dimension; ++a)
      for (int k = count; k < padded; ++k) position[a][k] = position[a][0];
    // Most often all points are inner ones, and then nothing needs to be said about each.
    Long differs{};
    for (int k = 0; k < padded; k += lanes_of<double>) differs |= locate_inner(sampler, k);
    all_inner = true;
    for (int i = 0; i < lanes_of<double>; ++i) all_inner &= differs[i] == 0;
    if (!all_inner) locate_border(sampler);
    has_first = true;
  }

  // Points in a straight line at even steps, start + k step in pixels: cells and fractions come
  // from integers, the fraction in 26 bits, which is finer than a float. False, and nothing is
  // known, if not all are inner points or steps are too large for that.
  bool locate_line(const Prepared& sampler, const double* start, const double* step, int points) {
    const Lattice& image = sampler.view.image;
    constexpr double one = 1 << 26;
    count = points;
    padded = (points + lanes - 1) / lanes * lanes;
    double farthest = static_cast<double>(sampler.first_tap);
    for (int a = 0; a < image.dimension; ++a) {
      // A little less than the truth, so that no rounding leads out of it.
      constexpr double margin = 1e-5;
      const Axis& axis = sampler.axes[a];
      const double end = start[a] + (padded - 1) * step[a];
      const double low = start[a] < end ? start[a] : end, high = start[a] < end ? end : start[a];
      const bool is_inner = low > axis.inner_lower + margin && high < axis.inner_upper - margin;
      if (!is_inner || step[a] * lanes > 30 || step[a] * lanes < -30) return false;
      const double stride = static_cast<double>(image.stride[a]);
      farthest += (stride > 0 ? high + 1 : low) * stride;
    }
    if (farthest > static_cast<double>(sampler.last_first_tap)) return false;
    for (int a = 0; a < image.dimension; ++a) {
      const double shift = sampler.axes[a].shift;
      const Int steps = whole_iota() * static_cast<std::int32_t>(__builtin_rint(step[a] * one));
      for (int k = 0; k < padded; k += lanes) {
        const double x = start[a] + k * step[a] + shift;
        const auto i = static_cast<std::int32_t>(x);
        const auto from = static_cast<std::int32_t>((x - i) * one);
        const Int distance = from + steps;
        store_vector(cell[a] + k, i + (distance >> 26));
        const Float t = to_float(distance & ((1 << 26) - 1)) * static_cast<float>(1 / one);
        store_vector(this->t[a] + k, t - static_cast<float>(shift));
      }
    }
    all_inner = true;
    has_first = false;
    return true;
  }

  // After locate_line, if it is needed.
  void find_first(const Prepared& sampler) {
    const Lattice& image = sampler.view.image;
    for (int k = 0; k < count; ++k) {
      first[k] = sampler.first_tap;
      for (int a = 0; a < image.dimension; ++a) first[k] += cell[a][k] * image.stride[a];
    }
    has_first = true;
  }

 private:
  // Takes the points from k on for inner ones; those that are not get an inner position that is not
  // theirs, and other bits than 0 are returned for them.
  Long locate_inner(const Prepared& sampler, int k) {
    Long differs{};
    Double at = sampler.first_taps;
    for (int a = 0; a < sampler.view.image.dimension; ++a) {
      const InnerCells& cells = sampler.inner[a];
      const Double x = load(position[a] + k);
      Double safe = x < cells.upper ? x : cells.upper;
      safe = safe > cells.lower ? safe : cells.lower;
      differs |= reinterpret_cast<Long>(safe) ^ reinterpret_cast<Long>(x);
      Double i = floor_of_positive(safe + cells.shift);
      i = i < cells.last ? i : cells.last;
      if (sampler.needs_cells) store_vector(cell[a] + k, truncate(i));
      store_numbers(t[a] + k, safe - i);
      at += i * cells.stride;
    }
    store_vector(first + k, to_long(at));
    return differs | (at > sampler.last_first_taps);
  }

  static void store_numbers(S* to, Double numbers) {
    if constexpr (is_single)
      store_vector(to, to_float(numbers));
    else
      store_vector(to, numbers);
  }
  // Says of each point where it is, and how far into its cell if that is not an inner one. Which
  // cell it is, is found again where it is needed.
  void locate_border(const Prepared& sampler) {
    for (int k = 0; k < padded; k += lanes_of<double>) {
      const Long differs = locate_inner(sampler, k);
      for (int i = 0; i < lanes_of<double>; ++i)
        inside[k + i] = inner[k + i] = differs[i] ? Flag{0} : Flag{-1};
    }
    for (int k = 0; k < count; ++k) {
      if (inner[k]) continue;
      bool is_inside = true;
      for (int a = 0; a < sampler.view.image.dimension; ++a) {
        const Axis& axis = sampler.axes[a];
        if (sampler.is_computed) position[a][k] = axis.snapped(position[a][k]);
        is_inside &= axis.contains(position[a][k]);
      }
      if (!is_inside) continue;
      inside[k] = -1;
      for (int a = 0; a < sampler.view.image.dimension; ++a) {
        const double x = position[a][k];
        t[a][k] = static_cast<S>(x - static_cast<double>(sampler.axes[a].cell(x)));
      }
    }
  }
};

// The weights of all taps of a block, [axis][tap][point]. The linear kernel needs t only.
template <class S>
struct TapWeights {
  alignas(64) S w[max_dimension][max_taps][block];
  alignas(64) S d[max_dimension][max_taps][block];
  alignas(64) S h[max_dimension][max_taps][block];

  template <class K, int order>
  void weigh(const Located<S>& points, int dimension) {
    for (int a = 0; a < dimension; ++a) {
      for (int k = 0; k < points.padded; k += lanes_of<S>) {
        const Vector<S> t = load(points.t[a] + k);
        Vector<S> value[K::taps], slope[K::taps], curvature[K::taps];
        K::weights(t, value, slope);
        if constexpr (order > 1) K::curvatures(t, curvature);
#pragma GCC unroll 6
        for (int tap = 0; tap < K::taps; ++tap) {
          store(w[a][tap] + k, value[tap]);
          if constexpr (order > 0) store(d[a][tap] + k, slope[tap]);
          if constexpr (order > 1) store(h[a][tap] + k, curvature[tap]);
        }
      }
    }
  }
};

PHOTALIGN_ISA_END
