// Alignment, losses and warps: arrays in, numbers out.
#include "photalign/align.hpp"

#include <nanobind/nanobind.h>
#include <nanobind/ndarray.h>
#include <nanobind/stl/optional.h>
#include <nanobind/stl/vector.h>

#include <cmath>
#include <memory>
#include <optional>

#include "arrays.hpp"
#include "interrupt.hpp"
#include "photalign/linearize_functions.hpp"
#include "photalign/pyramid.hpp"
#include "photalign/variants.hpp"

namespace nb = nanobind;
using namespace nb::literals;

namespace photalign {
namespace {

using Doubles = nb::ndarray<const double, nb::c_contig, nb::device::cpu>;

Image optional_image(const std::optional<AnyArray>& array) {
  return array ? image_view(*array) : Image{};
}

using Array = nb::ndarray<nb::numpy, double>;

Array array_of(const double* values, std::initializer_list<std::size_t> shape) {
  std::size_t size = 1;
  for (std::size_t n : shape) size *= n;
  auto* copy = new double[size];
  std::copy(values, values + size, copy);
  nb::capsule owner(copy, [](void* p) noexcept { delete[] static_cast<double*>(p); });
  return Array(copy, shape, owner);
}

nb::tuple as_tuple(const StepRecord& s) {
  return nb::make_tuple(s.level, s.iteration, s.cost, s.motion, s.damping, s.overlap, s.accepted,
                        s.scale, s.selected);
}

// All steps as rows of numbers, in the order of `as_tuple`.
Array step_rows(const std::vector<StepRecord>& steps) {
  std::vector<double> rows;
  rows.reserve(9 * steps.size());
  for (const StepRecord& s : steps)
    rows.insert(rows.end(),
                {static_cast<double>(s.level), static_cast<double>(s.iteration), s.cost, s.motion,
                 s.damping, s.overlap, s.accepted ? 1.0 : 0.0, s.scale, s.selected});
  return array_of(rows.data(), {steps.size(), 9});
}

// Arrays side by side in one: matrix, corner_std, stages, gain, bias, covariance, params. An array
// of its own costs more than all that is in these.
Array side_by_side(const AlignResult& found) {
  std::vector<double> numbers(found.warp.begin(), found.warp.end());
  numbers.insert(numbers.end(), &found.corner_std[0][0], &found.corner_std[0][0] + 8);
  for (const StageRecord& stage : found.stages)
    numbers.insert(numbers.end(), {stage.seconds, static_cast<double>(stage.pixels)});
  for (const std::vector<double>* more :
       {&found.gain, &found.bias, &found.covariance, &found.params})
    numbers.insert(numbers.end(), more->begin(), more->end());
  return array_of(numbers.data(), {numbers.size()});
}

nb::dict as_dict(const AlignResult& found) {
  nb::dict result;
  result["status"] = static_cast<int>(found.status);
  result["kernel"] = static_cast<int>(found.kernel);
  result["numbers"] = side_by_side(found);
  result["steps"] = step_rows(found.steps);
  result["cost"] = found.cost;
  result["rms"] = found.rms;
  result["correlation"] = found.correlation;
  result["overlap"] = found.overlap;
  result["scale"] = found.scale;
  const Evidence& evidence = found.findings.evidence;
  const Symptoms& symptoms = found.findings.symptoms;
  result["agreement"] = evidence.agreement;
  result["confidence"] = found.confidence;
  result["pixels"] = found.pixels;
  // In the order of `Grounds` in _grounds.py.
  result["grounds"] = nb::make_tuple(
      evidence.unexplained, evidence.correlation, evidence.fine_correlation, evidence.blocks,
      evidence.pooled, evidence.growth, evidence.surplus, found.deviation, symptoms.contrast,
      symptoms.contrast_t, symptoms.brightness, symptoms.brightness_t, symptoms.residual,
      symptoms.of_means, symptoms.count, found.kept, found.edges, found.pixels_per_degree);
  return result;
}

// Arguments in the order of `align` in alignment.py; the enumerations by their order in
// choices.hpp.
nb::dict bound_align(const AnyArray& reference, const AnyArray& moving,
                     const std::optional<AnyArray>& reference_weight,
                     const std::optional<AnyArray>& moving_weight,
                     const std::optional<AnyArray>& reference_coefficients,
                     const std::optional<AnyArray>& moving_coefficients, const Doubles& start,
                     int warp, const PointWarp* function, int kernel, int last_kernel,
                     int composition, int coarse_composition, bool has_instrument, int brightness,
                     int loss, double loss_scale, double tuning, int levels, std::int64_t pixels,
                     int max_steps, double step_tol, double damping, double min_overlap,
                     int threads, const std::optional<nb::callable>& on_step) {
  const AlignImages images{
      .reference = image_view(reference),
      .moving = image_view(moving),
      .reference_weight = optional_image(reference_weight),
      .moving_weight = optional_image(moving_weight),
      .reference_coefficients = optional_image(reference_coefficients),
      .moving_coefficients = optional_image(moving_coefficients),
  };
  const AlignOptions options{
      .warp = static_cast<WarpKind>(warp),
      .function = function,
      .kernel = static_cast<Kernel>(kernel),
      .last_kernel = static_cast<Kernel>(last_kernel),
      .composition = static_cast<Composition>(composition),
      .coarse_composition = static_cast<Composition>(coarse_composition),
      .has_instrument = has_instrument,
      .brightness = static_cast<Brightness>(brightness),
      .loss = static_cast<LossKind>(loss),
      .loss_scale = loss_scale,
      .tuning = tuning,
      .levels = levels,
      .pixels = pixels,
      .max_steps = max_steps,
      .step_tol = step_tol,
      .damping = damping,
      .min_overlap = min_overlap,
  };
  WarpStart from;
  if (start.size() != (function ? static_cast<std::size_t>(function->parameters()) : 9))
    throw std::invalid_argument("expected a start that fits the warp");
  if (function)
    from.params = std::vector<double>(start.data(), start.data() + start.size());
  else
    std::copy_n(start.data(), 9, from.matrix.begin());
  StepCallback callback;
  if (on_step)
    callback = [&](const StepRecord& step) {
      nb::gil_scoped_acquire gil;
      (*on_step)(as_tuple(step));
    };
  const Execution execution{.threads = threads, .interrupted = interrupt_callback()};
  AlignResult found;
  try {
    nb::gil_scoped_release released;
    found = align(images, options, from, execution, callback);
  } catch (const Interrupted&) {
    throw nb::python_error();
  }
  return as_dict(found);
}

// Planes of a pyramid, which `owner` keeps alive.
nb::object planes_of(const Image& image, const nb::capsule& owner) {
  constexpr std::int64_t size = sizeof(float);
  const auto length = [](std::int64_t n) { return static_cast<std::size_t>(n); };
  const nb::ndarray<nb::numpy, const float> planes(
      image.data, {length(image.channels), length(image.height), length(image.width)}, owner,
      {image.channel_stride / size, image.row_stride / size, image.column_stride / size});
  return nb::cast(planes);
}

// Levels 1 and up: planes (C, H, W) of pixels, and (1, H, W) of soft weights or None.
nb::list bound_pyramid(const AnyArray& image, const std::optional<AnyArray>& weight, double offset,
                       int levels, int threads) {
  const Execution execution{.threads = threads, .interrupted = interrupt_callback()};
  auto pyramid = std::make_unique<Pyramid>(image_view(image), optional_image(weight), offset,
                                           levels, execution);
  const Pyramid& made = *pyramid;
  const nb::capsule owner(pyramid.release(),
                          [](void* p) noexcept { delete static_cast<Pyramid*>(p); });
  nb::list found;
  for (int level = 1; level < levels; ++level) {
    const Image& soft = made[level].weight;
    found.append(nb::make_tuple(planes_of(made[level].image, owner),
                                soft ? planes_of(soft, owner) : nb::none()));
  }
  return found;
}

// rho, weight and slope at squared residuals, shape (n, 3).
Array bound_loss(int kind, double threshold, const Doubles& squares) {
  std::vector<double> values;
  for (std::size_t i = 0; i < squares.size(); ++i) {
    const LossValue v =
        variant().linearize->loss(static_cast<LossKind>(kind), threshold, squares.data()[i]);
    values.insert(values.end(), {v.rho, v.weight, v.slope});
  }
  return array_of(values.data(), {squares.size(), 3});
}

}  // namespace

void bind_alignment(nb::module_& m) {
  m.def("align", &bound_align, "reference"_a.noconvert(), "moving"_a.noconvert(),
        "reference_weight"_a.noconvert().none(), "moving_weight"_a.noconvert().none(),
        "reference_coefficients"_a.noconvert().none(), "moving_coefficients"_a.noconvert().none(),
        "start"_a, "warp"_a, "function"_a.none(), "kernel"_a, "last_kernel"_a, "composition"_a,
        "coarse_composition"_a, "has_instrument"_a, "brightness"_a, "loss"_a, "loss_scale"_a,
        "tuning"_a, "levels"_a, "pixels"_a, "max_steps"_a, "step_tol"_a, "damping"_a,
        "min_overlap"_a, "threads"_a, "on_step"_a.none(),
        "Align two images; enumerations are numbers, weights have one channel.");
  nb::list names;
  for (const char* name : stage_names) names.append(name);
  m.attr("STAGES") = nb::tuple(names);
  m.def("pyramid", &bound_pyramid, "image"_a.noconvert(), "weight"_a.noconvert().none(), "offset"_a,
        "levels"_a, "threads"_a,
        "Levels 1 and up of an image as planes, each with its soft weights or None.");
  m.def("loss", &bound_loss, "kind"_a, "threshold"_a, "squares"_a,
        "Loss, weight and slope of the influence at squared residuals, shape (n, 3).");
}

}  // namespace photalign
