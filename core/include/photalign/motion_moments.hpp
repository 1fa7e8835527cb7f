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

// From gradients by the pixel to gradients by its position: the transposed inverse of the frame.
struct Turn {
  Float xx, xy, yx, yy;

  Turn(const MotionPlace& place, int i) {
    const auto at = [&](const float* plane) { return load(plane + place.at + i); };
    const Float inverse = at(place.pixels->inverse);
    xx = inverse * at(place.pixels->frame[1][1]);
    xy = -inverse * at(place.pixels->frame[1][0]);
    yx = -inverse * at(place.pixels->frame[0][1]);
    yy = inverse * at(place.pixels->frame[0][0]);
  }

  void apply(Float& x, Float& y) const {
    const Float turned = xx * x + xy * y;
    y = yx * x + yy * y;
    x = turned;
  }

  template <bool brightness>
  Products turned(Products p) const {
    const Float both = xx * yx * p.xx + (xx * yy + xy * yx) * p.xy + xy * yy * p.yy;
    const Float first = xx * xx * p.xx + 2 * (xx * xy * p.xy) + xy * xy * p.yy;
    p.yy = yx * yx * p.xx + 2 * (yx * yy * p.xy) + yy * yy * p.yy;
    p.xx = first;
    p.xy = both;
    apply(p.xr, p.yr);
    if constexpr (brightness) {
      apply(p.xm, p.ym);
      apply(p.x1, p.y1);
    }
    return p;
  }
};

template <bool B>
class MotionMoments {
 public:
  using Place = MotionPlace;
  static constexpr bool brightness = B;
  static constexpr bool by_pillars = false;

  // Two may gather at a time, `which` is 0 and 1.
  explicit MotionMoments(const TilePass& pass, int which = 0)
      : parameters_(pass.estimate.mapper->parameters),
        rows_(pass.estimate.mapper->rows),
        sums_(pass.estimate.mapper->sums + which * lanes * static_cast<std::int64_t>(size())) {
    std::fill(sums_, sums_ + lanes * static_cast<std::int64_t>(size()), 0.0f);
  }

  // A row of residuals with their weights: the Jacobian is the gradient times the motion.
  void add_row(const ResidualRow& row, int count, const MotionPlace& place) {
    float* gx = left(parameters_, 0);
    float* gy = left(parameters_, 1);
    for (int i = 0; i < count; i += lanes) {
      Float x = load(row.gx + i), y = load(row.gy + i);
      Turn(place, i).apply(x, y);
      store(gx + i, x);
      store(gy + i, y);
    }
    for (int k = 0; k < parameters_; ++k) {
      const float* mx = place.motion(k, 0);
      const float* my = place.motion(k, 1);
      float* column = left(k, 0);
      float* weighted = left(k, 1);
      for (int i = 0; i < count; i += lanes) {
        const Float j = load(gx + i) * load(mx + i) + load(gy + i) * load(my + i);
        store(column + i, j);
        store(weighted + i, load(row.weight + i) * j);
      }
    }
    int k = 0;
    for (; k + 2 <= parameters_; k += 2) add_pairs<2>(row, count, k);
    if (k < parameters_) add_pairs<1>(row, count, k);
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
      const Products p = Turn(place, i).turned<B>(products(i));
      for (int k = 0; k < parameters_; ++k) {
        const Float mx = load(place.motion(k, 0) + i), my = load(place.motion(k, 1) + i);
        store(left(k, 0) + i, p.xx * mx + p.xy * my);
        store(left(k, 1) + i, p.xy * mx + p.yy * my);
        add(sum_at(k, parameters_), p.xr * mx + p.yr * my);
        if constexpr (B) {
          add(sum_at(k, parameters_ + 1), p.xm * mx + p.ym * my);
          add(sum_at(k, parameters_ + 2), p.x1 * mx + p.y1 * my);
        }
      }
      if constexpr (B) w_ += p.one, wm_ += p.m, wmm_ += p.mm, wr_ += p.r, wmr_ += p.mr;
    }
    for (int k = 0; k < parameters_; ++k) {
      int l = k;
      for (; l + 4 <= parameters_; l += 4) add_motions<4>(place, count, k, l);
      for (; l < parameters_; ++l) add_motions<1>(place, count, k, l);
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

  // Column k of the Jacobian, and the same with weights; behind them the gradient. Or what is to be
  // multiplied with motions, by axis.
  float* left(int k, int weighted) const { return rows_ + (2 * k + weighted) * row_floats; }

  float& sum_at(int k, int l) const {
    return sums_[lanes * motion_sum(static_cast<std::size_t>(parameters_),
                                    static_cast<std::size_t>(k), static_cast<std::size_t>(l))];
  }

  static void add(float& to, Float v) { store(&to, load(&to) + v); }

  // The sums of columns k to k + M - 1: with the columns from there on, which are all that is not
  // known by symmetry, and with residual, moving value and 1.
  template <int M>
  void add_pairs(const ResidualRow& row, int count, int k) {
    const auto column = [this](int l) { return left(l, 0); };
    if constexpr (M == 2) add_products<1, 1>(count, k, k, [&](int) { return column(k); });
    int l = k + M - 1;
    for (; l + 4 <= parameters_; l += 4)
      add_products<M, 4>(count, k, l, [&](int n) { return column(l + n); });
    for (; l + 2 <= parameters_; l += 2)
      add_products<M, 2>(count, k, l, [&](int n) { return column(l + n); });
    for (; l < parameters_; ++l) add_products<M, 1>(count, k, l, [&](int) { return column(l); });
    const float* others[] = {row.residual, row.moving};
    add_products<M, B ? 2 : 1>(count, k, parameters_, [&](int n) { return others[n]; });
    if constexpr (B)
      for (int m = k; m < k + M; ++m) add_sum(left(m, 1), count, sum_at(m, parameters_ + 2));
  }

  // M x N sums of products, of weighted columns from k on with N rows, that begin at place l. A
  // vector that was loaded is used several times.
  template <int M, int N, class Rows>
  void add_products(int count, int k, int l, Rows&& others) {
    Float total[M][N];
    const float* weighted[M];
    const float* other[N];
    for (int m = 0; m < M; ++m) {
      weighted[m] = left(k + m, 1);
      for (int n = 0; n < N; ++n) total[m][n] = load(&sum_at(k + m, l + n));
    }
    for (int n = 0; n < N; ++n) other[n] = others(n);
    for (int i = 0; i < count; i += lanes) {
      Float v[M];
      for (int m = 0; m < M; ++m) v[m] = load(weighted[m] + i);
      for (int n = 0; n < N; ++n) {
        const Float o = load(other[n] + i);
        for (int m = 0; m < M; ++m) total[m][n] += v[m] * o;
      }
    }
    for (int m = 0; m < M; ++m)
      for (int n = 0; n < N; ++n) store(&sum_at(k + m, l + n), total[m][n]);
  }

  // The sums of column k of the above, both axes, with N motions from l on.
  template <int N>
  void add_motions(const MotionPlace& place, int count, int k, int l) {
    Float total[N];
    const float *x[N], *y[N];
    for (int n = 0; n < N; ++n) {
      total[n] = load(&sum_at(k, l + n));
      x[n] = place.motion(l + n, 0);
      y[n] = place.motion(l + n, 1);
    }
    for (int i = 0; i < count; i += lanes) {
      const Float tx = load(left(k, 0) + i), ty = load(left(k, 1) + i);
      for (int n = 0; n < N; ++n) total[n] += tx * load(x[n] + i) + ty * load(y[n] + i);
    }
    for (int n = 0; n < N; ++n) store(&sum_at(k, l + n), total[n]);
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
