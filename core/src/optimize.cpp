#include "photalign/optimize.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

namespace photalign {
namespace {

constexpr double damping_factor = 10;
constexpr double least_damping = 1e-7;
constexpr double most_damping = 1e6;
constexpr double telling_damping = 1e-2;  // less does not make a step that failed another one
constexpr double least_share = 1e-3;      // of a Gauss-Newton step, after halving
constexpr double rounding = 1e-7;         // of a sum of float32 terms, relative
constexpr double noise = 1e-3;            // of the loss, relative: what interpolation makes of it
constexpr double near = 0.25;             // pixels of the level
constexpr double scale_change = 0.02;     // relative: below this the loss's scale is settled
constexpr int scale_rounds = 3;
constexpr double stalled = 100;  // steps that fail are the noise floor up to this many tolerances
constexpr double coarse_stalled = 10;  // the same on coarse levels, where the next level goes on
constexpr double tightening = 2;       // of the threshold, from step to step
constexpr std::int64_t few_residuals = 10000;
constexpr double least_scale = 1e-15;  // of a loss: its square is a float32
constexpr double most_repeated =
    0.5;  // share of a step that the next may repeat to be extrapolated

bool is_finite(const State& state) {
  const auto finite = [](double v) { return std::isfinite(v); };
  return std::all_of(state.warp.begin(), state.warp.end(), finite) &&
         std::all_of(state.params.begin(), state.params.end(), finite) &&
         std::all_of(state.gain.begin(), state.gain.end(), finite) &&
         std::all_of(state.bias.begin(), state.bias.end(), finite);
}

// How far the next step goes: Levenberg-Marquardt's damping or, for Gauss-Newton, a share of the
// step.
class StepControl {
 public:
  explicit StepControl(double damping) : damping_(damping), gauss_newton_(damping == 0) {}

  double damping() const { return damping_; }
  double share() const { return share_; }
  void accepted() {
    damping_ = gauss_newton_ ? 0 : std::max(damping_ / damping_factor, least_damping);
    share_ = 1;
  }
  void rejected() {
    if (gauss_newton_)
      share_ /= 2;
    else
      damping_ = std::max(damping_ * damping_factor, telling_damping);
  }
  bool exhausted() const { return damping_ > most_damping || share_ < least_share; }

 private:
  double damping_;
  double share_ = 1;
  bool gauss_newton_;
};

class Loop {
 public:
  Loop(LevelProblem& problem, State start, const LoopOptions& options, const StepCallback& on_step)
      : problem_(problem),
        options_(options),
        on_step_(on_step),
        near_(problem.pass().composition),
        state_(std::move(start)) {}

  LoopResult run() {
    if (options_.far) problem_.set_composition(*options_.far);
    const Status status = iterate();
    problem_.set_composition(near_);
    return {status, state_, scale_, first_motion_};
  }

 private:
  bool robust() const { return problem_.pass().loss != LossKind::squared; }
  bool estimates_scale() const { return robust() && options_.loss_scale == 0; }

  void use_scale(double scale) {
    scale_ = scale;
    problem_.set_threshold(options_.tuning * scale_);
  }
  double scale_here() {
    return options_.loss_scale > 0 ? options_.loss_scale : residual_scale(problem_, state_);
  }

  void begin() {
    if (problem_.has_brightness()) adjust_brightness();
    if (robust()) {
      const double scale = scale_here();
      is_wide_ = options_.is_graduated;
      use_scale(is_wide_ ? std::max(scale, convex_scale()) : scale);
    }
    here_ = problem_.evaluate(state_);
  }

  // Contrast and mean first, without the loss: a wrong gain would look like outliers everywhere.
  // But outliers may be what makes them different; then more residuals are small without.
  void adjust_brightness() {
    const LossKind loss = problem_.pass().loss;
    problem_.set_loss(LossKind::squared);
    State matched = state_;
    match_contrast(problem_.evaluate(state_), matched);
    problem_.set_loss(loss);
    if (robust() && residual_scale(problem_, state_) < residual_scale(problem_, matched)) return;
    state_ = std::move(matched);
  }

  // With which no residual is beyond the point where the influence of redescending losses begins to
  // fall.
  double convex_scale() {
    constexpr double turn = 0.4;  // in units of the threshold, about, for all of them
    const std::vector<float> residuals = problem_.residuals(state_, few_residuals);
    if (residuals.empty()) return 0;
    return *std::ranges::max_element(residuals) / turn / options_.tuning;
  }

  // Graduated non-convexity (Blake and Zisserman, 1987; Black and Rangarajan, 1996): step by step
  // the threshold comes down to where the residuals are.
  void tighten() {
    const double wanted = scale_here(), next = scale_ / tightening;
    is_wide_ = next > wanted;
    use_scale(std::max(wanted, next));
    here_ = problem_.evaluate(state_);
    accepted_ = false;  // the next step has nothing to do with the last
  }

  // True if the loss's scale had still to be corrected, so that the loop must go on.
  bool rescaled() {
    if (is_wide_) {
      tighten();
      return true;
    }
    if (!estimates_scale() || ++rounds_ > scale_rounds) return false;
    const double before = scale_;
    use_scale(scale_here());
    if (std::abs(scale_ - before) <= scale_change * before) return false;
    here_ = problem_.evaluate(state_);
    accepted_ = false;  // the next step has nothing to do with the last
    return true;
  }

  double pixel() const { return static_cast<double>(std::int64_t{1} << options_.level); }

  void come_near() {
    if (problem_.pass().composition == near_) return;
    problem_.set_composition(near_);
    here_ = problem_.evaluate(state_);
    accepted_ = false;  // the next step has nothing to do with the last
  }

  // No step goes on from here: the end, unless it was only damping that made the steps small.
  Status settled() const {
    return first_motion_ < stalled * options_.step_tol ? Status::converged : Status::no_descent;
  }

  void report(double motion, double damping, bool accepted) {
    if (!on_step_) return;
    on_step_({options_.level, steps_, here_.mean_loss() / 2, motion, damping, here_.overlap(),
              scale_, problem_.selected(), accepted});
  }

  Status iterate() {
    begin();
    StepControl control(options_.damping);
    bool fresh = true;
    while (steps_ < options_.max_steps) {
      if (!std::isfinite(here_.total.rho)) return Status::nonfinite;
      if (!(here_.overlap() >= options_.min_overlap)) return Status::too_little_overlap;
      std::vector<double> step = solved(control.damping());
      if (step.empty()) return Status::too_little_texture;
      for (double& v : step) v *= control.share();
      if (accepted_) extrapolate(step);
      const State candidate = problem_.stepped(state_, step);
      ++steps_;
      const double damping = control.damping();
      const double motion =
          is_finite(candidate) ? problem_.warp().motion(state_, candidate) : HUGE_VAL;
      if (fresh) first_motion_ = motion;
      if (still_to_come(motion) < options_.step_tol) {
        state_ = candidate;
        report(motion, damping, true);
        if (rescaled()) {
          fresh = true;
          continue;
        }
        return fresh ? Status::converged : settled();
      }
      bool accepted = false;
      if (std::isfinite(motion)) {
        Evaluation there = problem_.evaluate(candidate, &state_, &here_);
        accepted =
            there.overlap() >= options_.min_overlap && there.total.both > 0 &&
            (fell(there, rounding) || (fell(there, noise) && contracts(candidate, there, motion)));
        if (accepted) {
          state_ = candidate;
          here_ = std::move(there);
        }
      }
      report(motion, damping, accepted);
      fresh = accepted_ = accepted;
      last_step_ = std::move(step);
      last_motion_ = motion;
      if (accepted) {
        control.accepted();
        if (motion < pixel()) come_near();
        if (is_wide_) tighten();
      } else {
        if (options_.level > 0 && motion < coarse_stalled * options_.step_tol && !robust())
          return Status::converged;
        control.rejected();
        if (control.exhausted()) {
          if (rescaled()) {
            control = StepControl(options_.damping);
            fresh = true;
            continue;
          }
          return settled();
        }
      }
    }
    return Status::step_limit;
  }

  std::vector<double> solved(double damping) {
    const Stopwatch::Lap lap = problem_.stopwatch().lap(Stage::solving);
    return problem_.equations(here_).solve(damping);
  }

  // Whether the loss over the pixels valid for both did not rise by more than a share.
  static bool fell(const Evaluation& there, double share) {
    return there.total.both_rho <= there.total.both_rho_previous * (1 + share);
  }

  // Whether the step after one of `motion` would be much shorter. Where interpolation averages
  // noise the loss is least beside the point where the steps vanish, which is the estimate.
  bool contracts(const State& candidate, const Evaluation& there, double motion) const {
    if (motion > near * pixel()) return false;
    const std::vector<double> next = problem_.equations(there).solve(0);
    if (next.empty()) return false;
    const State after = problem_.stepped(candidate, next);
    return is_finite(after) && problem_.warp().motion(candidate, after) < most_repeated * motion;
  }

  // Noise in the gradient makes every step too short by the same share, and each next one repeats
  // that share of the last (Aitken's process, for vectors: Irons and Tuck, 1969).
  void extrapolate(std::vector<double>& step) const {
    double repeated = 0, square = 0;
    for (std::size_t i = 0; i < problem_.warp().parameters(); ++i) {
      repeated += step[i] * last_step_[i];
      square += last_step_[i] * last_step_[i];
    }
    const double share = std::min(repeated / square, most_repeated);
    if (!(share > 0)) return;
    for (double& v : step) v /= 1 - share;
  }

  // The motion after a step, if steps go on shrinking as this one did; the step itself if they do
  // not.
  double still_to_come(double motion) const {
    if (!accepted_) return motion;
    const double ratio = motion / last_motion_;
    return ratio < most_repeated ? motion * ratio / (1 - ratio) : motion;
  }

  LevelProblem& problem_;
  const LoopOptions& options_;
  const StepCallback& on_step_;
  Composition near_;
  State state_;
  Evaluation here_;
  double scale_ = 0;
  bool is_wide_ = false;  // the threshold has still to be tightened
  int steps_ = 0;
  int rounds_ = 0;
  bool accepted_ = false;
  std::vector<double> last_step_;
  double last_motion_ = 0;
  double first_motion_ = 0;  // of the least damped step from `state_`
};

// Standard deviation of the normal distribution that residuals near 0 are drawn from, whatever the
// others are: where the mean square of those within a cut agrees with it, from the first quartile
// on (Bab-Hadiashar and Suter, 1999).
double scale_of_core(std::vector<float> residuals) {
  constexpr double quartile = 0.3186;  // of |r|, in standard deviations
  constexpr double cut = 2.5;
  constexpr double within_cut = 0.9113;  // variance of what is within
  constexpr int rounds = 20;
  const auto at = residuals.begin() + static_cast<std::ptrdiff_t>(residuals.size() / 4);
  std::nth_element(residuals.begin(), at, residuals.end());
  double scale = *at / quartile;
  for (int round = 0; round < rounds; ++round) {
    const auto limit = static_cast<float>(cut * scale);
    float squares = 0, count = 0;
    for (const float r : residuals) {
      const bool inside = r <= limit;
      squares += inside ? r * r : 0;
      count += inside ? 1 : 0;
    }
    const double next = std::sqrt(squares / count / within_cut);
    const bool settled = !(std::abs(next - scale) > 1e-3 * scale);
    scale = next;
    if (settled) break;
  }
  return scale;
}

}  // namespace

LoopResult optimize(LevelProblem& problem, State start, const LoopOptions& options,
                    const StepCallback& on_step) {
  return Loop(problem, std::move(start), options, on_step).run();
}

void match_contrast(const Evaluation& at, State& state) {
  for (std::size_t c = 0; c < at.channels.size(); ++c) {
    const Sums& s = at.channels[c];
    if (!(s.w > 0)) continue;
    const double g = state.gain[c];
    const double mean_m = s.wm / s.w, mean_r = s.wr / s.w;
    const double var_m = s.wmm / s.w - mean_m * mean_m;
    const double var_r = s.wrr / s.w - mean_r * mean_r;
    const double cov = s.wmr / s.w - mean_m * mean_r;
    // reference = g m + b - r
    const double var_reference = g * g * var_m - 2 * g * cov + var_r;
    const double mean_reference = g * mean_m + state.bias[c] - mean_r;
    const double ratio = std::sqrt(var_reference / var_m);
    if (!std::isfinite(ratio) || ratio <= 0) continue;
    state.gain[c] = ratio;
    state.bias[c] = mean_reference - ratio * mean_m;
  }
}

void fit_gain_bias(const Evaluation& at, State& state) {
  for (std::size_t c = 0; c < at.channels.size(); ++c) {
    const Sums& s = at.channels[c];
    const double determinant = s.wmm * s.w - s.wm * s.wm;
    const double gain = (s.wm * s.wr - s.w * s.wmr) / determinant;
    const double bias = (s.wm * s.wmr - s.wmm * s.wr) / determinant;
    if (!std::isfinite(gain) || !std::isfinite(bias)) continue;
    state.gain[c] += gain;
    state.bias[c] += bias;
  }
}

double residual_scale(LevelProblem& problem, const State& state) {
  const std::vector<float> residuals = problem.residuals(state, few_residuals);
  const DType dtype = problem.pass().reference.dtype;
  const bool is_rounded = dtype == DType::u8 || dtype == DType::u16;
  const double least = is_rounded ? 0.1 : least_scale;
  if (residuals.empty()) return least;
  // Squares in units of the scale's must be float32, also where most residuals are 0.
  const double largest = *std::ranges::max_element(residuals);
  return std::max(
      {scale_of_core(residuals), least, std::numeric_limits<float>::epsilon() * largest});
}

}  // namespace photalign
