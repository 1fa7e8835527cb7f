#include "photalign/coarse_levels.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>
#include <utility>

#include "photalign/significance.hpp"

namespace photalign {
namespace {

// Levels with more pixels than this are not aligned with all of them.
constexpr std::int64_t many_pixels = 1 << 17;
// Those with no more are gone through model by model, and can be where the way begins.
constexpr std::int64_t few_pixels = 1 << 12;
constexpr int most_steps_of_simpler = 10;
constexpr int most_shift = 2;  // pixels of the coarsest level
constexpr std::size_t most_shifted = 3;
// Correlations of less than so many standard deviations will not be found significant by the
// finest level either, which has four times the pixels.
constexpr double significant = 3;

// From the simplest to the one that is asked for, each a special case of the next.
std::span<const WarpKind> models_to(WarpKind kind) {
  static constexpr std::array rigid{WarpKind::translation, WarpKind::euclidean};
  static constexpr std::array free{WarpKind::translation, WarpKind::similarity, WarpKind::affine,
                                   WarpKind::homography};
  if (kind == WarpKind::euclidean) return rigid;
  const auto last = std::ranges::find(free, kind);
  return {free.begin(), last + 1};
}

}  // namespace

State CoarseLevels::descend(const State& begin) {
  const int coarsest = options_.levels - 1;
  if (coarsest == 0) return begin;
  State state = with_last_model(begin, coarsest, options_.max_steps).state;
  for (int level = coarsest - 1; level > 0; --level)
    state = refined(state, level, options_.warp, {.max_steps = most_steps}).state;
  return state;
}

State CoarseLevels::descend_plainly(const State& begin) {
  State state = begin;
  for (int level = options_.levels - 1; level > 0; --level)
    state = refined(state, level, options_.warp, {.max_steps = options_.max_steps}).state;
  return state;
}

State CoarseLevels::search(const State& begin, const State& descended) {
  std::optional<Candidate> best;
  for (int level = options_.levels - 1; level > 0; --level) {
    std::optional<Candidate> here;
    const auto consider = [&](Candidate candidate) {
      if (!here || is_better(candidate, *here, level)) here = std::move(candidate);
    };
    const bool coarsest = !best, small = coarsest || is_small(level);
    const State& above = coarsest ? begin : best->state;
    if (!coarsest) consider(refined(above, level, options_.warp, {.max_steps = most_steps}));
    if (small) consider(through_models(above, level, {.is_graduated = coarsest}));
    if (small && !coarsest) {
      consider(with_last_model(begin, level, most_steps));
      consider(through_models(begin, level, {.is_graduated = true}));
    }
    best = std::move(here);
  }
  if (!best) return descended;
  return is_better(*best, {descended, best->scale}, 1) ? best->state : descended;
}

// From far away. A robust loss is begun with both ways: outliers can lead astray one that begins
// with all pixels, and the motion of the start another one that takes what it explains.
CoarseLevels::Candidate CoarseLevels::with_last_model(const State& state, int level,
                                                      int max_steps) {
  Candidate best = refined(state, level, options_.warp, {.max_steps = max_steps});
  if (!is_robust()) return best;
  const auto consider = [&](Candidate other) {
    if (is_better(other, best, level)) best = std::move(other);
  };
  consider(refined(state, level, options_.warp, {.max_steps = max_steps, .is_graduated = true}));
  consider(through_models(state, level, {.sharpness = sharpest}));
  consider(through_models(state, level, {.is_graduated = true}));
  if (!options_.function && level + 1 == options_.levels)
    for (const State& start : shifted(state, level))
      consider(through_models(start, level, {.sharpness = sharpest}));
  return best;
}

bool CoarseLevels::is_robust() const { return options_.loss != LossKind::squared; }

bool CoarseLevels::is_small(int level) const {
  const LevelGrid grid = problems_.grid(level);
  return grid.width * grid.height <= few_pixels;
}

CoarseLevels::Candidate CoarseLevels::through_models(const State& state, int level, Way way) {
  Candidate found{state};
  way.is_graduated = way.is_graduated && is_robust();
  way.max_steps = most_steps_of_simpler;
  if (!options_.function)
    for (const WarpKind kind : models_to(options_.warp)) {
      if (kind == options_.warp) break;
      found = refined(found.state, level, kind, way);
      way.is_graduated = false;
    }
  way.max_steps = most_steps;
  return refined(found.state, level, options_.warp, way);
}

// `state` is in coordinates of level 0.
CoarseLevels::Candidate CoarseLevels::refined(const State& state, int level, WarpKind kind,
                                              const Way& way) {
  const Stopwatch::Lap lap = problems_.stopwatch().lap(Stage::coarse_levels);
  LevelProblem problem = problems_.at(level, Kernel::linear, state, kind);
  State at_level = state;
  problem.warp().to_level(at_level);
  problem.select_part(problem.grid().width * problem.grid().height > many_pixels);
  LoopOptions options = problems_.loop_options(level);
  options.max_steps = std::min(options.max_steps, way.max_steps);
  options.is_graduated = way.is_graduated;
  options.tuning *= way.sharpness;
  LoopResult found = optimize(problem, at_level, options, on_step_);
  // A coarse level that fails has nothing to say; the next one starts where it started.
  if (found.status != Status::converged && found.status != Status::step_limit &&
      found.status != Status::no_descent)
    return {state, found.scale};
  problem.warp().to_full(found.state);
  return {std::move(found.state), found.scale};
}

// By the mean loss over the pixels valid for both, with the sharper scale. One that sees less of
// the moving image has to be so much better.
bool CoarseLevels::is_better(const Candidate& one, const Candidate& other, int level) {
  const Stopwatch::Lap lap = problems_.stopwatch().lap(Stage::coarse_levels);
  LevelProblem problem = problems_.at(level, Kernel::linear, one.state);
  problem.select_part(problem.grid().width * problem.grid().height > many_pixels);
  problem.set_threshold(sharp * options_.tuning * std::min(one.scale, other.scale));
  State first = one.state, second = other.state;
  problem.warp().to_level(first);
  problem.warp().to_level(second);
  const Evaluation of_other = problem.evaluate(second);
  const Evaluation found = problem.evaluate(first, &second, &of_other);
  return found.overlap() >= options_.min_overlap && found.total.both > 0 &&
         found.total.both_rho * of_other.overlap() <
             found.total.both_rho_previous * found.overlap();
}

// Shifts of a start after which most residuals are small: by whole pixels of the level, and by what
// aligns windows of it, some of which may be free of outliers. The best few.
std::vector<State> CoarseLevels::shifted(const State& state, int level) {
  const Stopwatch::Lap lap = problems_.stopwatch().lap(Stage::coarse_levels);
  LevelProblem problem = problems_.at(level, Kernel::linear, state, WarpKind::translation);
  State at_level = state;
  problem.warp().to_level(at_level);
  std::vector<std::pair<double, State>> found;
  const auto consider = [&](const State& there) {
    found.emplace_back(residual_scale(problem, there), there);
  };
  for (int y = -most_shift; y <= most_shift; ++y)
    for (int x = -most_shift; x <= most_shift; ++x) {
      State there = at_level;
      there.warp = at_level.warp * Matrix3{1, 0, 1.0 * x, 0, 1, 1.0 * y, 0, 0, 1};
      consider(there);
    }
  const auto closest = [](const auto& one, const auto& other) { return one.first < other.first; };
  State starts[]{at_level, std::ranges::min_element(found, closest)->second};
  LoopOptions options = problems_.loop_options(level);
  options.max_steps = most_steps_of_simpler;
  const std::int64_t width = problem.grid().width, height = problem.grid().height;
  for (std::int64_t j = 0; j < 3; ++j)
    for (std::int64_t i = 0; i < 3; ++i) {
      LevelProblem window = problems_.at(level, Kernel::linear, state, WarpKind::translation);
      const Selection pixels =
          Selection::window({i * (width / 4), j * (height / 4), (width + 1) / 2, (height + 1) / 2});
      window.use(pixels, pixels);
      window.set_loss(LossKind::squared);
      for (const State& start : starts) {
        const LoopResult there = optimize(window, start, options, {});
        if (there.status != Status::too_little_texture) consider(there.state);
      }
    }
  std::ranges::sort(found, closest);
  std::vector<State> best;
  for (auto& [scale, there] : found) {
    if (best.size() == most_shifted) break;
    if (std::ranges::any_of(best, [&](const State& other) {
          return problem.warp().motion(there, other) < problem.grid().scale / 2;
        }))
      continue;
    best.push_back(std::move(there));
  }
  for (State& there : best) problem.warp().to_full(there);
  return best;
}

bool CoarseLevels::could_match(const State& state) {
  const Stopwatch::Lap lap = problems_.stopwatch().lap(Stage::coarse_levels);
  LevelProblem problem = problems_.at(1, Kernel::linear, state);
  State at_level = state;
  problem.warp().to_level(at_level);
  problem.select_part(problem.grid().width * problem.grid().height > many_pixels);
  if (is_robust()) {
    const double scale =
        options_.loss_scale > 0 ? options_.loss_scale : residual_scale(problem, at_level);
    problem.set_threshold(options_.tuning * scale);
  }
  return !(significance(problem, at_level) <= significant);
}

}  // namespace photalign
