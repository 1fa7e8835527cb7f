// Hot file: from samples and the motion of their points to normal equations. Compiled once per
// instruction set.
//
// With g the gradient of a channel and J the Jacobian of a point, (axis, parameter), g'J is the row
// of the channel in the Jacobian of the residuals. It is formed if there is one channel only. Else
// S = sum over the channels of w g g' comes first, so that J'SJ costs the same for any number of
// them.
#include "photalign/motion_rows.hpp"
#include "photalign/row_products.hpp"
#include "photalign/weighing.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

constexpr std::int64_t least_at_once = 8;
constexpr std::int64_t most_at_once = 64;

// How everything of a run lies in the scratch.
struct Layout {
  std::int64_t parameters, unknowns;
  std::int64_t left_size;   // of a row: the unknowns and the residual
  std::int64_t right_size;  // of a row of the Jacobian of a point
  std::int64_t products;    // unknowns and residual, by what is on the right
  std::int64_t rows_per_point;
  std::int64_t at_once;    // points of a block, whose rows stay in the nearest cache
  std::int64_t residuals;  // of a block

  explicit Layout(const SampledRun& run)
      : parameters(run.jacobian.parameters),
        unknowns(run.unknowns()),
        left_size(padded(unknowns + 1)),
        right_size(padded(parameters)) {
    const bool alone = run.channels == 1;
    products = (unknowns + 1) * padded(alone ? unknowns : parameters);
    rows_per_point = alone ? 1 : run.dimension;
    const std::int64_t fitting = 2048 / (rows_per_point * left_size + run.dimension * right_size);
    at_once = fitting < least_at_once  ? least_at_once
              : fitting > most_at_once ? most_at_once
                                       : fitting;
    residuals = padded(at_once * run.channels);
  }
};

double* take(double*& scratch, std::int64_t count) {
  double* mine = scratch;
  scratch += count;
  for (std::int64_t i = 0; i < count; ++i) mine[i] = 0;
  return mine;
}

template <class S, int D>
class Accumulator {
 public:
  Accumulator(const SampledRun& run, double* scratch, const EquationSums& sums)
      : run_(run), sums_(sums), layout_(run) {
    products_ = take(scratch, layout_.products);
    left_ = take(scratch, layout_.at_once * layout_.rows_per_point * layout_.left_size);
    right_ = take(scratch, layout_.at_once * D * layout_.right_size);
    motion_ = take(scratch, layout_.at_once * D * layout_.right_size);
    gain_ = take(scratch, layout_.residuals);
    bias_ = take(scratch, layout_.residuals);
    weighed_.value = take(scratch, layout_.residuals);
    weighed_.residual = take(scratch, layout_.residuals);
    weighed_.weight = take(scratch, layout_.residuals);
    weighed_.room = take(scratch, layout_.residuals);
    const Observations& o = run.observations;
    for (std::int64_t i = 0; i < layout_.at_once * run.channels; ++i) {
      gain_[i] = o.gain[i % run.channels];
      bias_[i] = o.bias[i % run.channels];
    }
  }

  void add() {
    for (std::int64_t first = 0; first < run_.count; first += layout_.at_once) {
      const std::int64_t left = run_.count - first;
      const std::int64_t count = left < layout_.at_once ? left : layout_.at_once;
      weigh<S>(run_, first, count, gain_, bias_, weighed_, sums_.totals);
      const MotionRows motion = motion_rows(run_.jacobian, first, count, D, motion_);
      if (run_.channels == 1)
        add_channel(first, count, motion);
      else if (run_.channels == 3)
        add_channels<3>(first, count, motion);
      else
        add_channels<0>(first, count, motion);
    }
    hand_over();
  }

 private:
  // Over the channels of a point: w g g', w r g and w.
  struct PointSums {
    double square[D][D], pull[D], weight;
  };

  const S* gradient(std::int64_t point) const {
    return static_cast<const S*>(run_.gradients) + point * run_.channels * D;
  }

  // Rows of the residuals' Jacobian and the residual, times the root of the weight.
  void add_channel(std::int64_t first, std::int64_t count, const MotionRows& motion) {
    constexpr int width = lanes_of<double>;
    const std::int64_t parameters = layout_.parameters;
    const std::int64_t residual = layout_.unknowns;
    const bool solves_brightness = residual > parameters;
    const double gain = gain_[0];
    double* row = left_;
    for (std::int64_t i = 0; i < count; i += width)
      store(weighed_.room + i, square_root(load(weighed_.weight + i)));
    const S* g = gradient(first);
    for (std::int64_t k = 0; k < count; ++k, g += D) {
      const double root = weighed_.room[k];
      if (root == 0) continue;  // whatever the Jacobian is
      const double* from = motion.data + k * motion.point_stride;
      Double slope[D];
      for (int a = 0; a < D; ++a) slope[a] = splat(root * gain * static_cast<double>(g[a]));
      for (std::int64_t p = 0; p < parameters; p += width) {
        Double change = slope[0] * load(from + p);
        for (int a = 1; a < D; ++a) change += slope[a] * load(from + a * motion.axis_stride + p);
        store(row + p, change);
      }
      if (solves_brightness) {
        row[parameters] = root * weighed_.value[k];
        row[parameters + 1] = root;
      }
      row[residual] = root * weighed_.residual[k];
      row += layout_.left_size;
    }
    add_products({.left = left_,
                  .right = left_,
                  .left_count = residual + 1,
                  .left_stride = layout_.left_size,
                  .right_count = residual,
                  .right_stride = layout_.left_size,
                  .rows = (row - left_) / layout_.left_size},
                 products_);
  }

  // On the right the Jacobian of the point, on the left the sums over the channels times it. There
  // are `fixed` channels, or as many as the run says if that is 0.
  template <int fixed>
  void add_channels(std::int64_t first, std::int64_t count, const MotionRows& motion) {
    const std::int64_t channels = fixed ? fixed : run_.channels;
    const std::int64_t parameters = layout_.parameters;
    double* left = left_;
    double* right = right_;
    const S* g = gradient(first);
    // All sums before all rows: a row would wait for its own sums.
    for (std::int64_t k = 0; k < count; ++k)
      sum_channels(k * channels, channels, g + k * channels * D, sums_of_points_[k]);
    for (std::int64_t k = 0; k < count; ++k, g += channels * D) {
      const PointSums& sums = sums_of_points_[k];
      if (sums.weight == 0) continue;  // whatever the Jacobian is
      const double* from = motion.data + k * motion.point_stride;
      write_rows(sums, from, motion.axis_stride, left, right);
      for (int a = 0; a < D; ++a) {
        if (layout_.unknowns > parameters) write_brightness(k, g + a, left + parameters);
        left[layout_.unknowns] = sums.pull[a];
        left += layout_.left_size;
        right += layout_.right_size;
      }
    }
    add_products({.left = left_,
                  .right = right_,
                  .left_count = layout_.unknowns + 1,
                  .left_stride = layout_.left_size,
                  .right_count = parameters,
                  .right_stride = layout_.right_size,
                  .rows = (left - left_) / layout_.left_size},
                 products_);
    if (layout_.unknowns > parameters) add_brightness(count);
  }

  // A row for each axis. (Not inlined, there are registers enough.)
  [[gnu::noinline]] void write_rows(const PointSums& sums, const double* from, std::int64_t stride,
                                    double* left, double* right) const {
    for (std::int64_t p = 0; p < layout_.parameters; p += lanes_of<double>) {
      Double motion[D];
#pragma GCC unroll 3
      for (int a = 0; a < D; ++a) motion[a] = load(from + a * stride + p);
#pragma GCC unroll 3
      for (int a = 0; a < D; ++a) {
        Double change = sums.square[a][0] * motion[0];
#pragma GCC unroll 3
        for (int b = 1; b < D; ++b) change += sums.square[a][b] * motion[b];
        store(left + a * layout_.left_size + p, change);
        store(right + a * layout_.right_size + p, motion[a]);
      }
    }
  }

  // Of the residuals from `first` on.
  [[gnu::always_inline]] void sum_channels(std::int64_t first, std::int64_t channels, const S* g,
                                           PointSums& sums) const {
    const double* weight = weighed_.weight + first;
    const double* residual = weighed_.residual + first;
    if constexpr (D == 2) {
      // Both coordinates at a time: the compiler shuffles more than it computes.
      using Pair = double __attribute__((vector_size(16)));
      Pair squares{}, mixed{}, pull{};
      double all = 0;
      for (std::int64_t c = 0; c < channels; ++c) {
        const Pair slope =
            Pair{static_cast<double>(g[2 * c]), static_cast<double>(g[2 * c + 1])} * gain_[c];
        const Pair weighted = slope * weight[c];
        squares += weighted * slope;
        mixed += weighted * Pair{slope[1], slope[0]};
        pull += weighted * residual[c];
        all += weight[c];
      }
      sums = {{{squares[0], mixed[0]}, {mixed[0], squares[1]}}, {pull[0], pull[1]}, all};
    } else {
      sums = {};
      for (std::int64_t c = 0; c < channels; ++c, g += D) {
        for (int a = 0; a < D; ++a) {
          const double weighted = weight[c] * gain_[c] * static_cast<double>(g[a]);
          for (int b = 0; b < D; ++b)
            sums.square[a][b] += weighted * gain_[c] * static_cast<double>(g[b]);
          sums.pull[a] += weighted * residual[c];
        }
        sums.weight += weight[c];
      }
    }
  }

  // For each channel w g times the derivatives by gain and bias: the sample and 1.
  void write_brightness(std::int64_t k, const S* g, double* to) const {
    const std::int64_t end = (k + 1) * run_.channels;
    for (std::int64_t i = k * run_.channels; i < end; ++i, g += D) {
      const double w = weighed_.weight[i];
      const double slope = w * gain_[i] * static_cast<double>(*g);
      *to++ = w > 0 ? slope * weighed_.value[i] : 0;  // which may be NaN
      *to++ = slope;
    }
  }

  // The products of the derivatives by gain and bias with one another and with the residual.
  void add_brightness(std::int64_t count) {
    const std::int64_t size = layout_.unknowns;
    for (std::int64_t c = 0; c < run_.channels; ++c) {
      double wmm = 0, wm = 0, w1 = 0, wmr = 0, wr = 0;
      for (std::int64_t i = c; i < count * run_.channels; i += run_.channels) {
        const double w = weighed_.weight[i];
        if (w == 0) continue;
        const double m = weighed_.value[i], r = weighed_.residual[i];
        wmm += w * m * m;
        wm += w * m;
        w1 += w;
        wmr += w * m * r;
        wr += w * r;
      }
      const std::int64_t at = layout_.parameters + 2 * c;
      sums_.hessian[at * size + at] += wmm;
      sums_.hessian[at * size + at + 1] += wm;
      sums_.hessian[(at + 1) * size + at + 1] += w1;
      sums_.gradient[at] += wmr;
      sums_.gradient[at + 1] += wr;
    }
  }

  // From the products to the sums, of which the upper triangle is wanted.
  void hand_over() const {
    const std::int64_t size = layout_.unknowns;
    const std::int64_t known = run_.channels == 1 ? size : layout_.parameters;
    const double* from = products_;
    for (std::int64_t i = 0; i < size; ++i, from += padded(known)) {
      if (i < known)
        for (std::int64_t j = i; j < known; ++j) sums_.hessian[i * size + j] += from[j];
      else
        for (std::int64_t j = 0; j < known; ++j) sums_.hessian[j * size + i] += from[j];
    }
    for (std::int64_t j = 0; j < known; ++j) sums_.gradient[j] += from[j];
  }

  const SampledRun& run_;
  const EquationSums& sums_;
  Layout layout_;
  double* products_;
  double* left_;
  double* right_;
  double* motion_;
  double* gain_;
  double* bias_;
  Weighed weighed_;
  PointSums sums_of_points_[most_at_once];
};

std::size_t scratch_doubles(const SampledRun& run) {
  const Layout layout(run);
  return static_cast<std::size_t>(
      layout.products + layout.at_once * layout.rows_per_point * layout.left_size +
      2 * layout.at_once * run.dimension * layout.right_size + 6 * layout.residuals);
}

template <class S>
void add_run_as(const SampledRun& run, double* scratch, const EquationSums& sums) {
  if (run.dimension == 1) return Accumulator<S, 1>(run, scratch, sums).add();
  if (run.dimension == 2) return Accumulator<S, 2>(run, scratch, sums).add();
  Accumulator<S, 3>(run, scratch, sums).add();
}

void add_run(const SampledRun& run, double* scratch, const EquationSums& sums) {
  run.is_double ? add_run_as<double>(run, scratch, sums) : add_run_as<float>(run, scratch, sums);
}

}  // namespace

extern const EquationFunctions equation_table;
const EquationFunctions equation_table{scratch_doubles, add_run};

PHOTALIGN_ISA_END
