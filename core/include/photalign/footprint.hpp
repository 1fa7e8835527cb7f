// Value and gradient of the pixels under one kernel, all channels in one pass.
//
// With t and s the position inside the cell along x and y, and p the pixels of the footprint,
//   value = sum_c w_c(t) sum_r w_r(s) p_rc,   and for d/dx or d/dy the derivative d_c(t) or d_r(s).
// Columns are summed first: a column can be a vector, of channels or of neighboring columns.
#pragma once

#include <type_traits>

#include "image.hpp"
#include "kernels.hpp"
#include "quad.hpp"

PHOTALIGN_ISA_BEGIN

// The type that images of T are computed in.
template <class T>
using Real = std::conditional_t<std::is_same_v<T, double>, double, float>;

// V is a number, or a vector of channels or columns.
template <class V>
struct Sampled {
  V value, x, y;
};

// The kernel at t along x and at s along y, in one go.
template <class K, class S>
struct Weights {
  Quad<S> w[K::taps], d[K::taps];

  Weights(S t, S s) { K::weights(Quad<S>{t, s, t, s}, w, d); }

  S x(int c) const { return w[c][0]; }
  S dx(int c) const { return d[c][0]; }
  S y(int r) const { return w[r][1]; }
  S dy(int r) const { return d[r][1]; }
};

// The separable sum over columns `at(r, c)` that weigh `x(c)`.
template <class K, int columns, int order, class S, class X, class DX, class At>
inline auto contract(const Weights<K, S>& weights, X x, DX dx, At at) {
  using V = decltype(at(0, 0));
  Sampled<V> sum{};
#pragma GCC unroll 6
  for (int c = 0; c < columns; ++c) {
    V column{}, change{};
#pragma GCC unroll 6
    for (int r = 0; r < K::taps; ++r) {
      const V p = at(r, c);
      column += weights.y(r) * p;
      if constexpr (order > 0) change += weights.dy(r) * p;
    }
    sum.value += x(c) * column;
    if constexpr (order > 0) {
      sum.x += dx(c) * column;
      sum.y += x(c) * change;
    }
  }
  return sum;
}

// Every tap of a row by itself: `at(r, c)` is a number or the channels of a pixel.
template <class K, int order, class S, class At>
inline auto sample_pixels(S t, S s, At at) {
  using V = decltype(at(0, 0));
  if constexpr (std::is_same_v<K, Linear>) {
    // The derivatives are differences that the value needs as well.
    const V p = at(0, 0);
    const V px = at(0, 1) - p;
    const V pxy = at(1, 1) - at(1, 0) - px;
    const V y = at(1, 0) - p + t * pxy;
    return Sampled<V>{p + t * px + s * y, px + s * pxy, y};
  } else {
    const Weights<K, S> weights(t, s);
    return contract<K, K::taps, order>(
        weights, [&](int c) { return weights.x(c); }, [&](int c) { return weights.dx(c); }, at);
  }
}

// The taps of a gray row in one vector of four, or six of them in two vectors that overlap.
template <class K, int order, class S, class Row>
inline Sampled<S> sample_gray_rows(S t, S s, Row row) {
  static_assert(K::taps == 4 || K::taps == 6);
  constexpr int vectors = K::taps == 4 ? 1 : 2;
  const Weights<K, S> weights(t, s);
  const auto vector = [](const Quad<S>* w, int v) {
    return v == 0 ? Quad<S>{w[0][0], w[1][0], w[2][0], w[3][0]}
                  : Quad<S>{0, 0, w[K::taps - 2][0], w[K::taps - 1][0]};
  };
  const auto sum = contract<K, vectors, order>(
      weights, [&](int v) { return vector(weights.w, v); },
      [&](int v) { return vector(weights.d, v); },
      [&](int r, int v) { return load_quad<S>(row(r) + 2 * v); });
  return {add_lanes(sum.value), add_lanes(sum.x), add_lanes(sum.y)};
}

// Writes the values of all channels, and from order 1 on their gradients, of the footprint whose
// first tap is `first`. `channels` is that of a packed image (1, 3, 4), or 0: any number, any
// strides. Returns whether the sample is valid: no pixel of it is NaN.
template <class K, class T, int channels, int order>
inline bool sample_footprint(const Image& image, const std::byte* first, Real<T> t, Real<T> s,
                             Real<T>* values, Real<T>* gradients) {
  using S = Real<T>;
  bool valid = true;
  if constexpr (channels > 1) {
    const auto sum = sample_pixels<K, order>(t, s, [&](int r, int c) {
      const T* pixel = reinterpret_cast<const T*>(first + r * image.row_stride) + channels * c;
      // Of three channels the last pixel is read one element early, to stay inside the footprint.
      const bool is_last = channels == 3 && c == K::taps - 1;
      return is_last ? drop_first(load_quad<S>(pixel - 1)) : load_quad<S>(pixel);
    });
    store_lanes<channels>(values, sum.value);
    if constexpr (order > 0) store_interleaved<channels>(gradients, sum.x, sum.y);
    for (int c = 0; c < channels; ++c) valid &= sum.value[c] == sum.value[c];
  } else {
    const std::int64_t n_channels = channels == 1 ? 1 : image.channels;
    for (std::int64_t channel = 0; channel < n_channels; ++channel) {
      const std::byte* tap = first + channel * image.channel_stride;
      const std::int64_t column_stride = channels == 1 ? sizeof(T) : image.column_stride;
      const auto row = [&](int r) { return tap + r * image.row_stride; };
      Sampled<S> sum;
      if constexpr (channels == 1 && K::taps >= 4) {
        sum = sample_gray_rows<K, order>(t, s,
                                         [&](int r) { return reinterpret_cast<const T*>(row(r)); });
      } else {
        sum = sample_pixels<K, order>(t, s, [&](int r, int c) {
          return static_cast<S>(*reinterpret_cast<const T*>(row(r) + c * column_stride));
        });
      }
      values[channel] = sum.value;
      if constexpr (order > 0) {
        gradients[2 * channel] = sum.x;
        gradients[2 * channel + 1] = sum.y;
      }
      valid &= sum.value == sum.value;
    }
  }
  return valid || !std::is_same_v<S, T>;
}

PHOTALIGN_ISA_END
