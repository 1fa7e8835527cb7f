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

void compare_losses(const TilePass& pass, std::int64_t row, float* memory, CommonLosses* sums) {
  Workspace work(memory);
  *sums = CommonLosses{};
  const std::int64_t channels = pass.reference.channels;
  with_alignment_kernel(pass.kernel, [&](auto kernel) {
    using K = decltype(kernel);
    for (std::int64_t i = pass.tiles.starts[row]; i < pass.tiles.starts[row + 1]; ++i)
      for (std::int64_t channel = 0; channel < channels; ++channel) {
        const Rect& tile = pass.tiles.rects[i];
        const std::int64_t index = i * channels + channel;
        float* losses = place_for_losses(pass, index, work);
        LossSink sink({pass, tile, losses});
        work.reference_weight = work.covered_weight = Float{};
        sink.compare<K>(pass.estimate, channel, work);
        add_losses<K>(pass, tile, index, channel, losses, sink.losses, work, *sums);
      }
  });
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

// What the Jacobian of a run of vectors is made of.
struct JacobianParts {
  const Planes& planes;
  const float *zx, *zy;  // the reference's gradient that the equations take
  float share;           // of it in the Jacobian

  // In forward composition a pixel may be valid whose own gradient is not.
  JacobianParts(const TilePass& pass, const Planes& p, int vectors)
      : planes(p),
        zx(pass.instrument >= 0 ? p.zx : p.tx),
        zy(pass.instrument >= 0 ? p.zy : p.ty),
        share(share_of_reference(pass.composition)) {
    if (pass.composition != Composition::forward) return;
    const auto replace = [](float* gradient, const float* by) {
      const Float g = load(gradient);
      store(gradient, select(is_finite(g), g, load(by)));
    };
    for (int i = 0; i < vectors * lanes; i += lanes) {
      replace(p.tx + i, p.gx + i);
      replace(p.ty + i, p.gy + i);
    }
  }
};

// The usual case is compiled apart: inverse composition, the squared loss, and weights that are 1,
// or 0 where all else is.
inline bool is_usual(const TilePass& pass) {
  return pass.composition == Composition::inverse && pass.loss == LossKind::squared &&
         has_plain_weights(pass);
}

// The gradients at a vector of pixels: the moving image's, the reference's, that of the Jacobian,
// and its partner in B.
template <bool usual>
struct GradientsAt {
  Float gx, gy, zx, zy, jx, jy, mx, my;

  GradientsAt(const JacobianParts& of, int i)
      : gx(load(of.planes.gx + i)),
        gy(load(of.planes.gy + i)),
        zx(load(of.zx + i)),
        zy(load(of.zy + i)),
        jx(usual ? zx : gx + of.share * (zx - gx)),
        jy(usual ? zy : gy + of.share * (zy - gy)) {
    const float excess = usual ? 0.5f : of.share - 0.5f;
    mx = jx - excess * (load(of.planes.tx + i) - gx);
    my = jy - excess * (load(of.planes.ty + i) - gy);
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
  Equations(const TilePass& pass, const Inflation* inflation)
      : pass_(pass), by_(inflation ? inflation->factor : nullptr) {}

  void add_to(ReviewSums& sums, const Workspace& work) const {
    totals_.add_to(sums);
    sums.rho += sum(rho_);
    sums.valid += sum(valid_);
    sums.covered += sum(work.covered_weight);
    sums.reference += sum(work.reference_weight);
  }

 protected:
  // Puts the loss on `vectors` of them; from here on `weights` are the slopes, `target` is the
  // influence, and the masks have become the weights.
  void weigh(const Planes& p, int vectors, float* weights) {
    with_loss(pass_.loss, [&](auto loss) {
      for (int i = 0; i < vectors * lanes; i += lanes) {
        const Float mask = load(p.weights + i), residual = load(p.residual + i);
        const auto influence = decltype(loss)::at(residual * residual, splat(pass_.threshold));
        const Float w = mask * influence.weight, psi = w * residual;
        totals_.add(mask, residual, load(p.value + i));
        totals_.add_influence(w, psi);
        totals_.add_texture(w, residual, square_of_gradient(p, i));
        rho_ += mask * influence.rho;
        valid_ += mask;
        store(weights + i, w);
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
    for (Float* count : {&totals_.pixels, &totals_.one, &totals_.weight, &totals_.weights, &valid_})
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

  PillarEquations(const TilePass& pass, const Inflation* inflation)
      : Equations(pass, inflation), a(pass, 0), b(pass, 1), usual(is_usual(pass)) {}

  void take_pillar(std::int64_t x, std::int64_t y, int rows, Workspace& work) override {
    const Planes& p = work.planes;
    const typename M::Place place(pass_, work.pixels, x, y);
    const JacobianParts parts(pass_, p, rows);
    if (usual) {
      add_usual(p, rows);
      add<true>(rows, place, parts, p.weights);
    } else {
      weigh(p, rows, work.reference_mask);
      add<false>(rows, place, parts, work.reference_mask);
    }
  }

  template <class K>
  void compare_tile(const Rect& tile, std::int64_t channel, Workspace& work) {
    compare_pillars<K>(pass_, pass_.estimate, Gradients::both, {true, !usual || brightness},
                       channel, tile, work, *this);
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

  RowEquations(const TilePass& pass, const Inflation* inflation)
      : Equations(pass, inflation), a(pass, 0), b(pass, 1) {}

  void take(std::int64_t x, std::int64_t y, int count, Workspace& work) override {
    constexpr bool brightness = M::brightness;
    const int vectors = (count + lanes - 1) / lanes;
    const JacobianParts parts(pass_, work, vectors);
    const typename M::Place place(pass_, work.pixels, x, y);
    const float* weights = work.reference_mask;
    weigh(work, vectors, work.reference_mask);
    a.add_row(count, place, [&](int i) { return bread<false, brightness>(parts, i); });
    if (by_)
      b.add_row(count, place, [&](int i) { return filling<false, brightness>(parts, weights, i); });
  }

  template <class K>
  void compare_tile(const Rect& tile, std::int64_t channel, Workspace& work) {
    compare<K>(pass_, pass_.estimate, Gradients::both, channel, tile, work, *this);
  }
};

void conclude(const TilePass& pass, const Inflation* inflation, std::int64_t row, float* memory,
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
          equations.template compare_tile<decltype(kernel)>(pass.tiles.rects[i], channel, work);
        });
        equations.a.add_to(a[channel], motion_of(pass, channel));
        equations.b.add_to(b[channel], motion_of(pass, channels + channel));
        equations.add_to(sums[channel], work);
      });
}

// A sample with its margin, as it is kept: planes of the influence, the weight, the Jacobian's
// gradient, the mean gradient, and the weighted moving value, zero where there is no image.
struct Observed {
  static constexpr std::int64_t columns = sample_width + 2 * max_lag;
  static constexpr std::int64_t stride = columns + 16;
  static constexpr std::int64_t rows = sample_height + 2 * max_lag;
  static constexpr std::int64_t plane = stride * rows;
  static constexpr int planes = 7;
  // Down from the last row of the influence there are rows of 0.
  static constexpr std::int64_t below = max_lag * stride + 64;
  static constexpr std::int64_t floats = planes * plane + below;

  float *psi, *weight, *own[2], *mean[2], *value;

  static void clear_rows(float* of, std::int64_t from, std::int64_t count) {
    std::fill(of + from, of + from + count, 0.0f);
  }

  explicit Observed(float* memory)
      : psi(memory),
        weight(psi + plane + below),
        own{weight + plane, weight + 2 * plane},
        mean{weight + 3 * plane, weight + 4 * plane},
        value(weight + 5 * plane) {}

  // All is 0 that will not be written: where there is no image, and the margins.
  void clear(bool is_whole) {
    if (!is_whole) return clear_rows(psi, 0, stride * rows * planes + below);
    for (std::int64_t j = 0; j < rows; ++j)
      for (float* plane_of : {psi, weight}) clear_rows(plane_of, j * stride + columns, 16);
    clear_rows(psi, plane, below);
  }
};

struct ObservationSink final : PillarSink {
  const TilePass& pass;
  const Rect& core;
  Observed to;

  ObservationSink(const TilePass& p, const Rect& c, Observed o) : pass(p), core(c), to(o) {}

  void take_pillar(std::int64_t x, std::int64_t y, int rows, Workspace& work) override {
    const Planes& p = work.planes;
    const JacobianParts parts(pass, p, rows);
    std::int64_t at = (y - core.y + max_lag) * Observed::stride + (x - core.x + max_lag);
    with_loss(pass.loss, [&](auto loss) {
      for (int i = 0; i < rows * lanes; i += lanes, at += Observed::stride) {
        const Float residual = load(p.residual + i);
        const auto influence = decltype(loss)::at(residual * residual, splat(pass.threshold));
        const Float w = load(p.weights + i) * influence.weight;
        const GradientsAt<false> g(parts, i);
        // What is beyond the sample is 0 and lies in the margin of the planes.
        store(to.psi + at, w * residual);
        store(to.weight + at, w);
        store(to.own[0] + at, w * g.jx);
        store(to.own[1] + at, w * g.jy);
        store(to.mean[0] + at, w * g.mx);
        store(to.mean[1] + at, w * g.my);
        store(to.value + at, w * load(p.value + i));
      }
    });
  }
};

// Products of the influence with itself, moved by `offset` floats, over `rows` rows.
void add_lag(const Observed& of, std::int64_t offset, std::int64_t rows, double* to) {
  Float product{}, squares{};
  for (std::int64_t j = 0; j < rows; ++j)
    for (std::int64_t i = j * Observed::stride; i < j * Observed::stride + Observed::columns;
         i += lanes) {
      const Float p = load(of.psi + i), q = load(of.psi + i + offset);
      const Int both = (load(of.weight + i) > 0) & (load(of.weight + i + offset) > 0);
      product += p * q;
      squares += select(both, 0.5f * (p * p + q * q), Float{});
    }
  to[0] += sum(product);
  to[1] += sum(squares);
}

// The same for all lags of a sample whose pixels are all valid: the squares of the pairs are then
// nearly their share of all squares.
void add_lags(const Observed& of, LagSums& sums) {
  Float square{}, row[max_lag + 1] = {}, column[max_lag + 1] = {};
  for (std::int64_t j = 0; j < Observed::rows; ++j)
    for (std::int64_t i = 0; i < Observed::columns; i += lanes) {
      const float* at = of.psi + j * Observed::stride + i;
      const Float p = load(at);
      square += p * p;
#pragma GCC unroll 8
      for (int lag = 1; lag <= max_lag; ++lag) {
        row[lag] += p * load(at + lag);
        column[lag] += p * load(at + lag * Observed::stride);
      }
    }
  for (int lag = 1; lag <= max_lag; ++lag) {
    const auto share = [lag](std::int64_t length) {
      return static_cast<double>(length - lag) / static_cast<double>(length);
    };
    sums.row[lag][0] += sum(row[lag]);
    sums.row[lag][1] += sum(square) * share(Observed::columns);
    sums.column[lag][0] += sum(column[lag]);
    sums.column[lag][1] += sum(square) * share(Observed::rows);
  }
}

std::size_t observed_floats() { return static_cast<std::size_t>(Observed::floats); }

void observe(const TilePass& pass, const Rect& core, std::int64_t channel, float* memory,
             float* observed, LagSums* sums) {
  Workspace work(memory);
  Rect wide;
  wide.x = std::max<std::int64_t>(core.x - max_lag, 0);
  wide.y = std::max<std::int64_t>(core.y - max_lag, 0);
  wide.width = std::min(core.x + core.width + max_lag, pass.reference.width) - wide.x;
  wide.height = std::min(core.y + core.height + max_lag, pass.reference.height) - wide.y;
  Observed to(observed);
  to.clear(wide.width == Observed::columns && wide.height == Observed::rows);
  ObservationSink sink(pass, core, to);
  with_alignment_kernel(pass.kernel, [&](auto kernel) {
    compare_pillars<decltype(kernel)>(pass, pass.estimate, Gradients::both, {true, true}, channel,
                                      wide, work, sink);
  });
  Float pixels{};
  for (std::int64_t i = 0; i < Observed::plane; i += lanes)
    pixels += select(load(to.weight + i) > 0, splat(1.0f), Float{});
  const double valid = sum(pixels);
  sums->pixels += valid;
  if (valid == static_cast<double>(Observed::rows * Observed::columns)) return add_lags(to, *sums);
  for (int lag = 1; lag <= max_lag; ++lag) {
    add_lag(to, lag, Observed::rows, sums->row[lag]);
    add_lag(to, lag * Observed::stride, Observed::rows - lag, sums->column[lag]);
  }
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
const CovarianceFunctions covariance_table{compare_losses, conclude, observed_floats, observe,
                                           inflate};

PHOTALIGN_ISA_END
