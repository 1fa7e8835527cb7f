// An estimate looked at: what is reported of it, the last steps towards it, and what its covariance
// is made of. Compiled once per instruction set.
#include "photalign/covariance_functions.hpp"
#include "photalign/motion_moments.hpp"
#include "photalign/tile_losses.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

// The sums of a tile that need no derivatives.
struct ReviewTotals {
  Float pixels{}, one{}, r{}, m{}, rr{}, mr{}, mm{}, square{}, weight{}, information{};
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
    sums.information += sum(information);
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
  const Workspace& work;
  const float *zx, *zy;  // the reference's gradient that the equations take
  float share;           // of it in the Jacobian

  RowGradients(const TilePass& pass, const Workspace& w)
      : work(w),
        zx(pass.instrument >= 0 ? w.zx : w.tx),
        zy(pass.instrument >= 0 ? w.zy : w.ty),
        share(share_of_reference(pass.composition)) {}
};

// The gradients at a vector of pixels: the moving image's, the reference's, that of the Jacobian,
// and its partner in B.
struct GradientsAt {
  Float gx, gy, zx, zy, jx, jy, mx, my;

  GradientsAt(const RowGradients& row, int i)
      : gx(load(row.work.gx + i)),
        gy(load(row.work.gy + i)),
        zx(either(load(row.zx + i), gx)),
        zy(either(load(row.zy + i), gy)),
        jx(gx + row.share * (zx - gx)),
        jy(gy + row.share * (zy - gy)),
        mx(jx - (row.share - 0.5f) * (either(load(row.work.tx + i), gx) - gx)),
        my(jy - (row.share - 0.5f) * (either(load(row.work.ty + i), gy) - gy)) {}

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
template <class M>
struct ConclusionSink final : RowSink {
  static constexpr bool brightness = M::brightness;

  const TilePass& pass;
  const Inflation& inflation;
  ReviewTotals totals;
  Float rho{}, valid{};
  M a, b;

  ConclusionSink(const TilePass& p, const Inflation& by)
      : pass(p), inflation(by), a(p, 0), b(p, 1) {}

  void take(std::int64_t x, std::int64_t y, int count, Workspace& work) override {
    // The row's masks have done their work.
    float* weights = work.reference_mask;
    float* slopes = work.weights;
    float* influences = work.target;
    with_loss(pass.loss, [&](auto loss) {
      for (int i = 0; i < count; i += lanes) {
        const Float mask = load(work.weights + i), residual = load(work.residual + i);
        const auto influence = decltype(loss)::at(residual * residual, splat(pass.threshold));
        const Float w = mask * influence.weight, psi = w * residual;
        totals.add(mask, residual, load(work.value + i));
        totals.add_influence(w, psi);
        rho += mask * influence.rho;
        valid += mask;
        const Float tx = load(work.tx + i), ty = load(work.ty + i);
        const Float square = tx * tx + ty * ty;
        totals.add_texture(w, residual, select(is_finite(square), square, Float{}));
        store(weights + i, w);
        store(slopes + i, mask * influence.slope);
        store(influences + i, psi);
      }
    });
    const typename M::Place place(pass, work.pixels, x, y);
    const RowGradients gradients(pass, work);
    a.add_row(count, place, [&](int i) {
      const GradientsAt g(gradients, i);
      const Float slope = load(slopes + i), psi = load(influences + i);
      Products p{};
      p.xx = slope * g.gx * g.zx;
      p.xy = slope * 0.5f * (g.gx * g.zy + g.gy * g.zx);
      p.yy = slope * g.gy * g.zy;
      p.xr = g.jx * psi, p.yr = g.jy * psi, p.rr = psi * load(work.residual + i);
      if constexpr (brightness) {
        const Float m = load(work.value + i);
        p.x1 = slope * 0.5f * (g.gx + g.zx), p.y1 = slope * 0.5f * (g.gy + g.zy);
        p.xm = p.x1 * m, p.ym = p.y1 * m;
        p.one = slope, p.m = slope * m, p.mm = p.m * m;
        p.r = psi, p.mr = psi * m;
      }
      return p;
    });
    const float* by = inflation.factor;
    b.add_row(count, place, [&](int i) {
      const GradientsAt g(gradients, i);
      const Float w = load(weights + i), square = w * w;
      const Float jx = by[0] * g.jx, jy = by[1] * g.jy;
      const Float mx = square * by[0] * g.mx, my = square * by[1] * g.my;
      totals.information += square * (g.jx * g.mx + g.jy * g.my);
      Products p{};
      p.xx = jx * mx, p.xy = 0.5f * (jx * my + jy * mx), p.yy = jy * my;
      if constexpr (brightness) {
        const Float m = by[2] * load(work.value + i), one = square * by[3];
        const Float half_x = 0.5f * (square * jx + mx), half_y = 0.5f * (square * jy + my);
        p.xm = half_x * m, p.ym = half_y * m;
        p.x1 = half_x * by[3], p.y1 = half_y * by[3];
        p.mm = square * m * m, p.m = one * m, p.one = one * by[3];
      }
      return p;
    });
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
        ConclusionSink<M> sink(pass, inflation);
        work.reference_weight = work.covered_weight = Float{};
        with_alignment_kernel(pass.kernel, [&](auto kernel) {
          compare<decltype(kernel)>(pass, pass.estimate, Gradients::both, channel,
                                    pass.tiles.rects[i], work, sink);
        });
        sink.a.add_to(a[channel], motion_of(pass, channel));
        sink.b.add_to(b[channel], motion_of(pass, channels + channel));
        ReviewSums& total = sums[channel];
        sink.totals.add_to(total);
        total.rho += sum(sink.rho);
        total.valid += sum(sink.valid);
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
