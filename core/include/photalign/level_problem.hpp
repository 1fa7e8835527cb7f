// The alignment of one level as an optimization problem: evaluate an estimate, apply a step.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstring>
#include <memory>
#include <type_traits>
#include <vector>

#include "align.hpp"
#include "level_warp.hpp"
#include "linearize_functions.hpp"
#include "normal_equations.hpp"
#include "pyramid.hpp"
#include "scratch.hpp"
#include "selection.hpp"
#include "state.hpp"
#include "variants.hpp"

namespace photalign {

struct Evaluation {
  std::vector<Sums> channels;
  std::vector<double> motion;  // [channel][motion_sums], if the warp is a function
  Sums total;
  std::vector<TileRecord> records;
  const float* losses =
      nullptr;  // of every pixel, where the image is small; until the next but one

  double mean_loss() const { return total.valid > 0 ? total.rho / total.valid : HUGE_VAL; }
  double overlap() const { return total.reference > 0 ? total.covered / total.reference : 0; }
};

// Adds structs that hold nothing but doubles, field by field.
template <class T>
void add_fields(const T& from, T& to) {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % sizeof(double) == 0);
  double source[sizeof(T) / sizeof(double)], target[sizeof(T) / sizeof(double)];
  std::memcpy(source, &from, sizeof(T));
  std::memcpy(target, &to, sizeof(T));
  for (std::size_t i = 0; i < sizeof(T) / sizeof(double); ++i) target[i] += source[i];
  std::memcpy(&to, target, sizeof(T));
}

class LevelProblem {
 public:
  // `mappers` are those of the alignment if the warp is a function. All pixels are selected.
  LevelProblem(const Level& reference, const Level& moving, const LevelGrid& grid,
               std::unique_ptr<LevelWarp> warp, StripMappers* mappers, Kernel kernel,
               Composition composition, LossKind loss, Brightness brightness,
               const Execution& execution, Scratch& scratch, Stopwatch& stopwatch)
      : warp_(std::move(warp)),
        grid_(grid),
        mappers_(mappers),
        brightness_(brightness),
        execution_(execution),
        scratch_(scratch),
        stopwatch_(stopwatch) {
    use(Selection::all(grid.width, grid.height), Selection::bands(grid.width, grid.height));
    pass_.reference = reference.image;
    pass_.moving = moving.image;
    pass_.reference_weight = reference.weight;
    pass_.moving_weight = moving.weight;
    pass_.offset = reference.offset;
    pass_.kernel = kernel;
    pass_.composition = composition;
    pass_.loss = loss;
    pass_.degree = warp_->degree();
    pass_.center_x = grid.center().x;
    pass_.center_y = grid.center().y;
    pass_.scale = 1 / grid.unit();
  }

  const TilePass& pass() const { return pass_; }
  Scratch& scratch() { return scratch_; }
  const LevelGrid& grid() const { return grid_; }
  // Which pixels count, and a part of them that is enough for steps which others will follow.
  void use(Selection pixels, Selection part) {
    selections_[0] = std::move(pixels);
    selections_[1] = std::move(part);
  }
  bool is_limited() const { return is_limited_; }
  void limit_to(const Selection& pixels) {
    use(pixels, pixels.quarter());
    is_limited_ = true;
  }
  // Whether the part is so much less that it pays to begin with it.
  bool has_part() const { return selections_[0].pixels() >= worth_parting; }
  // What was evaluated with one cannot be compared with what the other says.
  void select_part(bool part) { selected_ = part; }
  const Selection& selection() const { return selections_[selected_]; }
  // Their share of all.
  double selected() const {
    return static_cast<double>(selection().pixels()) /
           static_cast<double>(grid_.width * grid_.height);
  }
  const LevelWarp& warp() const { return *warp_; }
  bool is_matrix() const { return !mappers_; }
  Stopwatch& stopwatch() { return stopwatch_; }
  // Of the selected pixels.
  void count_pass() { stopwatch_.count_pass(selection().pixels() * pass_.reference.channels); }
  bool has_brightness() const { return brightness_ != Brightness::none; }
  void set_threshold(double threshold) { pass_.threshold = static_cast<float>(threshold); }
  void set_loss(LossKind loss) { pass_.loss = loss; }
  void set_composition(Composition composition) { pass_.composition = composition; }
  // See instrument_pillar.hpp.
  void set_instrument(float smoothness) { pass_.instrument = smoothness; }
  void match_spread(float along_x, float along_y) {
    pass_.is_matched = true;
    pass_.spread[0] = along_x;
    pass_.spread[1] = along_y;
  }

  NormalEquations equations(const Evaluation& at) const {
    return {*warp_, has_brightness(), at.channels, at.motion};
  }

  // Sums at `state`. With `previous`, also the losses of both over the pixels valid for both;
  // `of_previous` may hold what was remembered of it.
  Evaluation evaluate(const State& state, const State* previous = nullptr,
                      const Evaluation* of_previous = nullptr) {
    TilePass pass = pass_at(state, previous);
    if (of_previous) {
      pass.previous_records = of_previous->records.data();
      pass.previous_losses = of_previous->losses;
    }
    count_pass();
    const std::int64_t rows = selection().rows();
    const auto channels = static_cast<std::size_t>(pass.reference.channels);
    Evaluation result;
    result.records.resize(static_cast<std::size_t>(selection().size()) * channels);
    pass.records = result.records.data();
    // For the comparison with the next estimate; a large image is rather sampled again at its
    // edges.
    if (selection().size() <= kept_rectangles) {
      pass.losses =
          scratch_.losses(result.records.size(), of_previous ? of_previous->losses : nullptr);
      result.losses = pass.losses;
    }
    std::vector<Sums> of_rows(static_cast<std::size_t>(rows) * channels);
    const std::size_t per_row = channels * motion_size();
    std::vector<double> motion_of_rows(static_cast<std::size_t>(rows) * per_row);
    const LinearizeFunctions& functions = *variant().linearize;
    parallel_for(execution_, rows, [&](std::int64_t row, int worker) {
      const auto at = static_cast<std::size_t>(row);
      TilePass mine = for_worker(pass, worker);
      if (mappers_) mine.motion = motion_of_rows.data() + at * per_row;
      functions.linearize(mine, row, scratch_.of_thread(worker), of_rows.data() + at * channels);
    });
    // Always in the order of the rows: the same bits for any number of threads.
    result.channels.assign(channels, Sums{});
    result.total = Sums{};
    for (std::size_t i = 0; i < of_rows.size(); ++i) {
      add_fields(of_rows[i], result.channels[i % channels]);
      add_fields(of_rows[i], result.total);
    }
    result.motion = added_rows(motion_of_rows, per_row);
    return result;
  }

  // What `function(pass, row, workspace, out)` writes for each of `rows` rows of rectangles,
  // `per_row` entries each.
  template <class T, class Function>
  std::vector<T> per_row(const State& state, const State* previous, std::int64_t rows,
                         std::size_t per_row, Function&& function) {
    const TilePass pass = pass_at(state, previous);
    std::vector<T> found(static_cast<std::size_t>(rows) * per_row);
    parallel_for(execution_, rows, [&](std::int64_t row, int worker) {
      TilePass mine = for_worker(pass, worker);
      function(mine, row, scratch_.of_thread(worker),
               found.data() + static_cast<std::size_t>(row) * per_row);
    });
    return found;
  }

  // How many sums of motions there are for a channel.
  std::size_t motion_size() const { return mappers_ ? motion_sums(warp_->parameters()) : 0; }

  // Sums of rows, `per_row` of each, added in their order.
  static std::vector<double> added_rows(const std::vector<double>& of_rows, std::size_t per_row) {
    std::vector<double> total(per_row);
    for (std::size_t i = 0; i < of_rows.size(); ++i) total[i % per_row] += of_rows[i];
    return total;
  }

  // Absolute residuals of evenly spaced rows, about `wanted` of them, invalid ones left out.
  std::vector<float> residuals(const State& state, std::int64_t wanted) {
    const TilePass pass = pass_at(state, nullptr);
    const std::int64_t per_row = pass.reference.width * pass.reference.channels;
    const std::int64_t step = std::max<std::int64_t>(1, pass.reference.height * per_row / wanted);
    const std::int64_t rows = (pass.reference.height + step - 1) / step;
    std::vector<float> found(static_cast<std::size_t>(rows * per_row));
    parallel_for(execution_, rows, [&](std::int64_t row, int worker) {
      TilePass mine = for_worker(pass, worker);
      variant().linearize->residual_row(mine,
                                        std::min(row * step + step / 2, pass.reference.height - 1),
                                        scratch_.of_thread(worker), found.data() + row * per_row);
    });
    std::erase_if(found, [](float r) { return std::isnan(r); });
    return found;
  }

  // The reference's texture in rows of blocks.
  std::vector<TextureSums> textures(std::int64_t rows, std::int64_t columns) {
    std::vector<TextureSums> found(static_cast<std::size_t>(rows * columns));
    parallel_for(execution_, rows, [&](std::int64_t row, int worker) {
      variant().linearize->texture(pass_, row, scratch_.of_thread(worker),
                                   found.data() + row * columns);
    });
    return found;
  }

  // After a step of all unknowns.
  State stepped(const State& state, const std::vector<double>& step) const {
    State next = state;
    warp_->step(next, step.data(), pass_.composition);
    const std::size_t p = warp_->parameters();
    for (std::size_t c = 0; 2 * c + p < step.size(); ++c) {
      next.gain[c] += step[p + 2 * c];
      next.bias[c] += step[p + 2 * c + 1];
    }
    return next;
  }

 private:
  static constexpr std::int64_t kept_rectangles = 256;  // a megapixel of whole tiles
  static constexpr std::int64_t worth_parting = 1 << 14;

  TilePass pass_at(const State& state, const State* previous) {
    TilePass pass = pass_;
    pass.tiles = selection().tiles();
    pass.brightness = has_brightness();
    pass.estimate = estimate_of(state);
    if (mappers_) mappers_->begin(0, grid_, state.params);
    if (previous) {
      pass.compares = true;
      pass.previous = estimate_of(*previous);
      if (mappers_) mappers_->begin(1, grid_, previous->params);
    }
    return pass;
  }

  // The same for one thread, whose mappers are its own.
  TilePass for_worker(const TilePass& pass, int worker) const {
    TilePass mine = pass;
    if (mappers_) {
      mine.estimate.mapper = mappers_->of(worker, 0);
      mine.previous.mapper = mappers_->of(worker, 1);
    }
    return mine;
  }

  static Estimate estimate_of(const State& state) {
    Estimate estimate;
    std::copy(state.warp.begin(), state.warp.end(), estimate.warp);
    estimate.gain = state.gain.data();
    estimate.bias = state.bias.data();
    return estimate;
  }

  TilePass pass_;
  std::unique_ptr<LevelWarp> warp_;
  LevelGrid grid_;
  StripMappers* mappers_;
  Brightness brightness_;
  const Execution& execution_;
  Scratch& scratch_;
  Selection selections_[2];
  bool selected_ = false;  // the part
  bool is_limited_ = false;
  Stopwatch& stopwatch_;
};

}  // namespace photalign
