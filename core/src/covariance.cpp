// An estimate looked at: what is reported of it, the last steps towards it, and what its covariance
// is made of. Compiled once per instruction set.
#include "photalign/covariance_functions.hpp"
#include "photalign/motion_moments.hpp"
#include "photalign/tile_losses.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

// The sums of a tile that need no derivatives.
struct ReviewTotals {
  Float pixels{}, one{}, r{}, m{}, rr{}, mr{}, mm{}, square{}, weight{};
  Float weights{}, weighted_rr{}, texture{}, texture_rr{};

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
  void add_influence(Float w, Float psi) {
    square += psi * psi;
    weight += w * w;
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
    sums.weights += sum(weights);
    sums.weighted_rr += sum(weighted_rr);
    sums.texture += sum(texture);
    sums.texture_rr += sum(texture_rr);
  }
};

struct ReviewSink final : RowSink {
  Losses losses;
  ReviewTotals totals;
  explicit ReviewSink(Losses l) : losses(l) {}

  void take(std::int64_t x, std::int64_t y, int count, Workspace& work) override {
    for (int i = 0; i < count; i += lanes)
      totals.add(load(work.weights + i), load(work.residual + i), load(work.value + i));
    losses.weigh(x, y, count, work);
    for (int i = 0; i < count; i += lanes) {
      const Float w = load(work.weights + i);
      totals.add_influence(w, w * load(work.residual + i));
    }
  }
};

void review(const TilePass& pass, std::int64_t row, float* memory, ReviewSums* sums) {
  Workspace work(memory);
  const std::int64_t channels = pass.reference.channels;
  for (std::int64_t channel = 0; channel < channels; ++channel) sums[channel] = ReviewSums{};
  for (std::int64_t i = pass.tiles.starts[row]; i < pass.tiles.starts[row + 1]; ++i)
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      const Rect& tile = pass.tiles.rects[i];
      const std::int64_t index = i * channels + channel;
      float* losses = place_for_losses(pass, index, work);
      ReviewSink sink({pass, tile, losses});
      with_alignment_kernel(pass.kernel, [&](auto kernel) {
        using K = decltype(kernel);
        work.reference_weight = work.covered_weight = Float{};
        compare<K>(pass, pass.estimate, Gradients::none, channel, tile, work, sink);
        sink.totals.add_to(sums[channel]);
        add_losses<K>(pass, tile, index, channel, losses, sink.losses, work, sums[channel]);
      });
    }
}

// The share of the reference's gradient in the Jacobian of a composition.
float share_of_reference(Composition composition) {
  switch (composition) {
    case Composition::forward:
      return 0;
    case Composition::inverse:
      return 1;
    case Composition::esm:
      return 0.5f;
  }
  return 0;
}

// What a row's Jacobian is made of.
struct RowGradients {
  const Planes& planes;
  const float *zx, *zy;  // the reference's gradient that the equations take
  float share;           // of it in the Jacobian

  RowGradients(const TilePass& pass, const Planes& p)
      : planes(p),
        zx(pass.instrument >= 0 ? p.zx : p.tx),
        zy(pass.instrument >= 0 ? p.zy : p.ty),
        share(share_of_reference(pass.composition)) {}
};

// The gradients at a vector of pixels: the moving image's, the reference's, that of the Jacobian,
// and its partner in B.
struct GradientsAt {
  Float gx, gy, zx, zy, jx, jy, mx, my;

  GradientsAt(const RowGradients& row, int i)
      : gx(load(row.planes.gx + i)),
        gy(load(row.planes.gy + i)),
        zx(either(load(row.zx + i), gx)),
        zy(either(load(row.zy + i), gy)),
        jx(gx + row.share * (zx - gx)),
        jy(gy + row.share * (zy - gy)),
        mx(jx - (row.share - 0.5f) * (either(load(row.planes.tx + i), gx) - gx)),
        my(jy - (row.share - 0.5f) * (either(load(row.planes.ty + i), gy) - gy)) {}

 private:
  // In forward composition a pixel may be valid whose own gradient is not.
  static Float either(Float gradient, Float other) {
    return select(is_finite(gradient), gradient, other);
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
  Equations(const TilePass& pass, const Inflation& inflation)
      : pass_(pass), by_(inflation.factor) {}

  ReviewTotals totals;
  Float rho{}, valid{};

 protected:
  // Puts the loss on `vectors` of them; from here on `weights` are the slopes, `target` is the
  // influence, and the masks have become the weights.
  void weigh(const Planes& p, int vectors, float* weights) {
    with_loss(pass_.loss, [&](auto loss) {
      ReviewTotals sums = totals;
      Float sum_rho{}, sum_valid{};
      for (int i = 0; i < vectors * lanes; i += lanes) {
        const Float mask = load(p.weights + i), residual = load(p.residual + i);
        const auto influence = decltype(loss)::at(residual * residual, splat(pass_.threshold));
        const Float w = mask * influence.weight, psi = w * residual;
        sums.add(mask, residual, load(p.value + i));
        sums.add_influence(w, psi);
        const Float tx = load(p.tx + i), ty = load(p.ty + i), square = tx * tx + ty * ty;
        sums.add_texture(w, residual, select(is_finite(square), square, Float{}));
        sum_rho += mask * influence.rho;
        sum_valid += mask;
        store(weights + i, w);
        store(p.weights + i, mask * influence.slope);
        store(p.target + i, psi);
      }
      totals = sums;
      rho += sum_rho;
      valid += sum_valid;
    });
  }

  // The terms of A and J'psi.
  template <bool brightness>
  Products bread(const Planes& p, const RowGradients& gradients, int i) const {
    const GradientsAt g(gradients, i);
    const Float slope = load(p.weights + i), psi = load(p.target + i);
    Products terms{};
    terms.xx = slope * g.gx * g.zx;
    terms.xy = slope * 0.5f * (g.gx * g.zy + g.gy * g.zx);
    terms.yy = slope * g.gy * g.zy;
    terms.xr = g.jx * psi, terms.yr = g.jy * psi, terms.rr = psi * load(p.residual + i);
    if constexpr (brightness) {
      const Float m = load(p.value + i);
      terms.x1 = slope * 0.5f * (g.gx + g.zx), terms.y1 = slope * 0.5f * (g.gy + g.zy);
      terms.xm = terms.x1 * m, terms.ym = terms.y1 * m;
      terms.one = slope, terms.m = slope * m, terms.mm = terms.m * m;
      terms.r = psi, terms.mr = psi * m;
    }
    return terms;
  }

  // Those of B.
  template <bool brightness>
  Products filling(const Planes& p, const RowGradients& gradients, const float* weights,
                   int i) const {
    const GradientsAt g(gradients, i);
    const Float w = load(weights + i), square = w * w;
    const Float jx = by_[0] * g.jx, jy = by_[1] * g.jy;
    const Float mx = square * by_[0] * g.mx, my = square * by_[1] * g.my;
    Products terms{};
    terms.xx = jx * mx, terms.xy = 0.5f * (jx * my + jy * mx), terms.yy = jy * my;
    if constexpr (brightness) {
      const Float m = by_[2] * load(p.value + i), one = square * by_[3];
      const Float half_x = 0.5f * (square * jx + mx), half_y = 0.5f * (square * jy + my);
      terms.xm = half_x * m, terms.ym = half_y * m;
      terms.x1 = half_x * by_[3], terms.y1 = half_y * by_[3];
      terms.mm = square * m * m, terms.m = one * m, terms.one = one * by_[3];
    }
    return terms;
  }

  const TilePass& pass_;

 private:
  const float* by_;
};

// The same for a warp that is a matrix: pillar by pillar.
template <class M>
struct PillarEquations final : PillarSink, Equations {
  M a, b;

  PillarEquations(const TilePass& pass, const Inflation& inflation)
      : Equations(pass, inflation), a(pass, 0), b(pass, 1) {}

  void take_pillar(std::int64_t x, std::int64_t y, int rows, Workspace& work) override {
    const Planes& p = work.planes;
    const float* weights = work.reference_mask;
    weigh(p, rows, work.reference_mask);
    const RowGradients gradients(pass_, p);
    const typename M::Place place(pass_, work.pixels, x, y);
    a.template add_pillar<true>(rows, place,
                                [&](int i) { return bread<M::brightness>(p, gradients, i); });
    b.template add_pillar<false>(
        rows, place, [&](int i) { return filling<M::brightness>(p, gradients, weights, i); });
  }

  template <class K>
  void add(const Rect& tile, std::int64_t channel, Workspace& work) {
    compare_pillars<K>(pass_, pass_.estimate, Gradients::both, {true, true}, channel, tile, work,
                       *this);
  }
};

// And for a function: row by row.
template <class M>
struct RowEquations final : RowSink, Equations {
  M a, b;

  RowEquations(const TilePass& pass, const Inflation& inflation)
      : Equations(pass, inflation), a(pass, 0), b(pass, 1) {}

  void take(std::int64_t x, std::int64_t y, int count, Workspace& work) override {
    const Planes& p = work;
    const float* weights = work.reference_mask;
    weigh(p, (count + lanes - 1) / lanes, work.reference_mask);
    const RowGradients gradients(pass_, p);
    const typename M::Place place(pass_, work.pixels, x, y);
    a.add_row(count, place, [&](int i) { return bread<M::brightness>(p, gradients, i); });
    b.add_row(count, place,
              [&](int i) { return filling<M::brightness>(p, gradients, weights, i); });
  }

  template <class K>
  void add(const Rect& tile, std::int64_t channel, Workspace& work) {
    compare<K>(pass_, pass_.estimate, Gradients::both, channel, tile, work, *this);
  }
};

void conclude(const TilePass& pass, const Inflation& inflation, std::int64_t row, float* memory,
              ReviewSums* sums, Sums* a, Sums* b) {
  Workspace work(memory);
  const std::int64_t channels = pass.reference.channels;
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    sums[channel] = ReviewSums{};
    a[channel] = b[channel] = Sums{};
    clear_motion(pass, channel);
    clear_motion(pass, channels + channel);
  }
  for (std::int64_t i = pass.tiles.starts[row]; i < pass.tiles.starts[row + 1]; ++i)
    for (std::int64_t channel = 0; channel < channels; ++channel)
      with_moments(pass, [&]<class M>(std::type_identity<M>) {
        std::conditional_t<M::by_pillars, PillarEquations<M>, RowEquations<M>> equations(pass,
                                                                                         inflation);
        work.reference_weight = work.covered_weight = Float{};
        with_alignment_kernel(pass.kernel, [&](auto kernel) {
          equations.template add<decltype(kernel)>(pass.tiles.rects[i], channel, work);
        });
        equations.a.add_to(a[channel], motion_of(pass, channel));
        equations.b.add_to(b[channel], motion_of(pass, channels + channel));
        ReviewSums& total = sums[channel];
        equations.totals.add_to(total);
        total.rho += sum(equations.rho);
        total.valid += sum(equations.valid);
        total.covered += sum(work.covered_weight);
        total.reference += sum(work.reference_weight);
      });
}

// A sample with its margin, as it is kept: planes of the influence, the weight, the Jacobian's
// gradient, the mean gradient, and the weighted moving value, zero where there is no image.
struct Observed {
  static constexpr std::int64_t stride = sample_width + 2 * max_lag + 16;
  static constexpr std::int64_t rows = sample_height + 2 * max_lag;
  static constexpr std::int64_t plane = stride * rows;
  static constexpr int planes = 7;
  // Lags read beyond the last row of the last plane.
  static constexpr std::int64_t floats = planes * plane + 64;

  float *psi, *weight, *own[2], *mean[2], *value;

  explicit Observed(float* memory)
      : psi(memory),
        weight(memory + plane),
        own{memory + 2 * plane, memory + 3 * plane},
        mean{memory + 4 * plane, memory + 5 * plane},
        value(memory + 6 * plane) {}
};

struct ObservationSink final : RowSink {
  const TilePass& pass;
  const Rect& core;
  Observed to;

  ObservationSink(const TilePass& p, const Rect& c, Observed o) : pass(p), core(c), to(o) {}

  void take(std::int64_t x, std::int64_t y, int count, Workspace& work) override {
    const std::int64_t at = (y - core.y + max_lag) * Observed::stride + (x - core.x + max_lag);
    const RowGradients gradients(pass, work);
    with_loss(pass.loss, [&](auto loss) {
      for (int i = 0; i < count; i += lanes) {
        const Float residual = load(work.residual + i);
        const auto influence = decltype(loss)::at(residual * residual, splat(pass.threshold));
        const Float w = load(work.weights + i) * influence.weight;
        const GradientsAt g(gradients, i);
        // The last vector of a row may reach beyond the sample.
        const auto put = [&](float* plane, Float v) {
          if (i + lanes <= count) return store(plane + at + i, v);
          for (int k = 0; k < count - i; ++k) plane[at + i + k] = v[k];
        };
        put(to.psi, w * residual);
        put(to.weight, w);
        put(to.own[0], w * g.jx);
        put(to.own[1], w * g.jy);
        put(to.mean[0], w * g.mx);
        put(to.mean[1], w * g.my);
        put(to.value, w * load(work.value + i));
      }
    });
  }
};

// Products of the influence with itself, moved by `offset` floats, over `rows` rows.
void add_lag(const Observed& of, std::int64_t offset, std::int64_t rows, double* to) {
  Float product{}, squares{};
  for (std::int64_t j = 0; j < rows; ++j)
    for (std::int64_t i = j * Observed::stride; i < (j + 1) * Observed::stride - 16; i += lanes) {
      const Float p = load(of.psi + i), q = load(of.psi + i + offset);
      const Int both = (load(of.weight + i) > 0) & (load(of.weight + i + offset) > 0);
      product += p * q;
      squares += select(both, 0.5f * (p * p + q * q), Float{});
    }
  to[0] += sum(product);
  to[1] += sum(squares);
}

std::size_t observed_floats() { return static_cast<std::size_t>(Observed::floats); }

void observe(const TilePass& pass, const Rect& core, std::int64_t channel, float* memory,
             float* observed, LagSums* sums) {
  Workspace work(memory);
  std::fill(observed, observed + Observed::floats, 0.0f);
  Rect wide;
  wide.x = std::max<std::int64_t>(core.x - max_lag, 0);
  wide.y = std::max<std::int64_t>(core.y - max_lag, 0);
  wide.width = std::min(core.x + core.width + max_lag, pass.reference.width) - wide.x;
  wide.height = std::min(core.y + core.height + max_lag, pass.reference.height) - wide.y;
  const Observed to(observed);
  ObservationSink sink(pass, core, to);
  with_alignment_kernel(pass.kernel, [&](auto kernel) {
    compare<decltype(kernel)>(pass, pass.estimate, Gradients::both, channel, wide, work, sink);
  });
  for (int lag = 1; lag <= max_lag; ++lag) {
    add_lag(to, lag, Observed::rows, sums->row[lag]);
    add_lag(to, lag * Observed::stride, Observed::rows - lag, sums->column[lag]);
  }
  Float pixels{};
  for (std::int64_t i = 0; i < Observed::plane; i += lanes)
    pixels += select(load(to.weight + i) > 0, splat(1.0f), Float{});
  sums->pixels += sum(pixels);
}

// Row j of the core of a sample's plane, filtered by the autocorrelation in both directions.
void filter(const Correlation& rho, const float* plane, std::int64_t j, float* room, float* out) {
  const float* from = plane + j * Observed::stride;
  for (std::int64_t i = 0; i < sample_width + 2 * max_lag; i += lanes) {
    Float v{};
    for (int lag = -rho.reach; lag <= rho.reach; ++lag)
      v += rho.column[lag < 0 ? -lag : lag] * load(from + (lag + max_lag) * Observed::stride + i);
    store(room + i, v);
  }
  for (std::int64_t i = 0; i < sample_width; i += lanes) {
    Float v{};
    for (int lag = -rho.reach; lag <= rho.reach; ++lag)
      v += rho.row[lag < 0 ? -lag : lag] * load(room + i + lag + max_lag);
    store(out + i, v);
  }
}

void inflate(const TilePass& pass, const Correlation& rho, const Rect& core, const float* observed,
             float* memory, InflationSums* sums) {
  Workspace work(memory);
  const Observed of(const_cast<float*>(observed));
  const float* own[] = {of.own[0], of.own[1], of.value, of.weight};
  const float* partner[] = {of.mean[0], of.mean[1], of.value, of.weight};
  const int factors = pass.brightness ? 4 : 2;
  Float filtered[4] = {}, plain[4] = {}, weight{};
  for (std::int64_t j = 0; j < core.height; ++j) {
    const std::int64_t at = (j + max_lag) * Observed::stride + max_lag;
    const auto add = [&](Float& to, const float* with, const float* by) {
      for (std::int64_t i = 0; i < core.width; i += lanes) {
        const Int inside = iota() < splat(static_cast<float>(core.width - i));
        to += select(inside, load(with + at + i) * load(by + i), Float{});
      }
    };
    for (int k = 0; k < factors; ++k) {
      filter(rho, partner[k], j, work.stencil, work.value);
      add(filtered[k], own[k], work.value);
      add(plain[k], own[k], partner[k] + at);
    }
    add(weight, of.weight, of.weight + at);
  }
  for (int k = 0; k < factors; ++k) {
    sums->factor[k][0] += sum(filtered[k]);
    sums->factor[k][1] += sum(plain[k]);
  }
  sums->weight += sum(weight);
}

}  // namespace

extern const CovarianceFunctions covariance_table;
const CovarianceFunctions covariance_table{review, conclude, observed_floats, observe, inflate};

PHOTALIGN_ISA_END
