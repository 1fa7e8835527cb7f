// Residuals and their derivatives, summed over rows of tiles. Compiled once per instruction set.
//
// Stages meet in floats in the first cache: sampling depends on the kernel, weighting on the loss,
// summing on the degree of the warp. Each is chosen once per pillar or tile, so that the
// combinations add up in the binary and do not multiply.
#include "photalign/motion_moments.hpp"
#include "photalign/reference_frame.hpp"
#include "photalign/tile_losses.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

// Sums of one tile and one channel, for a warp that is a function.
template <class M>
struct RowSums final : RowSink {
  Losses losses;
  M moments;
  explicit RowSums(Losses l) : losses(l), moments(l.pass) {}

  void take(std::int64_t x, std::int64_t y, int count, Workspace& work) override {
    losses.weigh(x, y, count, work);
    moments.add_row({work.weights, work.residual, work.value, work.gx, work.gy}, count,
                    typename M::Place(losses.pass, work.pixels, x, y));
  }

  template <class K>
  void add(const Rect& tile, std::int64_t channel, Workspace& work) {
    const TilePass& pass = losses.pass;
    compare<K>(pass, pass.estimate, gradients_of(pass.composition), channel, tile, work, *this);
  }
};

// The same for a warp that is a matrix.
template <class M>
struct PillarSums final : PillarSink {
  Losses losses;
  M moments;
  // Weights are more than 1 or 0, or the losses of pixels are wanted.
  bool weighted, weighs;

  explicit PillarSums(Losses l)
      : losses(l),
        moments(l.pass),
        weighted(l.pass.loss != LossKind::squared || !has_plain_weights(l.pass)),
        weighs(weighted || l.kept) {}

  void take_pillar(std::int64_t x, std::int64_t y, int rows, Workspace& work) override {
    if (weighs) losses.weigh_pillar(x, y, rows, work);
    const Planes& p = work.planes;
    const ResidualPillar pillar{{p.weights, p.residual, p.value, p.gx, p.gy}, rows};
    const typename M::Place place(losses.pass, work.pixels, x, y);
    weighted ? moments.template add_pillar<true>(pillar, place)
             : moments.template add_pillar<false>(pillar, place);
  }

  template <class K>
  void add(const Rect& tile, std::int64_t channel, Workspace& work) {
    const TilePass& pass = losses.pass;
    compare_pillars<K>(pass, pass.estimate, gradients_of(pass.composition),
                       {M::brightness, M::brightness || weighs}, channel, tile, work, *this);
    if (weighs) return;
    losses.rho = moments.wrr;
    losses.weight = work.covered_weight;
  }
};

template <class K>
void linearize_tile(const TilePass& pass, const Rect& tile, std::int64_t index,
                    std::int64_t channel, Workspace& work, Sums& sums) {
  float* kept = place_for_losses(pass, index, work);
  with_moments(pass, [&]<class M>(std::type_identity<M>) {
    std::conditional_t<M::by_pillars, PillarSums<M>, RowSums<M>> of_tile({pass, tile, kept});
    work.reference_weight = work.covered_weight = Float{};
    of_tile.template add<K>(tile, channel, work);
    of_tile.moments.add_to(sums, motion_of(pass, channel));
    add_losses<K>(pass, tile, index, channel, kept, of_tile.losses, work, sums);
  });
}

void linearize(const TilePass& pass, std::int64_t row, float* memory, Sums* sums) {
  Workspace work(memory);
  const std::int64_t channels = pass.reference.channels;
  for (std::int64_t channel = 0; channel < channels; ++channel) {
    sums[channel] = Sums{};
    clear_motion(pass, channel);
  }
  with_alignment_kernel(pass.kernel, [&](auto kernel) {
    using K = decltype(kernel);
    for (std::int64_t i = pass.tiles.starts[row]; i < pass.tiles.starts[row + 1]; ++i)
      for (std::int64_t channel = 0; channel < channels; ++channel)
        linearize_tile<K>(pass, pass.tiles.rects[i], i * channels + channel, channel, work,
                          sums[channel]);
  });
}

// Copies absolute residuals out, for the estimate of the loss's scale.
struct ResidualSink final : RowSink {
  float* out;
  explicit ResidualSink(float* to) : out(to) {}
  void take(std::int64_t x, std::int64_t, int count, Workspace& work) override {
    for (int i = 0; i < count; ++i)
      out[x + i] = work.weights[i] > 0 ? std::abs(work.residual[i]) : invalid();
  }
};

void residual_row(const TilePass& pass, std::int64_t row, float* memory, float* out) {
  Workspace work(memory);
  with_alignment_kernel(pass.kernel, [&](auto kernel) {
    using K = decltype(kernel);
    for (std::int64_t channel = 0; channel < pass.reference.channels; ++channel) {
      ResidualSink sink(out + channel * pass.reference.width);
      for (std::int64_t x = 0; x < pass.reference.width; x += tile_width)
        compare<K>(pass, pass.estimate, Gradients::none, channel,
                   {x, row, std::min<std::int64_t>(tile_width, pass.reference.width - x), 1}, work,
                   sink);
    }
  });
}

void texture(const TilePass& pass, std::int64_t row, float* memory, TextureSums* sums) {
  Workspace work(memory);
  const std::int64_t y = row * texture_height;
  const std::int64_t height = std::min(texture_height, pass.reference.height - y);
  const std::int64_t blocks = (pass.reference.width + texture_width - 1) / texture_width;
  std::fill(sums, sums + blocks, TextureSums{});
  const Planes& p = work.planes;
  const auto add = [&](const Patch& patch, const Rect& block, auto kernel) {
    const int rows = static_cast<int>(block.height);
    Float xx{}, xy{}, yy{};
    for (std::int64_t x = block.x; x < block.x + block.width; x += lanes) {
      reference_pillar<decltype(kernel), true>(patch, x, y, rows, p.target, p.tx, p.ty, lanes);
      const Int inside = first_lanes(static_cast<int>(block.x + block.width - x));
      for (int i = 0; i < rows * lanes; i += lanes) {
        const Float tx = load(p.tx + i), ty = load(p.ty + i);
        const Int valid = is_finite(load(p.target + i)) & inside;
        xx += select(valid, tx * tx, Float{});
        xy += select(valid, tx * ty, Float{});
        yy += select(valid, ty * ty, Float{});
      }
    }
    TextureSums& of_block = sums[block.x / texture_width];
    of_block.xx += sum(xx);
    of_block.xy += sum(xy);
    of_block.yy += sum(yy);
  };
  with_alignment_kernel(pass.kernel, [&](auto kernel) {
    constexpr int reach = stencil_radius<decltype(kernel)>(true);
    for (std::int64_t channel = 0; channel < pass.reference.channels; ++channel)
      for (std::int64_t x = 0; x < pass.reference.width; x += texture_width) {
        const std::int64_t width = std::min(texture_width, pass.reference.width - x);
        const Patch patch =
            cut(pass.reference, pass.reference_weight, channel, pass.offset,
                {x - reach, y - reach, width + 2 * reach, height + 2 * reach}, work.reference);
        add(patch, {x, y, width, height}, kernel);
      }
  });
}

LossValue loss_at(LossKind kind, double threshold, double square) {
  LossValue value{};
  with_loss(kind, [&](auto loss) {
    const auto influence = decltype(loss)::at(square, threshold);
    value = {influence.rho, influence.weight, influence.slope};
  });
  return value;
}

std::size_t workspace_floats() { return static_cast<std::size_t>(Workspace::floats); }

}  // namespace

extern const LinearizeFunctions linearize_table;
const LinearizeFunctions linearize_table{workspace_floats, linearize,      residual_row,
                                         texture,          loss_at,        find_reference_frame,
                                         list_points,      list_positions, list_planes};

PHOTALIGN_ISA_END
