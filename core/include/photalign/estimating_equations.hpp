// The equations J'psi(r) = 0 of the last steps, how they change with the warp, and the covariance
// of their left side: the sandwich A^-1 B A^-1.
#pragma once

#include "covariance_functions.hpp"
#include "jacobian_parts.hpp"
#include "local_sums.hpp"
#include "motion_moments.hpp"
#include "tile_losses.hpp"

PHOTALIGN_ISA_BEGIN

// The sums of a tile that need no derivatives.
struct ReviewTotals {
  Float pixels{}, one{}, r{}, m{}, rr{}, mr{}, mm{}, square{}, weight{}, slopes{};
  Float weights{}, weighted_rr{}, texture{}, texture_rr{};
  Float weighted_r{}, weighted_m{}, weighted_mr{}, weighted_mm{};

  // Before the loss: `mask` is the weight of the masks.
  void add(Float mask, Float residual, Float value) {
    pixels += select(mask > 0, splat(1.0f), Float{});
    one += mask;
    const Float weighted = mask * residual, brightness = mask * value;
    r += weighted;
    m += brightness;
    rr += weighted * residual;
    mr += weighted * value;
    mm += brightness * value;
  }
  // After it.
  void add_influence(Float w, Float psi, Float slope, Float value) {
    slopes += slope;
    square += psi * psi;
    weight += w * w;
    const Float brightness = w * value;
    weighted_r += psi;
    weighted_m += brightness;
    weighted_mr += psi * value;
    weighted_mm += brightness * value;
  }

  void add_texture(Float w, Float residual, Float square_of_gradient) {
    const Float weighted = w * residual * residual;
    weights += w;
    weighted_rr += weighted;
    texture += w * square_of_gradient;
    texture_rr += weighted * square_of_gradient;
  }

  void add_to(ReviewSums& sums) const {
    sums.pixels += sum(pixels);
    sums.one += sum(one);
    sums.r += sum(r);
    sums.m += sum(m);
    sums.rr += sum(rr);
    sums.mr += sum(mr);
    sums.mm += sum(mm);
    sums.square += sum(square);
    sums.weight += sum(weight);
    sums.slopes += sum(slopes);
    sums.weights += sum(weights);
    sums.weighted_r += sum(weighted_r);
    sums.weighted_m += sum(weighted_m);
    sums.weighted_mr += sum(weighted_mr);
    sums.weighted_mm += sum(weighted_mm);
    sums.weighted_rr += sum(weighted_rr);
    sums.texture += sum(texture);
    sums.texture_rr += sum(texture_rr);
  }
};

// Sums A and B of the sandwich A^-1 B A^-1, the equations J'psi(r), and the review, over a tile.
//
// A is how the equations change with the warp: the Jacobian's gradient times the residual's, which
// is the moving image's. Both hold the true gradient, and noise; the product of the reference's
// with the moving image's is free of the noise's square, which would make the covariance too small
// and steps too short.
//
// B is the covariance of the equations. A gradient that comes from one image shares that image's
// noise with the residual, which takes away half of what the noise of the gradient would add to B.
// So does a partner of the Jacobian that lacks half of the difference of both images' gradients.
class Equations {
 public:
  // Without an inflation B is not wanted.
  Equations(const TilePass& pass, const Inflation* inflation, LocalSums* local)
      : pass_(pass), by_(inflation ? inflation->factor : nullptr), local_(local) {}

  void add_to(ReviewSums& sums, const Workspace& work) const {
    totals_.add_to(sums);
    sums.rho += sum(rho_);
    sums.valid += sum(valid_);
    sums.covered += sum(work.covered_weight);
    sums.reference += sum(work.reference_weight);
  }

 protected:
  // Puts the loss on `vectors` of them; from here on `weights` are the slopes, `target` is the
  // influence, and what were the weights are `masks`.
  void weigh(const Planes& p, int vectors, float* weights, float* masks) {
    with_loss(pass_.loss, [&](auto loss) {
      for (int i = 0; i < vectors * lanes; i += lanes) {
        const Float mask = load(p.weights + i), residual = load(p.residual + i);
        const auto influence = decltype(loss)::at(residual * residual, splat(pass_.threshold));
        const Float w = mask * influence.weight, psi = w * residual;
        totals_.add(mask, residual, load(p.value + i));
        totals_.add_influence(w, psi, mask * influence.slope, load(p.value + i));
        totals_.add_texture(w, residual, square_of_gradient(p, i));
        rho_ += mask * influence.rho;
        valid_ += mask;
        store(weights + i, w);
        store(masks + i, mask);
        store(p.weights + i, mask * influence.slope);
        store(p.target + i, psi);
      }
    });
  }

  // What that comes to in the usual case, but for the number of pixels.
  void add_usual(const Planes& p, int vectors) {
    Float r{}, m{}, rr{}, mr{}, mm{}, texture{}, texture_rr{};
    for (int i = 0; i < vectors * lanes; i += lanes) {
      const Float residual = load(p.residual + i), value = load(p.value + i);
      const Float square = square_of_gradient(p, i), squared = residual * residual;
      r += residual;
      m += value;
      rr += squared;
      mr += residual * value;
      mm += value * value;
      texture += square;
      texture_rr += squared * square;
    }
    totals_.r += r;
    totals_.m += m;
    totals_.rr += rr;
    totals_.mr += mr;
    totals_.mm += mm;
    totals_.texture += texture;
    totals_.texture_rr += texture_rr;
  }
  void end_usual(const Workspace& work) {
    for (Float* count : {&totals_.pixels, &totals_.one, &totals_.weight, &totals_.slopes,
                         &totals_.weights, &valid_})
      *count = work.covered_weight;
    totals_.square = totals_.weighted_rr = rho_ = totals_.rr;
  }

  // The terms of A and J'psi.
  template <bool usual, bool brightness>
  static Products bread(const JacobianParts& parts, int i) {
    const Planes& p = parts.planes;
    const GradientsAt<usual> g(parts, i);
    const Float psi = load((usual ? p.residual : p.target) + i);
    Products terms{};
    Float wx = g.gx, wy = g.gy;
    if constexpr (!usual) {
      const Float slope = load(p.weights + i);
      wx *= slope;
      wy *= slope;
    }
    terms.xx = wx * g.zx, terms.xy = 0.5f * (wx * g.zy + wy * g.zx), terms.yy = wy * g.zy;
    terms.xr = g.jx * psi, terms.yr = g.jy * psi, terms.rr = psi * load(p.residual + i);
    if constexpr (brightness) {
      const Float m = load(p.value + i), slope = load(p.weights + i);
      terms.x1 = slope * 0.5f * (g.gx + g.zx), terms.y1 = slope * 0.5f * (g.gy + g.zy);
      terms.xm = terms.x1 * m, terms.ym = terms.y1 * m;
      terms.one = slope, terms.m = slope * m, terms.mm = terms.m * m;
      terms.r = psi, terms.mr = psi * m;
    }
    return terms;
  }

  // Those of B.
  template <bool usual, bool brightness>
  Products filling(const JacobianParts& parts, const float* weights, int i) const {
    const GradientsAt<usual> g(parts, i);
    const Float jx = by_[0] * g.jx, jy = by_[1] * g.jy;
    Float mx = by_[0] * g.mx, my = by_[1] * g.my, square = splat(1.0f);
    if constexpr (!usual || brightness) {
      const Float w = load(weights + i);
      square = w * w;
      mx *= square;
      my *= square;
    }
    Products terms{};
    terms.xx = jx * mx, terms.xy = 0.5f * (jx * my + jy * mx), terms.yy = jy * my;
    if constexpr (brightness) {
      const Float m = by_[2] * load(parts.planes.value + i), one = square * by_[3];
      const Float half_x = 0.5f * (square * jx + mx), half_y = 0.5f * (square * jy + my);
      terms.xm = half_x * m, terms.ym = half_y * m;
      terms.x1 = half_x * by_[3], terms.y1 = half_y * by_[3];
      terms.mm = square * m * m, terms.m = one * m, terms.one = one * by_[3];
    }
    return terms;
  }

  const TilePass& pass_;
  const float* by_;
  LocalSums* local_;

 private:
  static Float square_of_gradient(const Planes& p, int i) {
    const Float tx = load(p.tx + i), ty = load(p.ty + i);
    return tx * tx + ty * ty;
  }

  ReviewTotals totals_;
  Float rho_{}, valid_{};
};

// For a warp that is a matrix: pillar by pillar.
template <class M>
struct PillarEquations final : PillarSink, Equations {
  static constexpr bool brightness = M::brightness;

  M a, b;
  const bool usual;

  PillarEquations(const TilePass& pass, const Inflation* inflation, LocalSums* local)
      : Equations(pass, inflation, local), a(pass, 0), b(pass, 1), usual(is_usual(pass)) {}

  void take_pillar(std::int64_t x, std::int64_t y, int rows, Workspace& work) override {
    const Planes& p = work.planes;
    const typename M::Place place(pass_, work.pixels, x, y);
    const JacobianParts parts(pass_, p, rows);
    if (usual) {
      add_usual(p, rows);
      if (local_) local_->add_pillar(x, y, rows, p, p.weights, p.weights);
      add<true>(rows, place, parts, p.weights);
    } else {
      weigh(p, rows, work.reference_mask, work.moving_mask);
      if (local_) local_->add_pillar(x, y, rows, p, work.moving_mask, work.reference_mask);
      add<false>(rows, place, parts, work.reference_mask);
    }
  }

  template <class K>
  void compare_tile(const Rect& tile, std::int64_t channel, Workspace& work) {
    compare_pillars<K>(pass_, pass_.estimate, Gradients::both,
                       {true, !usual || brightness || local_}, channel, tile, work, *this);
    if (usual) end_usual(work);
  }

 private:
  template <bool is_usual>
  void add(int rows, const typename M::Place& place, const JacobianParts& parts,
           const float* weights) {
    a.template add_pillar<true>(rows, place,
                                [&](int i) { return bread<is_usual, brightness>(parts, i); });
    if (!by_) return;
    b.template add_pillar<false>(
        rows, place, [&](int i) { return filling<is_usual, brightness>(parts, weights, i); });
  }
};

// And for a function: row by row.
template <class M>
struct RowEquations final : RowSink, Equations {
  M a, b;

  RowEquations(const TilePass& pass, const Inflation* inflation, LocalSums* local)
      : Equations(pass, inflation, local), a(pass, 0), b(pass, 1) {}

  void take(std::int64_t x, std::int64_t y, int count, Workspace& work) override {
    constexpr bool brightness = M::brightness;
    const int vectors = (count + lanes - 1) / lanes;
    const JacobianParts parts(pass_, work, vectors);
    const typename M::Place place(pass_, work.pixels, x, y);
    const float* weights = work.reference_mask;
    weigh(work, vectors, work.reference_mask, work.moving_mask);
    if (local_) local_->add_row(x, y, vectors, work, work.moving_mask, work.reference_mask);
    a.add_row(count, place, [&](int i) { return bread<false, brightness>(parts, i); });
    if (by_)
      b.add_row(count, place, [&](int i) { return filling<false, brightness>(parts, weights, i); });
  }

  template <class K>
  void compare_tile(const Rect& tile, std::int64_t channel, Workspace& work) {
    compare<K>(pass_, pass_.estimate, Gradients::both, channel, tile, work, *this);
  }
};

PHOTALIGN_ISA_END
