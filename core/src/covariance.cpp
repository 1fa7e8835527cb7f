// An estimate looked at: its loss beside that of another, the last steps towards it, and what its
// covariance is made of. Compiled once per instruction set.
#include "photalign/covariance_functions.hpp"
#include "photalign/estimating_equations.hpp"
#include "photalign/noise_sample.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

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

void conclude(const TilePass& pass, const Inflation* inflation, std::int64_t row, float* memory,
              ReviewSums* sums, Sums* a, Sums* b, LocalVariation* blocks) {
  Workspace work(memory);
  const std::int64_t channels = pass.reference.channels;
  // Soft weights are of any size.
  const float least = has_plain_weights(pass) ? cell_side * cell_side / 4.0f : 0.0f;
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    sums[channel] = ReviewSums{};
    a[channel] = b[channel] = Sums{};
    clear_motion(pass, channel);
    clear_motion(pass, channels + channel);
  }
  for (std::int64_t i = pass.tiles.starts[row]; i < pass.tiles.starts[row + 1]; ++i)
    for (std::int64_t channel = 0; channel < channels; ++channel)
      with_moments(pass, [&]<class M>(std::type_identity<M>) {
        using Found = std::conditional_t<M::by_pillars, PillarEquations<M>, RowEquations<M>>;
        // The losses of a tile are not needed here.
        LocalSums local(pass.tiles.rects[i], work.losses);
        Found equations(pass, inflation, blocks ? &local : nullptr);
        work.reference_weight = work.covered_weight = Float{};
        with_alignment_kernel(pass.kernel, [&](auto kernel) {
          equations.template compare_tile<decltype(kernel)>(pass.tiles.rects[i], channel, work);
        });
        equations.a.add_to(a[channel], motion_of(pass, channel));
        equations.b.add_to(b[channel], motion_of(pass, channels + channel));
        equations.add_to(sums[channel], work);
        if (blocks) local.find_blocks(least, blocks + (i * channels + channel) * blocks_of_tile);
      });
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
