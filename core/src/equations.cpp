// Hot file: from samples and the motion of their points to normal equations. Compiled once per
// instruction set.
//
// With g the gradient of a channel and J the Jacobian of a point, (axis, parameter), J'g is the row
// of the channel in the Jacobian of the residuals. It is formed if there is one channel only. Else
// S = sum over the channels of w g g' comes first, so that J'SJ costs the same for any number of
// them.
#include "photalign/row_products.hpp"
#include "photalign/weighing.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

// Where everything of a run lies in the scratch.
struct Layout {
  std::int64_t unknown_columns;  // of the rows on the right: parameters, residual, gains and biases
  std::int64_t left_size, right_size;
  int rows_per_point;
  std::int64_t at_once;  // points of a block, whose rows stay in the nearest cache

  explicit Layout(const SampledRun& run) {
    const std::int64_t parameters = run.jacobian.parameters;
    unknown_columns = run.unknowns() + 1;
    left_size = padded(parameters);
    right_size = padded(unknown_columns);
    rows_per_point = run.channels > 1 ? run.dimension : 1;
    at_once = 3072 / (rows_per_point * (left_size + right_size));
    at_once = at_once < 8 ? 8 : at_once > 64 ? 64 : at_once;
  }

  std::int64_t products() const { return left_size * right_size; }
  std::int64_t rows() const { return at_once * rows_per_point; }
};

// A Jacobian's row as doubles, readable up to the padded size.
class RowReader {
 public:
  RowReader(const PointJacobian& jacobian, std::int64_t size, double* room)
      : jacobian_(jacobian), size_(size), room_(room) {
    is_packed_ = jacobian.is_double && jacobian.end &&
                 jacobian.parameter_stride == static_cast<std::int64_t>(sizeof(double));
  }

  const double* operator()(std::int64_t point, int axis) const {
    const std::byte* from =
        jacobian_.data + point * jacobian_.point_stride + axis * jacobian_.axis_stride;
    if (is_packed_ && from + size_ * static_cast<std::int64_t>(sizeof(double)) <= jacobian_.end)
      return reinterpret_cast<const double*>(from);
    double* to = room_ + axis * size_;
    jacobian_.is_double ? convert<double>(from, to) : convert<float>(from, to);
    return to;
  }

 private:
  template <class T>
  void convert(const std::byte* from, double* to) const {
    for (std::int64_t p = 0; p < jacobian_.parameters; ++p) {
      T number;
      std::memcpy(&number, from + p * jacobian_.parameter_stride, sizeof number);
      to[p] = static_cast<double>(number);
    }
  }

  const PointJacobian& jacobian_;
  std::int64_t size_;
  double* room_;
  bool is_packed_;
};

template <class S, int D>
class Accumulator {
 public:
  Accumulator(const SampledRun& run, double* scratch, const EquationSums& sums)
      : run_(run),
        layout_(run),
        sums_(sums),
        reader_(run.jacobian, layout_.left_size, take(scratch, D * layout_.left_size)) {
    const std::int64_t residuals = layout_.at_once * run.channels;
    products_ = take(scratch, layout_.products());
    left_ = take(scratch, layout_.rows() * layout_.left_size);
    right_ = take(scratch, layout_.rows() * layout_.right_size);
    gain_ = take(scratch, residuals);
    bias_ = take(scratch, residuals);
    weighed_.value = take(scratch, residuals);
    weighed_.residual = take(scratch, residuals);
    weighed_.weight = take(scratch, residuals);
    weighed_.room = take(scratch, residuals);
    for (std::int64_t i = 0; i < residuals; ++i) {
      gain_[i] = run.observations.gain[i % run.channels];
      bias_[i] = run.observations.bias[i % run.channels];
    }
  }

  void add() {
    for (std::int64_t first = 0; first < run_.count; first += layout_.at_once) {
      const std::int64_t left = run_.count - first;
      const std::int64_t count = left < layout_.at_once ? left : layout_.at_once;
      weigh<S>(run_, first, count, gain_, bias_, weighed_, sums_.totals);
      const std::int64_t rows =
          run_.channels == 1 ? rows_of_one_channel(first, count) : rows_of_all(first, count);
      add_products({left_, right_, layout_.left_size, layout_.right_size, rows}, products_);
      if (run_.observations.solves_brightness) add_brightness(count);
    }
    hand_over();
  }

 private:
  static double* take(double*& scratch, std::int64_t count) {
    double* mine = scratch;
    scratch += count;
    for (std::int64_t i = 0; i < count; ++i) mine[i] = 0;
    return mine;
  }

  const S* gradient(std::int64_t point) const {
    return static_cast<const S*>(run_.gradients) + point * run_.channels * D;
  }

  // On the left a row of the residuals' Jacobian, on the right the same times its weight.
  std::int64_t rows_of_one_channel(std::int64_t first, std::int64_t count) {
    constexpr int width = lanes_of<double>;
    const std::int64_t parameters = run_.jacobian.parameters;
    double* left = left_;
    double* right = right_;
    for (std::int64_t k = 0; k < count; ++k) {
      const double w = weighed_.weight[k];
      if (w == 0) continue;  // whatever the Jacobian is
      const S* g = gradient(first + k);
      Double slope[D];
      const double* motion[D];
      for (int a = 0; a < D; ++a) {
        slope[a] = splat(gain_[0] * static_cast<double>(g[a]));
        motion[a] = reader_(first + k, a);
      }
      for (std::int64_t p = 0; p < parameters; p += width) {
        Double change = slope[0] * load(motion[0] + p);
        for (int a = 1; a < D; ++a) change += slope[a] * load(motion[a] + p);
        store(left + p, change);
        store(right + p, w * change);
      }
      right[parameters] = w * weighed_.residual[k];
      if (run_.observations.solves_brightness) {
        right[parameters + 1] = w * weighed_.value[k];
        right[parameters + 2] = w;
      }
      left += layout_.left_size;
      right += layout_.right_size;
    }
    return (left - left_) / layout_.left_size;
  }

  // On the left the Jacobian of the point, on the right the sums over the channels times it.
  std::int64_t rows_of_all(std::int64_t first, std::int64_t count) {
    constexpr int width = lanes_of<double>;
    const std::int64_t channels = run_.channels;
    const std::int64_t parameters = run_.jacobian.parameters;
    double* left = left_;
    double* right = right_;
    for (std::int64_t k = 0; k < count; ++k) {
      double square[D][D] = {}, pull[D] = {};
      bool is_used = false;
      const S* g = gradient(first + k);
      for (std::int64_t c = 0; c < channels; ++c, g += D) {
        const double w = weighed_.weight[k * channels + c];
        if (w == 0) continue;
        is_used = true;
        double slope[D];
        for (int a = 0; a < D; ++a) slope[a] = gain_[c] * static_cast<double>(g[a]);
        for (int a = 0; a < D; ++a) {
          for (int b = 0; b < D; ++b) square[a][b] += w * slope[a] * slope[b];
          pull[a] += w * slope[a] * weighed_.residual[k * channels + c];
        }
      }
      if (!is_used) continue;  // whatever the Jacobian is
      const double* motion[D];
      for (int a = 0; a < D; ++a) motion[a] = reader_(first + k, a);
      for (int a = 0; a < D; ++a) {
        for (std::int64_t p = 0; p < parameters; p += width) {
          Double change = square[a][0] * load(motion[0] + p);
          for (int b = 1; b < D; ++b) change += square[a][b] * load(motion[b] + p);
          store(left + p, load(motion[a] + p));
          store(right + p, change);
        }
        right[parameters] = pull[a];
        if (run_.observations.solves_brightness) write_brightness(first, k, a, right);
        left += layout_.left_size;
        right += layout_.right_size;
      }
    }
    return (left - left_) / layout_.left_size;
  }

  void write_brightness(std::int64_t first, std::int64_t k, int axis, double* right) const {
    const std::int64_t channels = run_.channels;
    double* to = right + run_.jacobian.parameters + 1;
    const S* g = gradient(first + k) + axis;
    for (std::int64_t c = 0; c < channels; ++c, g += D) {
      const std::int64_t i = k * channels + c;
      const double w = weighed_.weight[i];
      const double slope = w == 0 ? 0 : w * gain_[c] * static_cast<double>(*g);
      *to++ = w == 0 ? 0 : slope * weighed_.value[i];
      *to++ = slope;
    }
  }

  // The products of the columns of gain and bias with one another and with the residual.
  void add_brightness(std::int64_t count) {
    const std::int64_t channels = run_.channels;
    const std::int64_t size = run_.unknowns();
    for (std::int64_t c = 0; c < channels; ++c) {
      double wmm = 0, wm = 0, w1 = 0, wmr = 0, wr = 0;
      for (std::int64_t i = c; i < count * channels; i += channels) {
        const double w = weighed_.weight[i];
        if (w == 0) continue;  // the value may be NaN
        const double m = weighed_.value[i], r = weighed_.residual[i];
        wmm += w * m * m;
        wm += w * m;
        w1 += w;
        wmr += w * m * r;
        wr += w * r;
      }
      const std::int64_t at = run_.jacobian.parameters + 2 * c;
      sums_.hessian[at * size + at] += wmm;
      sums_.hessian[at * size + at + 1] += wm;
      sums_.hessian[(at + 1) * size + at + 1] += w1;
      sums_.gradient[at] += wmr;
      sums_.gradient[at + 1] += wr;
    }
  }

  // From the padded products to the sums.
  void hand_over() const {
    const std::int64_t parameters = run_.jacobian.parameters;
    const std::int64_t size = run_.unknowns();
    for (std::int64_t i = 0; i < parameters; ++i) {
      const double* from = products_ + i * layout_.right_size;
      double* to = sums_.hessian + i * size;
      for (std::int64_t j = i; j < parameters; ++j) to[j] += from[j];
      sums_.gradient[i] += from[parameters];
      for (std::int64_t j = parameters; j < size; ++j) to[j] += from[j + 1];
    }
  }

  const SampledRun& run_;
  Layout layout_;
  const EquationSums& sums_;
  RowReader reader_;
  double* products_;
  double* left_;
  double* right_;
  double* gain_;
  double* bias_;
  Weighed weighed_;
};

std::size_t scratch_doubles(const SampledRun& run) {
  const Layout layout(run);
  return static_cast<std::size_t>(run.dimension * layout.left_size + layout.products() +
                                  layout.rows() * (layout.left_size + layout.right_size) +
                                  6 * layout.at_once * run.channels);
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
