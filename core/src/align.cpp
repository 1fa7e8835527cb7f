#include "photalign/align.hpp"

#include <algorithm>
#include <cmath>
#include <cstring>
#include <limits>
#include <optional>
#include <utility>

#include "photalign/coarse_levels.hpp"
#include "photalign/finest_level.hpp"
#include "photalign/instrument.hpp"
#include "photalign/texture.hpp"

namespace photalign {
namespace {

// Estimates less than so many pixels apart are one, as far as the steps from there are concerned.
constexpr double same = 0.25;
// Below this standard deviation, in pixels, the bias of a cubic kernel is no longer hidden in the
// noise.
constexpr double bias_of_kernel = 2e-3;
// The loss must fall by this share to make up for gains and biases fitted to different pixels.
constexpr double least_gain = 0.02;
// A start no more tolerances than this away from the result differs from it by rounding.
constexpr double rounding_steps = 10;
// Motions of fewer standard deviations are within the noise, as long as these are below a pixel or
// so.
constexpr double few_deviations = 3;
constexpr double certain = 0.5;
// A warp with a larger standard deviation at a corner, in pixels, is not determined.
constexpr double uncertain = 5;
// Of the information about some direction; its covariance would be made up by the noise.
constexpr double most_scatter = 0.25;
constexpr double chance = 6;         // correlations of fewer standard deviations may be chance
constexpr double noise_width = 0.2;  // pixels, at least
constexpr double alike = 0.9;        // correlation
// Of the texture; where more of it agrees, no outlier can have led astray.
constexpr double clear_view = 0.95;
// Images that match with less probability than this are not taken for a match.
constexpr double confident = 0.4;
// Nor are those that agree in less than this share of their texture.
constexpr double least_agreement = 0.3;

class Alignment {
 public:
  Alignment(const AlignImages& images, const AlignOptions& options, const Execution& execution,
            const StepCallback& on_step)
      : images_(images),
        options_(options),
        on_step_([this, &on_step](const StepRecord& step) {
          steps_.push_back(step);
          if (on_step) on_step(step);
        }),
        problems_(images, options, execution, stopwatch_),
        coarse_levels_(problems_, options, on_step_),
        offset_(problems_.offset()) {
    stopwatch_.enter(Stage::other);
  }

  Alignment(const Alignment&) = delete;
  Alignment& operator=(const Alignment&) = delete;

  AlignResult run(const WarpStart& start) {
    const auto channels = static_cast<std::size_t>(images_.reference.channels);
    const State begin{start.matrix, start.params, std::vector<double>(channels, 1.0),
                      std::vector<double>(channels, 0.0)};
    AlignResult found = options_.levels > 1 ? from_above(begin) : from_afar(begin, begin);
    found.steps = std::move(steps_);
    found.stages = stopwatch_.records();
    return found;
  }

 private:
  // From coarse to fine. Where everything agrees nothing is in the way, and a robust loss needs to
  // try no more than one way down. Where the way leads astray, other ways down are tried, and only
  // where none of them leads near, the damped loop has to find its way at full resolution.
  AlignResult from_above(const State& begin) {
    const bool is_robust = options_.loss != LossKind::squared;
    if (is_robust) {
      std::optional<AlignResult> clear =
          from_near_reweighted(begin, coarse_levels_.descend_plainly(begin));
      if (clear && clear->status == Status::converged &&
          clear->findings.evidence.agreement > clear_view)
        return *std::move(clear);
    }
    State state = coarse_levels_.descend(begin);
    std::optional<AlignResult> near =
        is_robust ? from_near_reweighted(begin, state) : from_near(begin, state);
    if (near && near->status == Status::converged) return *std::move(near);
    const State other = coarse_levels_.search(begin, state);
    if (moved(state, other) > same) {
      state = other;
      std::optional<AlignResult> also = from_near(begin, state);
      if (also && (!near || also->status == Status::converged)) near = std::move(also);
      if (near && near->status == Status::converged) return *std::move(near);
    }
    AlignResult last = from_afar(begin, state);
    return near && last.status != Status::converged ? *std::move(near) : last;
  }

  // Redescending weights make Newton's steps uncertain, so that they say little of the way here.
  std::optional<AlignResult> from_near_reweighted(const State& begin, const State& state) {
    std::optional<AlignResult> near = from_near(begin, state);
    if (near) return near;
    const Exploration nearer = explored(state);
    if (nearer.status == Status::converged) near = from_near(begin, nearer.state);
    return near;
  }

  double moved(const State& from, const State& to) {
    return problems_.at(0, options_.kernel, from).warp().motion(from, to);
  }

  // At full resolution, from `state` to the result, or to the start if that is better. Nothing if
  // Newton's steps do not shrink.
  std::optional<AlignResult> from_near(const State& begin, const State& state) {
    return settled(begin, state, options_.kernel);
  }

  std::optional<AlignResult> settled(const State& begin, const State& state, Kernel kernel) {
    const Stopwatch::Lap lap = stopwatch_.lap(Stage::finest_steps);
    LevelProblem problem = finest_problem(kernel, state);
    FinestLevel finest(problem, options_, problems_.loop_options(0), on_step_);
    std::optional<Approach> approach = finest.approach(state);
    if (!approach) return {};
    if (kernel != options_.last_kernel &&
        needs_last_kernel(approach->deviation, approach->is_clean)) {
      std::optional<AlignResult> last = settled(begin, approach->state, options_.last_kernel);
      if (last) return last;
    }
    std::optional<Ending> ending = finest.settle(*std::move(approach));
    if (!ending) return {};
    return with_last_kernel(begin, finish(begin, problem, *ending, kernel), *ending, kernel);
  }

  // With the damped loop, as long as there is hope.
  AlignResult from_afar(const State& begin, const State& state) {
    if (options_.levels == 1) return descended(begin, state, options_.kernel);
    if (!coarse_levels_.could_match(state)) {
      AlignResult result = given_up(begin, state, Status::no_descent);
      if (result.status == Status::no_match) return result;
    }
    const Exploration nearer = explored(state);
    if (!nearer.is_promising) return given_up(begin, nearer.state, nearer.status);
    std::optional<AlignResult> result = from_near(begin, nearer.state);
    return result ? *std::move(result) : descended(begin, nearer.state, options_.kernel);
  }

  Exploration explored(const State& state) {
    const Stopwatch::Lap lap = stopwatch_.lap(Stage::finest_steps);
    LevelProblem problem = finest_problem(options_.kernel, state);
    return FinestLevel(problem, options_, problems_.loop_options(0), on_step_).explore(state);
  }

  AlignResult descended(const State& begin, const State& state, Kernel kernel) {
    const Stopwatch::Lap lap = stopwatch_.lap(Stage::finest_steps);
    LevelProblem problem = finest_problem(kernel, state);
    Ending ending =
        FinestLevel(problem, options_, problems_.loop_options(0), on_step_).descend(state);
    AlignResult result = finish(begin, problem, ending, kernel);
    return with_last_kernel(begin, std::move(result), ending, kernel);
  }

  // Without a step.
  AlignResult given_up(const State& begin, const State& state, Status status) {
    const Stopwatch::Lap lap = stopwatch_.lap(Stage::finest_steps);
    LevelProblem problem = finest_problem(options_.kernel, state);
    Ending ending =
        FinestLevel(problem, options_, problems_.loop_options(0), on_step_).stay(state, status);
    return finish(begin, problem, ending, options_.kernel);
  }

  // Only at the end it is known that the other kernel is needed, or the gentle one lost its way.
  AlignResult with_last_kernel(const State& begin, AlignResult result, const Ending& ending,
                               Kernel kernel) {
    const bool converged = result.status == Status::converged;
    const bool is_needed = converged ? needs_last_kernel(result.deviation, ending.is_clean)
                                     : result.status == Status::no_descent;
    if (kernel == options_.last_kernel || !is_needed) return result;
    std::optional<AlignResult> last;
    if (converged) last = settled(begin, ending.state, options_.last_kernel);
    if (!last) last = descended(begin, ending.state, options_.last_kernel);
    return last->status == Status::converged || !converged ? *std::move(last) : result;
  }

  LevelProblem finest_problem(Kernel kernel, const State& state) {
    LevelProblem problem = problems_.at(0, kernel, state);
    if (options_.pixels > 0) {
      if (!chosen_) chosen_ = Selection::informative(Texture(problem, state), options_.pixels);
      problem.limit_to(*chosen_);
    }
    return problem;
  }

  // The kernel of the first steps at full resolution is the more efficient. Its bias shows under
  // little noise, if the images have none of their own, from aliasing.
  static bool needs_last_kernel(double deviation, bool is_clean) {
    return deviation < bias_of_kernel && is_clean;
  }

  AlignResult finish(const State& begin, LevelProblem& problem, Ending& ending, Kernel kernel) {
    State first = begin;
    if (problem.has_brightness()) adjust_brightness(problem, first);
    if (options_.brightness == Brightness::normalized) {
      adjust_brightness(problem, ending.state);
      if (ending.scale > 0 && options_.loss_scale == 0)
        ending.scale = residual_scale(problem, ending.state);
      problem.set_threshold(options_.tuning * ending.scale);
      conclude_at(problem, ending);
    }
    doubt_samples(problem, ending);
    const double gained = least_descent(problem, ending, first);
    const double apart = problem.warp().motion(first, ending.state);
    const bool is_same = apart <= rounding_steps * options_.step_tol;
    const auto at_first = [&] {
      ending.state = first;
      if (!is_same) ending.noise = study_noise(problem, first);
      conclude_at(problem, ending);
      doubt_samples(problem, ending);
      return described(problem, ending, kernel);
    };
    if (gained < -1e-6) {
      ending.stalled = apart;
      if (ending.status == Status::converged && !is_same) ending.status = Status::no_descent;
      return at_first();
    }
    AlignResult result = described(problem, ending, kernel);
    // Gain and bias were fitted to each warp's own valid pixels, so that the comparison is not
    // exact. A result that is no alignment gets no benefit of the doubt.
    const bool doubtful = problem.has_brightness() && gained < least_gain;
    if (result.status == Status::converged || !doubtful) return result;
    ending.status = result.status;
    return at_first();
  }

  // Where the samples hold too little of the texture, the noise is that of all pixels.
  static void doubt_samples(LevelProblem& problem, Ending& ending) {
    if (ending.conclusion.is_told_by(ending.noise)) return;
    ending.noise = study_all_noise(problem, ending.concluded);
    conclude_at(problem, ending);
  }

  static void conclude_at(LevelProblem& problem, Ending& ending) {
    ending.conclusion = conclude(problem, ending.state, &ending.noise);
    ending.concluded = ending.state;
  }

  // By which share the loss fell from `first` to the end, over the pixels valid for both, at least.
  // Most starts are so much worse that a few rows show it: losses are not negative, so that the
  // sum over these bounds the start's from below, and the sum over all that of the result from
  // above.
  static double least_descent(LevelProblem& problem, const Ending& ending, const State& first) {
    const Stopwatch::Lap lap = problem.stopwatch().lap(Stage::comparison);
    const double rho = ending.conclusion.review.total.rho;
    problem.select_part(true);
    double before = 0;
    const std::int64_t rows = problem.selection().rows();
    for (std::int64_t row = rows / 2, count = 1; row < rows; row += count, count *= 2) {
      before += compare_rows(problem, ending.state, first, row, std::min(count, rows - row))
                    .both_rho_previous;
      if (1 - rho / before > least_gain) break;
    }
    problem.select_part(false);
    if (1 - rho / before > least_gain) return 1 - rho / before;
    const CommonLosses all =
        compare_rows(problem, ending.state, first, 0, problem.selection().rows());
    return all.both_rho_previous > 0 ? 1 - all.both_rho / all.both_rho_previous : 0;
  }

  AlignResult described(LevelProblem& problem, const Ending& ending, Kernel kernel) const {
    const Review& last = ending.conclusion.review;
    const State& state = ending.state;
    AlignResult result;
    result.warp = state.warp;
    result.params = state.params;
    result.kernel = kernel;
    result.scale = ending.scale;
    result.overlap = last.overlap();
    result.cost = last.total.rho / 2;
    result.rms = last.rms();
    result.correlation = last.correlation(ending.concluded);
    for (std::size_t c = 0; c < state.gain.size(); ++c) {
      result.gain.push_back(state.gain[c]);
      result.bias.push_back(state.bias[c] + offset_ * (1 - state.gain[c]));
    }
    {
      const Stopwatch::Lap lap = problem.stopwatch().lap(Stage::covariance);
      Uncertainty uncertainty =
          uncertainty_of(problem.warp(), state, covariance_of(ending.conclusion));
      result.covariance = std::move(uncertainty.covariance);
      std::memcpy(result.corner_std, uncertainty.corner_std, sizeof result.corner_std);
      result.deviation = uncertainty.deviation;
      // What nothing but noise tells of a motion is as uncertain as the noise is wide.
      // Of a robust loss, whose curvature is no sum of squares, this is not known.
      if (options_.loss == LossKind::squared && result.deviation > noise_width &&
          scatter_of_information(ending.conclusion, ending.noise) > most_scatter)
        result.deviation = std::numeric_limits<double>::infinity();
    }
    result.findings = findings_of(ending.conclusion.blocks, ending.concluded);
    result.pixels = last.total.pixels;
    result.pixels_per_degree = ending.noise.samples_per_degree();
    result.kept = last.total.weights / last.total.one;
    result.edges = edge_ratio(last.total);
    const LevelGrid& grid = problem.grid();
    const Whole whole{result.correlation, result.overlap,
                      result.deviation / static_cast<double>(std::max(grid.width, grid.height))};
    const auto confidence = [&](const Evidence& evidence) {
      return confidence_of(evidence, whole);
    };
    // The scale that is surer.
    Findings& found = result.findings;
    if (found.wide && confidence(*found.wide) > confidence(found.evidence))
      found.evidence = *found.wide;
    // A negative agrees in detail, but it does not match.
    result.confidence = result.correlation > 0 ? confidence(found.evidence) : 0;
    result.status = judged(ending, result);
    return result;
  }

  // The best brightness for the warp of `state`, whatever its residuals may be.
  void adjust_brightness(LevelProblem& problem, State& state) const {
    problem.set_loss(LossKind::squared);
    const Evaluation here = problem.evaluate(state);
    problem.set_loss(options_.loss);
    if (options_.brightness == Brightness::normalized)
      match_contrast(here, state);
    else
      fit_gain_bias(here, state);
  }

  // Whether the steps that were cut off would not have gone further than the noise lets one tell.
  bool is_nearly_there(double deviation) const {
    constexpr double longest_ratio = 0.95, share = 0.5;
    const std::size_t n = steps_.size();
    if (n < 2 || steps_[n - 1].level != 0 || steps_[n - 2].level != 0) return false;
    const double motion = steps_[n - 1].motion;
    const double ratio = std::min(motion / steps_[n - 2].motion, longest_ratio);
    return motion * ratio / (1 - ratio) < share * std::min(deviation, certain);
  }

  Status judged(const Ending& ending, const AlignResult& result) const {
    if (!std::isfinite(result.cost)) return Status::nonfinite;
    // Under noise the loss is least near, not at, the point where the steps vanish. Within what the
    // images can tell, either is the result.
    const double deviation = result.deviation;
    const bool within_noise = ending.status == Status::no_descent && deviation < certain &&
                              ending.stalled < few_deviations * deviation;
    const bool settled = ending.status == Status::converged || within_noise ||
                         (ending.status == Status::step_limit && is_nearly_there(deviation));
    if (!settled && ending.status != Status::no_descent && ending.status != Status::step_limit)
      return ending.status;
    if (result.overlap < options_.min_overlap) return Status::too_little_overlap;
    // What was cut off may yet have become a match.
    if (!settled && ending.status == Status::step_limit && result.correlation > 0)
      return Status::step_limit;
    // Student's t of a correlation, with as many samples as there are uncorrelated residuals.
    const double r = result.correlation, degrees = result.pixels / result.pixels_per_degree;
    const bool significant = r > 0 && r * r * degrees > chance * chance * (1 - r * r);
    if (!significant || !(result.confidence > confident) ||
        !(result.findings.evidence.agreement > least_agreement))
      return Status::no_match;
    if (!settled) return ending.status;
    // Images that agree, and yet leave the warp open, lack texture; others do not agree where they
    // have some.
    if (!(deviation < uncertain))
      return result.correlation > alike ? Status::too_little_texture : Status::no_match;
    return Status::converged;
  }

  const AlignImages& images_;
  const AlignOptions& options_;
  StepCallback on_step_;
  Stopwatch stopwatch_{Stage::pyramid};
  LevelProblems problems_;
  CoarseLevels coarse_levels_;
  double offset_;
  std::vector<StepRecord> steps_;
  std::optional<Selection> chosen_;  // the pixels that are used, if not all
};

}  // namespace

AlignResult align(const AlignImages& images, const AlignOptions& options, const WarpStart& start,
                  const Execution& execution, const StepCallback& on_step) {
  return Alignment(images, options, execution, on_step).run(start);
}

}  // namespace photalign
