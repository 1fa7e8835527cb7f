#include "photalign/agreement.hpp"

#include <algorithm>
#include <cmath>
#include <span>

namespace photalign {
namespace {

// Of white noise, the variance of cell means over that within cells. A direct B-spline, which
// smooths it, leaves the most.
constexpr double noise_of_means = 0.3;
// Blocks with fewer cells than that say little, unless there are no others.
constexpr float usual_cells = 8, least_cells = 4;
// More blocks than this add nothing to what is known.
constexpr std::size_t most_blocks = 1024;
// It takes as much texture, in blocks, to say anything at all.
constexpr double doubt = 0.25;
constexpr double negligible = 1e-6;  // of all texture
constexpr double rounding = 1e-12;   // of float32, squared
// A block agrees if less of its texture is unexplained, the images correlate in it, and the loss
// left more of it.
constexpr double agrees = 0.5, correlates = 0.25, is_kept = 0.5;

// Variances of both images and their covariance, on one scale.
struct Texture {
  double reference = 0, moving = 0, common = 0;

  double residual() const { return std::max(reference + moving - 2 * common, 0.0); }
  double contrast() const { return std::sqrt(reference * moving); }
};

struct Block {
  Texture fine, coarse;
  double residual = 0;  // its mean, the sum over channels
  double kept = 0;      // share of the weight that the loss left
};

// Adds what products of the moving value m and the residual r say of g m and g m - r.
void add_products(double gain, double mm, double mr, double rr, double factor, Texture& to) {
  const double moving = gain * gain * mm, product = gain * mr;
  to.moving += factor * std::max(moving, 0.0);
  to.common += factor * (moving - product);
  to.reference += factor * std::max(moving - 2 * product + rr, 0.0);
}

Block block_of(std::span<const LocalVariation> channels, const State& state) {
  Block block;
  double weight_of_all = 0, kept = 0;
  for (std::size_t c = 0; c < channels.size(); ++c) {
    using Sum = LocalVariation::Sum;
    const float* of = channels[c].of;
    if (!(of[Sum::cells] >= least_cells)) continue;
    const double n = of[Sum::cells], m = of[Sum::m], r = of[Sum::r], g = state.gain[c];
    add_products(g, of[Sum::mm] - m * m / n, of[Sum::mr] - m * r / n, of[Sum::rr] - r * r / n,
                 1 / (n - 1), block.coarse);
    constexpr double pixels = cell_side * cell_side;
    add_products(g, of[Sum::fine_mm], of[Sum::fine_mr], of[Sum::fine_rr],
                 pixels / (pixels - 1) / of[Sum::weight], block.fine);
    block.residual += r / n;
    weight_of_all += of[Sum::weight];
    kept += of[Sum::kept];
  }
  block.kept = weight_of_all > 0 ? kept / weight_of_all : 0;
  // What a loss takes from residuals that are rounding is no outlier.
  const Texture &fine = block.fine, &coarse = block.coarse;
  if (fine.residual() + coarse.residual() <=
      rounding * (fine.reference + fine.moving + coarse.reference + coarse.moving))
    block.kept = 1;
  return block;
}

std::vector<Block> blocks_with(float least, const std::vector<LocalVariation>& all,
                               const State& state) {
  const std::size_t channels = state.gain.size();
  const auto cells_at = [&](std::size_t i) {
    float most = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      const std::size_t rect = i / blocks_of_tile, block = i % blocks_of_tile;
      most = std::max(
          most, all[(rect * channels + c) * blocks_of_tile + block].of[LocalVariation::cells]);
    }
    return most;
  };
  std::vector<std::size_t> usable;
  for (std::size_t i = 0; i < all.size() / channels; ++i)
    if (cells_at(i) >= least) usable.push_back(i);
  const std::size_t step = (usable.size() + most_blocks - 1) / most_blocks;
  std::vector<Block> found;
  std::vector<LocalVariation> of_block(channels);
  for (std::size_t k = 0; k < usable.size(); k += step) {
    const std::size_t rect = usable[k] / blocks_of_tile, block = usable[k] % blocks_of_tile;
    for (std::size_t c = 0; c < channels; ++c)
      of_block[c] = all[(rect * channels + c) * blocks_of_tile + block];
    found.push_back(block_of(of_block, state));
  }
  return found;
}

// The value below which a share of the blocks has its number.
template <class Number>
double quantile(const std::vector<Block>& blocks, double share, Number&& number) {
  std::vector<double> values;
  for (const Block& block : blocks) values.push_back(number(block));
  const auto at =
      values.begin() + static_cast<std::ptrdiff_t>(share * static_cast<double>(values.size() - 1));
  std::nth_element(values.begin(), at, values.end());
  return *at;
}

struct Weighed {
  double value, weight;
};

double median(std::vector<Weighed>& numbers) {
  std::sort(numbers.begin(), numbers.end(),
            [](const Weighed& a, const Weighed& b) { return a.value < b.value; });
  double half = 0;
  for (const Weighed& number : numbers) half += number.weight / 2;
  for (const Weighed& number : numbers)
    if ((half -= number.weight) <= 0) return number.value;
  return numbers.back().value;
}

// The variance of the noise in the residuals, within cells. It is not more than what smooth parts
// of the images leave, so that the residuals of other images do not pass for noise.
double noise_of(const std::vector<Block>& blocks) {
  constexpr double quiet = 0.1, usual = 0.25;
  double texture = 0;
  for (const Block& block : blocks) texture += block.coarse.moving + block.coarse.reference;
  const double residual =
      quantile(blocks, usual, [](const Block& block) { return block.fine.residual(); });
  const double images =
      quantile(blocks, quiet, [](const Block& block) { return block.fine.moving; }) +
      quantile(blocks, quiet, [](const Block& block) { return block.fine.reference; });
  return std::min(residual, images) + negligible * texture / static_cast<double>(blocks.size());
}

// How much texture there is beyond the noise, from 0 to 1.
double telling(const Texture& texture, double noise) {
  constexpr double least = 1e-6;
  const double contrast = texture.contrast(), half = noise / 2;
  const double share = (contrast - half) / (contrast + 3 * half);
  return std::isfinite(share) ? std::max(share, least) : least;
}

double correlation_of(const Texture& texture) {
  const double r = texture.common / texture.contrast();
  return std::isfinite(r) ? r : 0;
}

// The same four times as coarse: tiles as blocks of blocks, what varies between the cells of these
// is fine. Where the noise hangs together, or the texture is wide, only this scale tells.
std::vector<Block> wide_blocks(const std::vector<LocalVariation>& all, const State& state) {
  using Sum = LocalVariation::Sum;
  const std::size_t channels = state.gain.size();
  const std::size_t rects = all.size() / channels / blocks_of_tile;
  std::vector<Block> found;
  for (std::size_t rect = 0; rect < rects; ++rect) {
    Block wide;
    double most = 0;
    for (std::size_t c = 0; c < channels; ++c) {
      double n = 0, m = 0, r = 0, mm = 0, mr = 0, rr = 0;
      for (std::size_t b = 0; b < blocks_of_tile; ++b) {
        const LocalVariation& one = all[(rect * channels + c) * blocks_of_tile + b];
        if (!(one.of[Sum::cells] >= usual_cells)) continue;
        const double cells = one.of[Sum::cells];
        const double value = one.of[Sum::m] / cells, left = one.of[Sum::r] / cells;
        n += 1, m += value, r += left;
        mm += value * value, mr += value * left, rr += left * left;
        State of_channel = state;
        of_channel.gain = {state.gain[c]};
        const Block block = block_of({&one, 1}, of_channel);
        wide.fine.moving += block.coarse.moving, wide.fine.reference += block.coarse.reference;
        wide.fine.common += block.coarse.common;
        wide.kept += block.kept;
      }
      most = std::max(most, n);
      if (n < usual_cells) continue;
      add_products(state.gain[c], mm - m * m / n, mr - m * r / n, rr - r * r / n, 1 / (n - 1),
                   wide.coarse);
    }
    if (most < usual_cells) continue;
    for (double* sum : {&wide.fine.moving, &wide.fine.reference, &wide.fine.common}) *sum /= most;
    wide.kept /= most * static_cast<double>(channels);
    found.push_back(wide);
  }
  return found;
}

// The correlation of all kept blocks together, where those with the most texture have most to say.
double pooled_correlation(const std::vector<Block>& blocks) {
  Texture sum;
  for (const Block& block : blocks) {
    if (!(block.kept > is_kept)) continue;
    sum.reference += block.kept * block.coarse.reference;
    sum.moving += block.kept * block.coarse.moving;
    sum.common += block.kept * block.coarse.common;
  }
  return correlation_of(sum);
}

// Both images choose the quarters: the more extreme one would find the other less so by chance.
void compare_quarters(const std::vector<Block>& blocks, Evidence& found) {
  constexpr std::size_t quarters = 4;
  constexpr double most_growth = 1.5, least_share = 0.02;
  std::vector<Block> kept;
  for (const Block& block : blocks)
    if (block.kept > is_kept) kept.push_back(block);
  if (kept.size() < quarters) return;
  const auto count = static_cast<std::ptrdiff_t>(kept.size() / quarters);
  const auto has_less = [](const Block& a, const Block& b) {
    return a.coarse.reference * a.coarse.moving < b.coarse.reference * b.coarse.moving;
  };
  std::nth_element(kept.begin(), kept.begin() + count, kept.end(), has_less);
  const std::vector<Block> least(kept.begin(), kept.begin() + count);
  std::nth_element(kept.begin(), kept.end() - count, kept.end(), has_less);
  const std::vector<Block> most(kept.end() - count, kept.end());
  const auto texture = [](const Block& b) { return b.coarse.reference + b.coarse.moving; };
  const auto residual = [](const Block& b) { return b.coarse.residual(); };
  constexpr double half = 0.5;
  const double low = quantile(least, half, texture), high = quantile(most, half, texture);
  if (!(high > low)) return;
  found.surplus = 1 - std::max(low / high, least_share);
  const double grown = quantile(most, half, residual) - quantile(least, half, residual);
  found.growth = std::clamp(grown / (high - low), 0.0, most_growth);
}

Evidence evidence_of(const std::vector<Block>& blocks) {
  const double fine_noise = noise_of(blocks), noise = noise_of_means * fine_noise;
  Evidence found;
  double weight_of_all = 0, agreeing = 0;
  // Without texture nothing agrees.
  std::vector<Weighed> unexplained{{1, doubt}}, correlation{{0, doubt}};
  std::vector<Weighed> fine_correlation{{0, doubt}};
  for (const Block& block : blocks) {
    const double weight = telling(block.coarse, noise);
    const double beyond = std::max(block.coarse.residual() - noise, 0.0);
    const double share = beyond / (block.coarse.reference + block.coarse.moving);
    const double left = std::isfinite(share) ? share : 0;
    const double common = correlation_of(block.coarse);
    unexplained.push_back({left, weight * block.kept});
    correlation.push_back({common, weight * block.kept});
    fine_correlation.push_back(
        {correlation_of(block.fine), telling(block.fine, fine_noise) * block.kept});
    weight_of_all += weight;
    found.blocks += weight * block.kept;
    if (left < agrees && common > correlates && block.kept > is_kept) agreeing += weight;
  }
  found.agreement = agreeing / std::max(weight_of_all, doubt);
  found.unexplained = median(unexplained);
  found.correlation = median(correlation);
  found.fine_correlation = median(fine_correlation);
  found.pooled = pooled_correlation(blocks);
  compare_quarters(blocks, found);
  return found;
}

// Student's t of the sum of numbers that vary about 0.
double students_t(double sum, double squares) {
  const double t = sum / std::sqrt(squares);
  return std::isfinite(t) ? t : 0;
}

Symptoms symptoms_of(const std::vector<Block>& blocks) {
  Symptoms found;
  Texture all;
  double excess = 0, excess_squared = 0, mean = 0, mean_squared = 0, residual = 0;
  for (const Block& block : blocks) {
    if (!(block.kept > is_kept)) continue;
    const Texture& texture = block.coarse;
    all.reference += texture.reference, all.moving += texture.moving;
    const double more = texture.reference - texture.moving;
    excess += more, excess_squared += more * more;
    mean += block.residual, mean_squared += block.residual * block.residual;
    residual += block.fine.residual() + texture.residual();
    ++found.count;
  }
  if (found.count < 2) return found;
  const double ratio = std::sqrt(all.reference / all.moving);
  found.contrast = std::isfinite(ratio) ? ratio : 1;
  found.contrast_t = students_t(excess, excess_squared);
  mean /= found.count;
  const double variance = std::max(mean_squared / found.count - mean * mean, 0.0);
  found.brightness = -mean;
  found.brightness_t = students_t(-mean, variance / found.count);
  found.residual = residual / found.count;
  const double of_means = variance / found.residual;
  found.of_means = std::isfinite(of_means) ? of_means : 0;
  return found;
}

}  // namespace

Findings findings_of(const std::vector<LocalVariation>& all, const State& state) {
  std::vector<Block> blocks = blocks_with(usual_cells, all, state);
  if (blocks.empty()) blocks = blocks_with(least_cells, all, state);
  if (blocks.empty()) return {};
  // Four times as coarse, small images show nothing.
  constexpr std::size_t least_tiles = 16;
  Findings found{evidence_of(blocks), {}, symptoms_of(blocks)};
  const std::vector<Block> wide = wide_blocks(all, state);
  if (wide.size() >= least_tiles) found.wide = evidence_of(wide);
  return found;
}

double confidence_of(const Evidence& e, const Whole& whole) {
  // Smaller overlaps were rare among the pairs of the fit; how much they tell is in the blocks.
  constexpr double least_overlap = 0.4;
  // A logistic regression. With few blocks the medians say less, and are weighed otherwise.
  const auto fisher = [](double r) { return std::atanh(std::clamp(r, -0.98, 0.98)); };
  const double unexplained = std::log(e.unexplained + 0.003);
  const double deviation = whole.deviation;
  const double certain = std::isfinite(deviation) ? std::clamp(deviation, 3e-4, 0.1) : 0.1;
  const double few = 8 / (8.1 + e.blocks);
  const double of_medians = -0.342 * unexplained + 0.110 * unexplained * unexplained +
                            0.336 * e.fine_correlation + 0.655 * std::log(e.blocks + 0.1);
  const double of_few = 1.349 - 0.134 * unexplained + 5.640 * e.fine_correlation;
  // Where much is unexplained, because of the noise or because the images do not match.
  const double of_growth = e.unexplained * (-1.873 * std::log(e.growth + 0.03) - 0.222 * e.surplus);
  const double of_whole = 1.045 * fisher(std::max(whole.correlation, e.pooled)) +
                          2.546 * std::log(std::clamp(whole.overlap, least_overlap, 0.9)) -
                          1.179 * std::log(certain);
  const double sum = -14.355 + of_medians + few * of_few + of_growth + of_whole;
  return 1 / (1 + std::exp(-sum));
}

}  // namespace photalign
