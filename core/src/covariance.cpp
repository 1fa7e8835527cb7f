// A review of the final estimate, and the sandwich. Compiled once per instruction set.
#include "photalign/covariance_functions.hpp"
#include "photalign/motion_moments.hpp"
#include "photalign/tile_losses.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

// Sums what needs no derivatives, and keeps the influence psi of every pixel of a tile, and 1 where
// it is valid.
struct ReviewSink final : RowSink {
  Losses losses;
  float* psi;
  float* valid;
  Float pixels{}, one{}, r{}, m{}, rr{}, mr{}, mm{}, square{}, weight{};

  ReviewSink(Losses l, float* psi_of_tile, float* valid_of_tile)
      : losses(l), psi(psi_of_tile), valid(valid_of_tile) {
    std::fill(psi, psi + tile_floats, 0.0f);
    std::fill(valid, valid + tile_floats, 0.0f);
  }

  void take(std::int64_t x, std::int64_t y, int count, Workspace& work) override {
    for (int i = 0; i < count; i += lanes) {
      const Float mask = load(work.weights + i);
      const Float residual = load(work.residual + i);
      const Float value = load(work.value + i);
      pixels += select(mask > 0, splat(1.0f), Float{});
      one += mask;
      r += mask * residual;
      m += mask * value;
      rr += mask * residual * residual;
      mr += mask * residual * value;
      mm += mask * value * value;
    }
    losses.weigh(x, y, count, work);
    const std::int64_t at = (y - losses.tile.y) * row_floats + (x - losses.tile.x);
    for (int i = 0; i < count; i += lanes) {
      const Float w = load(work.weights + i);
      const Float influence = w * load(work.residual + i);
      store(psi + at + i, influence);
      store(valid + at + i, select(w > 0, splat(1.0f), Float{}));
      square += influence * influence;
      weight += w * w;
    }
  }

  void add_to(ReviewSums& sums, bool with_lags) const {
    sums.pixels += sum(pixels);
    sums.one += sum(one);
    sums.r += sum(r);
    sums.m += sum(m);
    sums.rr += sum(rr);
    sums.mr += sum(mr);
    sums.mm += sum(mm);
    sums.square += sum(square);
    sums.weight += sum(weight);
    if (!with_lags) return;
    // Beyond the tile's width a row is 0, so whole vectors may be read.
    const Rect& tile = losses.tile;
    for (int lag = 0; lag <= max_lag; ++lag) {
      add_lag(lag, tile.height, sums.row[lag]);
      if (lag < tile.height) add_lag(lag * row_floats, tile.height - lag, sums.column[lag]);
    }
  }

 private:
  // Products of psi with itself, moved by `offset` floats, over `rows` rows.
  void add_lag(std::int64_t offset, std::int64_t rows, double* to) const {
    Float product{}, squares{};
    for (std::int64_t j = 0; j < rows; ++j)
      for (std::int64_t i = j * row_floats; i < j * row_floats + losses.tile.width; i += lanes) {
        const Float p = load(psi + i), q = load(psi + i + offset);
        const Float both = load(valid + i) * load(valid + i + offset);
        product += p * q;
        squares += both * 0.5f * (p * p + q * q);
      }
    to[0] += sum(product);
    to[1] += sum(squares);
  }
};

constexpr std::int64_t lag_tiles = 7;

void review(const TilePass& pass, std::int64_t row_of_tiles, float* memory, ReviewSums* sums) {
  Workspace work(memory);
  const std::int64_t columns = pass.columns_of_tiles(), channels = pass.reference.channels;
  for (std::int64_t channel = 0; channel < channels; ++channel) sums[channel] = ReviewSums{};
  // A few tiles, spread over the image, tell the autocorrelation well enough.
  const std::int64_t step =
      std::max<std::int64_t>(1, columns * pass.rows_of_tiles() * channels / lag_tiles);
  for (std::int64_t column = 0; column < columns; ++column)
    for (std::int64_t channel = 0; channel < channels; ++channel) {
      const Rect tile = tile_at(pass, column, row_of_tiles);
      const std::int64_t index = (row_of_tiles * columns + column) * channels + channel;
      float* losses = place_for_losses(pass, index, work);
      ReviewSink sink({pass, tile, losses}, work.psi, work.psi_valid);
      with_alignment_kernel(pass.kernel, [&](auto kernel) {
        using K = decltype(kernel);
        work.reference_weight = work.covered_weight = Float{};
        compare<K>(pass, pass.estimate, Gradients::none, channel, tile, work, sink);
        sink.add_to(sums[channel], index % step == 0);
        add_losses<K>(pass, tile, index, channel, losses, sink.losses, work, sums[channel]);
      });
    }
}

// Tiles of the sandwich have a margin of max_lag around their core.
constexpr std::int64_t core_width = tile_width - 2 * max_lag;
constexpr std::int64_t core_height = sandwich_height - 2 * max_lag;

std::int64_t rows_of_sandwich(const TilePass& pass) {
  return (pass.reference.height + core_height - 1) / core_height;
}

// Sums A over the core of a tile and keeps the weighted Jacobian's factors over tile and margin.
//
// A is how the equations J'psi(r) = 0 change with the warp: the Jacobian's gradient times the
// residual's, which is the moving image's. Both hold the true gradient, and noise; the product of
// the reference's with the moving image's is free of the noise's square, which would make the
// covariance too small.
template <class M>
struct SandwichSink final : RowSink {
  static constexpr bool B = M::brightness;

  const TilePass& pass;
  Rect core;
  M a;
  float* jacobian[2];     // of the whole tile: w gx and w gy,
  float* mean[2];         // w times the mean of both images' gradients,
  float* photometric[2];  // w m, w

  SandwichSink(const TilePass& p, const Rect& c, const Workspace& w)
      : pass(p),
        core(c),
        a(p),
        jacobian{w.sandwich, w.sandwich + sandwich_floats},
        mean{w.sandwich + 2 * sandwich_floats, w.sandwich + 3 * sandwich_floats},
        photometric{w.sandwich + 4 * sandwich_floats, w.sandwich + 5 * sandwich_floats} {
    for (float* tile : {jacobian[0], jacobian[1], mean[0], mean[1]}) clear_margin(tile);
    if (B)
      for (float* tile : photometric) clear_margin(tile);
  }

  // The core and its margin, as far as there is an image.
  Rect with_margin() const {
    Rect wide;
    wide.x = std::max<std::int64_t>(core.x - max_lag, 0);
    wide.y = std::max<std::int64_t>(core.y - max_lag, 0);
    wide.width = std::min(core.x + core.width + max_lag, pass.reference.width) - wide.x;
    wide.height = std::min(core.y + core.height + max_lag, pass.reference.height) - wide.y;
    return wide;
  }

  // Zero where the margin lies outside of the image; the rest will be written.
  void clear_margin(float* tile) const {
    const Rect wide = with_margin();
    const std::int64_t left = wide.x - (core.x - max_lag), right = left + wide.width;
    const std::int64_t top = wide.y - (core.y - max_lag), bottom = top + wide.height;
    for (std::int64_t j = 0; j < core.height + 2 * max_lag; ++j) {
      float* row = tile + j * row_floats;
      const bool outside = j < top || j >= bottom;
      std::fill(row, row + (outside ? row_floats : left), 0.0f);
      if (!outside) std::fill(row + right, row + row_floats, 0.0f);
    }
  }

  void take(std::int64_t x, std::int64_t y, int count, Workspace& work) override {
    const std::int64_t at = (y - core.y + max_lag) * row_floats + (x - core.x + max_lag);
    // The share of the reference's gradient in the Jacobian.
    const float share = pass.composition == Composition::forward   ? 0.0f
                        : pass.composition == Composition::inverse ? 1.0f
                                                                   : 0.5f;
    with_loss(pass.loss, [&](auto loss) {
      for (int i = 0; i < count; i += lanes) {
        const Float mask = load(work.weights + i);
        const Float r = load(work.residual + i);
        const auto influence = decltype(loss)::at(r * r, splat(pass.threshold));
        const Float w = mask * influence.weight;
        const Float tx = load(work.tx + i), ty = load(work.ty + i);
        const Float gx = load(work.gx + i), gy = load(work.gy + i);
        store(jacobian[0] + at + i, w * (share * tx + (1 - share) * gx));
        store(jacobian[1] + at + i, w * (share * ty + (1 - share) * gy));
        store(mean[0] + at + i, w * 0.5f * (tx + gx));
        store(mean[1] + at + i, w * 0.5f * (ty + gy));
        if constexpr (B) {
          store(photometric[0] + at + i, w * load(work.value + i));
          store(photometric[1] + at + i, w);
        }
        const Float column = static_cast<float>(x + i - core.x) + iota();
        const Int inside = (column >= 0) & (column < static_cast<float>(core.width));
        store(work.weights + i, select(inside, mask * influence.slope, Float{}));
      }
    });
    if (y < core.y || y >= core.y + core.height) return;
    a.add_row(count, typename M::Place(pass, work.pixels, x, y), [&](int i) {
      const Float w = load(work.weights + i);
      const Float gx = load(work.gx + i), gy = load(work.gy + i);
      const Float tx = load(work.tx + i), ty = load(work.ty + i);
      Products p{};
      p.xx = w * gx * tx, p.xy = w * 0.5f * (gx * ty + gy * tx), p.yy = w * gy * ty;
      if constexpr (B) {
        const Float m = load(work.value + i);
        p.x1 = w * 0.5f * (gx + tx), p.y1 = w * 0.5f * (gy + ty);
        p.xm = p.x1 * m, p.ym = p.y1 * m;
        p.one = w, p.m = w * m, p.mm = p.m * m;
      }
      return p;
    });
  }

  // Row j of the core of a tile, filtered by the autocorrelation in both directions.
  void filter(const Correlation& rho, const float* tile, std::int64_t j, float* room,
              float* out) const {
    const float* from = tile + j * row_floats;
    for (std::int64_t i = 0; i < core.width + 2 * max_lag; i += lanes) {
      Float v{};
      for (int lag = -rho.reach; lag <= rho.reach; ++lag)
        v += rho.column[lag < 0 ? -lag : lag] * load(from + (lag + max_lag) * row_floats + i);
      store(room + i, v);
    }
    for (std::int64_t i = 0; i < core.width; i += lanes) {
      Float v{};
      for (int lag = -rho.reach; lag <= rho.reach; ++lag)
        v += rho.row[lag < 0 ? -lag : lag] * load(room + i + lag + max_lag);
      store(out + i, v);
    }
  }

  // B of the core: the Jacobian times the filtered mean gradient. A gradient that comes from one
  // image is correlated with that image's noise in the residual, which takes away half of what the
  // noise of the gradient would add; the mean does the same. The polynomials of the coordinates
  // change little over a few pixels and are taken at one of the two.
  M filling(const Correlation& rho, const Workspace& work) const {
    M b(pass);
    const float* own[4] = {jacobian[0], jacobian[1], photometric[0], photometric[1]};
    const float* partner[4] = {mean[0], mean[1], photometric[0], photometric[1]};
    float* filtered[4] = {work.gx, work.gy, work.value, work.weights};
    for (std::int64_t j = 0; j < core.height; ++j) {
      for (int k = 0; k < (B ? 4 : 2); ++k) filter(rho, partner[k], j, work.stencil, filtered[k]);
      const std::int64_t at = (j + max_lag) * row_floats + max_lag;
      b.add_row(static_cast<int>(core.width),
                typename M::Place(pass, work.pixels, core.x, core.y + j), [&](int i) {
                  const Int inside = iota() < splat(static_cast<float>(core.width - i));
                  const auto product = [&](int k, int l) {
                    const Float both = load(own[k] + at + i) * load(filtered[l] + i) +
                                       load(own[l] + at + i) * load(filtered[k] + i);
                    return select(inside, 0.5f * both, Float{});
                  };
                  Products p{};
                  p.xx = product(0, 0), p.xy = product(0, 1), p.yy = product(1, 1);
                  if constexpr (B) {
                    p.xm = product(0, 2), p.ym = product(1, 2);
                    p.x1 = product(0, 3), p.y1 = product(1, 3);
                    p.mm = product(2, 2), p.m = product(2, 3), p.one = product(3, 3);
                  }
                  return p;
                });
    }
    return b;
  }
};

template <class M>
void sandwich_tile(const TilePass& pass, const Correlation& rho, const Rect& core,
                   std::int64_t channel, Workspace& work, Sums& a, Sums& b) {
  SandwichSink<M> sink(pass, core, work);
  const Rect wide = sink.with_margin();
  with_alignment_kernel(pass.kernel, [&](auto kernel) {
    compare<decltype(kernel)>(pass, pass.estimate, Gradients::both, channel, wide, work, sink);
  });
  sink.a.add_to(a, motion_of(pass, channel));
  if (PixelMapper* mapper = pass.estimate.mapper)
    work.pixels = mapper->map(*mapper, core.x, core.y, core.width, core.height, true);
  sink.filling(rho, work).add_to(b, motion_of(pass, pass.reference.channels + channel));
}

void sandwich(const TilePass& pass, const Correlation& rho, std::int64_t row, float* memory,
              Sums* a, Sums* b) {
  Workspace work(memory);
  for (std::int64_t channel = 0; channel < pass.reference.channels; ++channel) {
    a[channel] = Sums{};
    b[channel] = Sums{};
    clear_motion(pass, channel);
    clear_motion(pass, pass.reference.channels + channel);
    for (std::int64_t x = 0; x < pass.reference.width; x += core_width) {
      Rect core{x, row * core_height, core_width, core_height};
      core.width = std::min(core.width, pass.reference.width - core.x);
      core.height = std::min(core.height, pass.reference.height - core.y);
      with_moments(pass, [&]<class M>(std::type_identity<M>) {
        sandwich_tile<M>(pass, rho, core, channel, work, a[channel], b[channel]);
      });
    }
  }
}

}  // namespace

extern const CovarianceFunctions covariance_table;
const CovarianceFunctions covariance_table{review, rows_of_sandwich, sandwich};

PHOTALIGN_ISA_END
