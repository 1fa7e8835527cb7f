// The sums of the normal equations over a tile, for a warp that is a function.
//
// Its parameters move a pixel by any vector (mapped_pixels.hpp), so that there are no moments to
// build on (moments.hpp): each pair of columns of the Jacobian is summed. The columns of a row of
// pixels lie in the first cache, and nowhere else.
#pragma once

#include <algorithm>
#include <type_traits>

#include "moments.hpp"

PHOTALIGN_ISA_BEGIN

// A row of pixels: where it begins in `pixels`.
struct MotionPlace {
  const MappedPixels* pixels;
  std::int64_t at;

  MotionPlace(const TilePass&, const MappedPixels& mapped, std::int64_t x, std::int64_t row)
      : pixels(&mapped), at(mapped.at(x, row)) {}

  const float* motion(int parameter, int axis) const {
    return pixels->motion_of(parameter, axis) + at;
  }
};

template <bool B>
class MotionMoments {
 public:
  using Place = MotionPlace;
  static constexpr bool brightness = B;

  explicit MotionMoments(const TilePass& pass)
      : parameters_(pass.estimate.mapper->parameters),
        rows_(pass.estimate.mapper->rows),
        sums_(pass.estimate.mapper->sums) {
    std::fill(sums_, sums_ + lanes * static_cast<std::int64_t>(size()), 0.0f);
  }

  // A row of residuals with their weights: the Jacobian is the gradient times the motion.
  void add_row(const ResidualRow& row, int count, const MotionPlace& place) {
    for (int k = 0; k < parameters_; ++k) {
      const float* mx = place.motion(k, 0);
      const float* my = place.motion(k, 1);
      float* column = left(k, 0);
      float* weighted = left(k, 1);
      for (int i = 0; i < count; i += lanes) {
        const Float j = load(row.gx + i) * load(mx + i) + load(row.gy + i) * load(my + i);
        store(column + i, j);
        store(weighted + i, load(row.weight + i) * j);
      }
    }
    for (int k = 0; k < parameters_; ++k) {
      const float* weighted = left(k, 1);
      int l = k;
      for (; l + 4 <= parameters_; l += 4)
        add_products<4>(weighted, count, &sum_at(k, l), [&](int n) { return left(l + n, 0); });
      for (; l < parameters_; ++l)
        add_products<1>(weighted, count, &sum_at(k, l), [&](int) { return left(l, 0); });
      const float* others[] = {row.residual, row.moving};
      add_products<B ? 2 : 1>(weighted, count, &sum_at(k, parameters_),
                              [&](int n) { return others[n]; });
      if constexpr (B) add_sum(weighted, count, sum_at(k, parameters_ + 2));
    }
    if constexpr (B) {
      for (int i = 0; i < count; i += lanes) {
        const Float weight = load(row.weight + i), r = load(row.residual + i);
        const Float m = load(row.moving + i);
        w_ += weight, wr_ += weight * r, wm_ += weight * m;
        wmr_ += weight * m * r, wmm_ += weight * m * m, wrr_ += weight * r * r;
      }
    }
  }

  // `products(i)` gives the terms of pixels [i, i + lanes), which need not be products of anything.
  template <class F>
  void add_row(int count, const MotionPlace& place, F&& products) {
    for (int i = 0; i < count; i += lanes) {
      const Products p = products(i);
      for (int k = 0; k < parameters_; ++k) {
        const Float mx = load(place.motion(k, 0) + i), my = load(place.motion(k, 1) + i);
        const Float tx = p.xx * mx + p.xy * my, ty = p.xy * mx + p.yy * my;
        for (int l = k; l < parameters_; ++l)
          add(sum_at(k, l), tx * load(place.motion(l, 0) + i) + ty * load(place.motion(l, 1) + i));
        if constexpr (B) {
          add(sum_at(k, parameters_ + 1), p.xm * mx + p.ym * my);
          add(sum_at(k, parameters_ + 2), p.x1 * mx + p.y1 * my);
        }
      }
      if constexpr (B) w_ += p.one, wm_ += p.m, wmm_ += p.mm;
    }
  }

  void add_to(Sums& sums, double* of_motion) const {
    for (std::size_t i = 0; i < size(); ++i)
      of_motion[i] += sum(load(sums_ + lanes * static_cast<std::int64_t>(i)));
    if constexpr (B) {
      sums.w += sum(w_);
      sums.wr += sum(wr_);
      sums.wm += sum(wm_);
      sums.wrr += sum(wrr_);
      sums.wmr += sum(wmr_);
      sums.wmm += sum(wmm_);
    }
  }

 private:
  std::size_t size() const { return motion_sums(static_cast<std::size_t>(parameters_)); }

  // Column k of the Jacobian, and the same with weights.
  float* left(int k, int weighted) const { return rows_ + (2 * k + weighted) * row_floats; }

  float& sum_at(int k, int l) const {
    return sums_[lanes * motion_sum(static_cast<std::size_t>(parameters_),
                                    static_cast<std::size_t>(k), static_cast<std::size_t>(l))];
  }

  static void add(float& to, Float v) { store(&to, load(&to) + v); }

  // N neighboring sums of products of one row with others.
  template <int N, class Rows>
  static void add_products(const float* row, int count, float* to, Rows&& others) {
    Float total[N];
    const float* other[N];
    for (int n = 0; n < N; ++n) total[n] = load(to + n * lanes), other[n] = others(n);
    for (int i = 0; i < count; i += lanes) {
      const Float v = load(row + i);
      for (int n = 0; n < N; ++n) total[n] += v * load(other[n] + i);
    }
    for (int n = 0; n < N; ++n) store(to + n * lanes, total[n]);
  }

  static void add_sum(const float* row, int count, float& to) {
    Float total = load(&to);
    for (int i = 0; i < count; i += lanes) total += load(row + i);
    store(&to, total);
  }

  int parameters_;
  float* rows_;
  float* sums_;
  Float w_{}, wr_{}, wm_{}, wrr_{}, wmr_{}, wmm_{};
};

// Where the sums of a channel's motions go, if the warp is a function.
inline double* motion_of(const TilePass& pass, std::int64_t channel) {
  if (!pass.motion) return nullptr;
  const auto parameters = static_cast<std::size_t>(pass.estimate.mapper->parameters);
  return pass.motion + channel * static_cast<std::int64_t>(motion_sums(parameters));
}

inline void clear_motion(const TilePass& pass, std::int64_t channel) {
  if (!pass.motion) return;
  const auto parameters = static_cast<std::size_t>(pass.estimate.mapper->parameters);
  std::fill_n(motion_of(pass, channel), motion_sums(parameters), 0.0);
}

// Calls body(type) with the class of the sums that a warp and its brightness need.
template <class Body>
void with_moments(const TilePass& pass, Body&& body) {
  const auto run = [&]<bool B>(std::bool_constant<B>) {
    if (pass.estimate.mapper) return body(std::type_identity<MotionMoments<B>>{});
    if (pass.degree == 0) return body(std::type_identity<Moments<0, B>>{});
    if (pass.degree == 1) return body(std::type_identity<Moments<1, B>>{});
    return body(std::type_identity<Moments<2, B>>{});
  };
  pass.brightness ? run(std::true_type{}) : run(std::false_type{});
}

PHOTALIGN_ISA_END
