// An image as a function of points: the way of a block of points through all stages.
//
//   positions: wherever they come from
//   Located:   cells, and how far into them
//   TapWeights
//   taps:      RawRows, TapPlanes or Window
//   contract:  value and derivatives
//   results:   written as they are wanted
//
// Every stage is compiled for what it depends on: weights for the kernel, taps for the type of the
// pixels and the number of taps. What is compiled adds up and does not multiply, but for rows of
// packed pixels, where speed is worth it.
#pragma once

#include "footprint.hpp"
#include "windows.hpp"

PHOTALIGN_ISA_BEGIN

// Where the results of a block go.
template <class S>
struct BlockSamples {
  S* values;
  S* gradients;
  S* hessians;
  std::int64_t channels;
  typename Located<S>::Flag* valid;  // of every point of the block
};

// What derivatives along each axis are multiplied by: `scale`, pixels per unit, and 0 where a
// single pixel has no slope.
struct Factors {
  double value, first[max_dimension];
  bool are_one;

  explicit Factors(const Prepared& sampler) : value(sampler.view.scale), are_one(value == 1) {
    for (int a = 0; a < sampler.view.image.dimension; ++a) {
      const Axis& axis = sampler.axes[a];
      first[a] = axis.is_flat ? 0 : 1 / axis.spacing;
      are_one &= first[a] == 1;
    }
  }

  template <class S, int n, int D, int order>
  void apply(Derivatives<Channels<Vector<S>, n>, D, order>& d) const {
    const auto scale = [](Channels<Vector<S>, n>& p, double factor) {
      for (int c = 0; c < n; ++c) p.c[c] *= static_cast<S>(factor);
    };
    scale(d.value, value);
    for (int a = 0; order > 0 && a < D; ++a) scale(d.first[a], value * first[a]);
    for (int a = 0, i = 0; order > 1 && a < D; ++a)
      for (int b = 0; b <= a; ++b) scale(d.second[i++], value * first[a] * first[b]);
  }
};

// Writes what was found for `count` points of a block, at most a vector of them. `n` channels from
// `channel` on.
template <class S, int n, int D, int order, bool has_nan>
[[gnu::always_inline]] inline void store_samples(
    const Prepared& sampler, const Factors& factors,
    Derivatives<Channels<Vector<S>, n>, D, order>& found, const BlockSamples<S>& out,
    std::int64_t channel, int point, int count) {
  using V = Vector<S>;
  if (!factors.are_one) factors.apply<S, n, D, order>(found);
  if constexpr (has_nan) {
    auto valid = load_vector<MaskOf<S>>(out.valid + point);
#pragma GCC unroll 4
    for (int c = 0; c < n; ++c) valid &= is_finite(found.value.c[c]);
    store_vector(out.valid + point, valid);
  }

  const bool is_reversed = sampler.view.is_reversed;
  // `width` numbers for each channel of a point.
  const auto write = [&]<int width>(S* to, const V* vectors, std::integral_constant<int, width>) {
    if (out.channels == n)
      return store_interleaved<n * width>(to + point * n * width, vectors, count);
    to += (point * out.channels + channel) * width;
    for (int i = 0; i < count; ++i, to += out.channels * width)
      for (int q = 0; q < n * width; ++q) to[q] = vectors[q][i];
  };
  write(out.values, found.value.c, std::integral_constant<int, 1>{});
  if constexpr (order > 0) {
    V gradient[n * D];
#pragma GCC unroll 4
    for (int c = 0; c < n; ++c) {
#pragma GCC unroll 3
      for (int a = 0; a < D; ++a) gradient[c * D + a] = found.first[a].c[c];
      if (D > 1 && is_reversed) {
        const V first = gradient[c * D];
        gradient[c * D] = gradient[c * D + D - 1];
        gradient[c * D + D - 1] = first;
      }
    }
    write(out.gradients, gradient, std::integral_constant<int, D>{});
  }
  if constexpr (order > 1) {
    V hessian[n * D * D];
    for (int c = 0; c < n; ++c)
      for (int a = 0; a < D; ++a)
        for (int b = 0; b < D; ++b) {
          const int i = is_reversed ? D - 1 - a : a, j = is_reversed ? D - 1 - b : b;
          const V& second = found.second[i > j ? i * (i + 1) / 2 + j : j * (j + 1) / 2 + i].c[c];
          hessian[(c * D + a) * D + b] = second;
        }
    write(out.hessians, hessian, std::integral_constant<int, D * D>{});
  }
}

template <class V, int n, int D, int order>
[[gnu::always_inline]] inline void reverse_channels(Derivatives<Channels<V, n>, D, order>& found) {
  const auto reverse = [](Channels<V, n>& p) {
#pragma GCC unroll 2
    for (int c = 0; c < n / 2; ++c) {
      const V swapped = p.c[c];
      p.c[c] = p.c[n - 1 - c];
      p.c[n - 1 - c] = swapped;
    }
  };
  reverse(found.value);
#pragma GCC unroll 3
  for (int a = 0; order > 0 && a < D; ++a) reverse(found.first[a]);
}

template <class S>
using FetchPlanes = void (*)(const Prepared&, const Located<S>&, std::int64_t channel, int first,
                             int count, S* planes, int points);

// What a block needs to know of the sampler.
template <class S>
struct BlockTask {
  const Prepared& sampler;
  Factors factors;
  FetchPlanes<S> fetch;
};

template <class S, int taps, int D, int order>
void sample_planes(const BlockTask<S>& task, Located<S>& located, const TapWeights<S>& weights,
                   const BlockSamples<S>& out) {
  if (!located.has_first) located.find_first(task.sampler);
  using P = Channels<Vector<S>, 1>;
  TapPlanes<S, taps, D> planes;
  constexpr int points = TapPlanes<S, taps, D>::points;
  for (std::int64_t channel = 0; channel < out.channels; ++channel) {
    for (int first = 0; first < located.count; first += points) {
      const int rest = located.count - first;
      const int some = rest < points ? rest : points;
      task.fetch(task.sampler, located, channel, first, some, planes.planes[0], points);
      for (int group = 0; group < some; group += lanes_of<S>) {
        auto found = contract<P, D - 1, taps, order>(
            GroupWeights<S>{located, weights, first + group}, planes.at(group), 0);
        store_samples<S, 1, D, order, true>(task.sampler, task.factors, found, out, channel,
                                            first + group, min_lanes<S>(some - group));
      }
    }
  }
}

// Whether windows pay for images like these.
template <int channels, int D>
inline constexpr bool takes_windows = has_window && channels == 1 && D == 2;

// False if the points of the block do not lie close enough together.
template <class T, int taps, int order>
bool sample_windows(const BlockTask<float>& task, const Located<float>& located,
                    const TapWeights<float>& weights, const BlockSamples<float>& out) {
  if (!located.all_inner) return false;
  WindowPlace places[block / lanes];
  for (int group = 0; group < located.count; group += lanes)
    if (!places[group / lanes].find(task.sampler, located, group)) return false;
  const std::byte* data = task.sampler.first_row;
  for (std::int64_t channel = 0; channel < out.channels; ++channel) {
    for (int group = 0; group < located.count; group += lanes) {
      const WindowPlace& place = places[group / lanes];
      const auto sample = [&]<int span>(std::integral_constant<int, span>) {
        const Window<T, taps, span> window(task.sampler, data, place);
        auto found = contract<Channels<Float, 1>, 1, taps, order>(
            GroupWeights<float>{located, weights, group}, window, 0);
        store_samples<float, 1, 2, order, has_nan<T>>(task.sampler, task.factors, found, out,
                                                      channel, group,
                                                      min_lanes<float>(located.count - group));
      };
      if (place.span == 0) sample(std::integral_constant<int, 0>{});
      if (place.span == 1) sample(std::integral_constant<int, 1>{});
      if (place.span == 2) sample(std::integral_constant<int, 2>{});
      if (place.span == 3) sample(std::integral_constant<int, 3>{});
    }
    data += task.sampler.view.image.channel_stride;
  }
  return true;
}

// `channels` of them lie side by side: all of them, or some that are taken at a time.
template <class T, int channels, int taps, int D, int order>
void sample_raw(const BlockTask<float>& task, Located<float>& located,
                const TapWeights<float>& weights, const BlockSamples<float>& out) {
  if constexpr (takes_windows<channels, D>)
    if (!task.sampler.copies_pixels && sample_windows<T, taps, order>(task, located, weights, out))
      return;
  if (!located.has_first) located.find_first(task.sampler);
  using P = Channels<Float, channels>;
  RawRows<T, channels, taps, D> rows;
  constexpr int points = RawRows<T, channels, taps, D>::points;
  for (std::int64_t next = 0; next < out.channels; next += channels) {
    // The last ones are those before the end, some of them once more.
    const std::int64_t channel = min(next, out.channels - channels);
    const std::byte* data =
        task.sampler.first_row + channel * task.sampler.view.image.channel_stride;
    for (int first = 0; first < located.count; first += points) {
      const int rest = located.count - first;
      const int some = rest < points ? rest : points;
      if (!rows.fetch(task.sampler, data, located, first, some))
        return sample_planes<float, taps, D, order>(task, located, weights, out);
      for (int group = 0; group < some; group += lanes) {
        auto found = contract<P, D - 1, taps, order>(
            GroupWeights<float>{located, weights, first + group}, rows.at(group), 0);
        if (channels > 1 && task.sampler.reverses_channels) reverse_channels(found);
        store_samples<float, channels, D, order, has_nan<T>>(task.sampler, task.factors, found, out,
                                                             channel, first + group,
                                                             min_lanes<float>(some - group));
      }
    }
  }
}

PHOTALIGN_ISA_END
