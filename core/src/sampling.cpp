// Hot file: samples points, resamples rows. Compiled once per instruction set.
#include "photalign/sampling.hpp"

#include "photalign/element_choice.hpp"
#include "photalign/kernel_choice.hpp"
#include "photalign/resampling.hpp"
#include "photalign/scattering.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

// From the choices made at run time to the functions compiled for them, one stage after the other.

template <class S>
using Weigh = void (*)(TapWeights<S>&, const Located<S>&, int dimension);

template <class S, class K, int order>
void weigh(TapWeights<S>& weights, const Located<S>& points, int dimension) {
  weights.template weigh<K, order>(points, dimension);
}

template <class S>
Weigh<S> choose_weights(Kernel kernel, int order) {
  Weigh<S> chosen = nullptr;
  with_kernel(kernel, [&]<class K>(K) {
    if (order == 0) chosen = weigh<S, K, 0>;
    if (order == 1) chosen = weigh<S, K, 1>;
    if (order == 2) chosen = weigh<S, K, 2>;
  });
  return chosen;
}

template <class S>
FetchPlanes<S> choose_fetch(const Lattice& image) {
  FetchPlanes<S> chosen = nullptr;
  with_element<S>(image, [&]<class T, bool is_swapped>() { chosen = fetch_planes<T, is_swapped>; });
  return chosen;
}

template <class S>
using SampleBlock = void (*)(const BlockTask<S>&, Located<S>&, const TapWeights<S>&,
                             const BlockSamples<S>&);

template <class S, int taps, int D>
SampleBlock<S> choose_planes(int order) {
  if (order == 0) return sample_planes<S, taps, D, 0>;
  if constexpr (taps > 1) {
    if (order == 1) return sample_planes<S, taps, D, 1>;
    return sample_planes<S, taps, D, 2>;
  }
  return nullptr;
}

template <class S, int taps>
SampleBlock<S> choose_planes(int dimension, int order) {
  if (dimension == 1) return choose_planes<S, taps, 1>(order);
  if (dimension == 2) return choose_planes<S, taps, 2>(order);
  return choose_planes<S, taps, 3>(order);
}

template <class S>
SampleBlock<S> choose_planes(int taps, int dimension, int order) {
  switch (taps) {
    case 1:
      return choose_planes<S, 1>(dimension, order);
    case 2:
      return choose_planes<S, 2>(dimension, order);
    case 3:
      return choose_planes<S, 3>(dimension, order);
    case 4:
      return choose_planes<S, 4>(dimension, order);
    default:
      return choose_planes<S, 6>(dimension, order);
  }
}

// A way to sample rows as they are stored, and the bytes that it reads of each.
struct RawChoice {
  SampleBlock<float> sample = nullptr;
  int bytes = 0;
  int channels = 0;
  bool takes_windows = false;
};

template <class T, int channels, int taps, int D>
RawChoice choose_raw(int order) {
  constexpr int bytes = row_bytes<T, channels, taps>();
  if (order > 1) return {};
  return {order == 0 ? sample_raw<T, channels, taps, D, 0> : sample_raw<T, channels, taps, D, 1>,
          bytes, channels, takes_windows<channels, D>};
}

template <class T, int channels, int D>
RawChoice choose_raw(int taps, int order) {
  switch (taps) {
    case 2:
      return choose_raw<T, channels, 2, D>(order);
    case 3:
      return choose_raw<T, channels, 3, D>(order);
    case 4:
      return choose_raw<T, channels, 4, D>(order);
    case 6:
      return choose_raw<T, channels, 6, D>(order);
    default:
      return {};
  }
}

template <class T>
RawChoice choose_raw(const Lattice& image, int taps, int order) {
  constexpr std::int64_t size = sizeof(T);
  if (image.is_swapped) return {};
  const bool are_together = image.channel_stride == size || image.channel_stride == -size;
  const bool is_packed = are_together && image.stride[0] == image.channels * size;
  if (image.dimension == 2) {
    if (is_packed && image.channels == 2) return choose_raw<T, 2, 2>(taps, order);
    if (is_packed && image.channels == 3) return choose_raw<T, 3, 2>(taps, order);
    if (is_packed && image.channels == 4) return choose_raw<T, 4, 2>(taps, order);
    if (image.channel_stride == size && image.channels > 3) return choose_raw<T, 4, 2>(taps, order);
    return choose_raw<T, 1, 2>(taps, order);
  }
  if (image.dimension == 3) return choose_raw<T, 1, 3>(taps, order);
  return {};
}

RawChoice choose_raw(const Lattice& image, int taps, int order) {
  switch (image.dtype) {
    case DType::u8:
      return choose_raw<std::uint8_t>(image, taps, order);
    case DType::u16:
      return choose_raw<std::uint16_t>(image, taps, order);
    case DType::i16:
      return choose_raw<std::int16_t>(image, taps, order);
    case DType::f32:
      return choose_raw<float>(image, taps, order);
    default:
      return {};
  }
}

// A sampler, ready for blocks of points whose positions come from anywhere.
template <class S>
class BlockSampler {
  using Flag = typename Located<S>::Flag;

 public:
  BlockSampler(const SamplerView& view, int order)
      : prepared_(view, taps_of(view.kernel), taps_before(view.kernel)),
        task_{prepared_, Factors(prepared_), choose_fetch<S>(view.image)},
        // The linear kernel needs none.
        weigh_(view.kernel == Kernel::linear ? nullptr : choose_weights<S>(view.kernel, order)) {
    if constexpr (std::is_same_v<S, float>) {
      const RawChoice raw = choose_raw(view.image, prepared_.taps, order);
      sample_ = raw.sample;
      if (raw.sample) prepared_.read_rows_of(raw.bytes, raw.channels);
      prepared_.needs_cells = raw.takes_windows;
    }
    if (!sample_) sample_ = choose_planes<S>(prepared_.taps, view.image.dimension, order);
    const DType dtype = view.image.dtype;
    has_nan_ = dtype == DType::f16 || dtype == DType::f32 || dtype == DType::f64;
  }

  const Prepared& prepared() const { return prepared_; }

  // Positions will have rounding errors.
  void expect_computed() { prepared_.is_computed = true; }

  // Calls locate(first, count, located) and then use(first, count) for every block of `total`
  // points: the first locates them, the second may sample them.
  template <class Locate, class Use>
  void for_each_block(std::int64_t total, Locate locate, Use use) {
    for (std::int64_t first = 0; first < total; first += block) {
      const auto count = static_cast<int>(min(std::int64_t{block}, total - first));
      locate(first, count, located_);
      use(first, count);
    }
  }

  // Samples the present block; the results begin at point `first` of the samples.
  void operator()(const SamplesView& out, std::int64_t first) {
    const int dimension = prepared_.view.image.dimension;
    if (weigh_) weigh_(weights_, located_, dimension);
    // Nothing to be said about points inside an image of integers.
    const bool all_valid = located_.all_inner && !has_nan_;
    if (!all_valid)
      for (int k = 0; k < located_.padded; ++k)
        valid_[k] = located_.all_inner ? Flag{-1} : located_.inside[k];
    const std::int64_t channels = prepared_.view.image.channels;
    const auto at = [&](void* data, std::int64_t width) {
      return data ? static_cast<S*>(data) + first * channels * width : nullptr;
    };
    const BlockSamples<S> samples{at(out.values, 1), at(out.gradients, dimension),
                                  at(out.hessians, dimension * dimension), channels, valid_};
    sample_(task_, located_, weights_, samples);
    std::uint8_t* valid = out.valid ? out.valid + first : nullptr;
    if (!all_valid) return finish(located_.count, samples, valid);
    if (valid)
      for (int k = 0; k < located_.count; ++k) valid[k] = 1;
  }

 private:
  void finish(int count, const BlockSamples<S>& samples, std::uint8_t* valid) {
    Flag all = -1;
    for (int k = 0; k < count; ++k) all &= valid_[k];
    if (valid)
      for (int k = 0; k < count; ++k) valid[k] = valid_[k] != 0;
    if (all) return;
    const int dimension = prepared_.view.image.dimension;
    const auto fill = static_cast<S>(prepared_.view.fill);
    for (int k = 0; k < count; ++k) {
      if (valid_[k]) continue;
      const auto set = [&](S* data, std::int64_t width, S value) {
        if (!data) return;
        width *= samples.channels;
        for (std::int64_t i = 0; i < width; ++i) data[k * width + i] = value;
      };
      set(samples.values, 1, fill);
      set(samples.gradients, dimension, 0);
      set(samples.hessians, dimension * dimension, 0);
    }
  }

  Prepared prepared_;
  BlockTask<S> task_;
  Weigh<S> weigh_;
  SampleBlock<S> sample_ = nullptr;
  bool has_nan_;
  Located<S> located_;
  TapWeights<S> weights_;
  alignas(64) Flag valid_[block];
};

// From coordinates to positions, in place.
void to_positions(const Prepared& sampler, int count, double* coordinates) {
  for (int a = 0; a < sampler.view.image.dimension; ++a, coordinates += block) {
    const double origin = sampler.axes[a].origin, spacing = sampler.axes[a].spacing;
    for (int k = 0; k < count; ++k) coordinates[k] = (coordinates[k] - origin) / spacing;
  }
}

template <class P>
void read_points(const PointsView& points, std::int64_t first, int count, int dimension,
                 bool is_reversed, double* to) {
  const P* from = static_cast<const P*>(points.data) + first * points.point_stride;
  if (dimension == 2 && points.point_stride == 2 && points.axis_stride == 1) {
    double* x = to + (is_reversed ? block : 0);
    double* y = to + (is_reversed ? 0 : block);
    int k = 0;
    if constexpr (std::is_same_v<P, double>) {
      for (; k + lanes_of<double> <= count; k += lanes_of<double>) {
        const Double turns[2] = {load(from + 2 * k), load(from + 2 * k + lanes_of<double>)};
        Double apart[2];
        deinterleave<2>(turns, apart);
        store(x + k, apart[0]);
        store(y + k, apart[1]);
      }
    }
    for (; k < count; ++k) {
      x[k] = from[2 * k];
      y[k] = from[2 * k + 1];
    }
    return;
  }
  for (int a = 0; a < dimension; ++a) {
    const P* of_axis = from + (is_reversed ? dimension - 1 - a : a) * points.axis_stride;
    for (int k = 0; k < count; ++k) to[a * block + k] = of_axis[k * points.point_stride];
  }
}

// Writes the positions of `count` points, one array of a block's length for each axis.
void read_positions(const Prepared& sampler, const PointsView& points, std::int64_t first,
                    int count, double* to) {
  const int dimension = sampler.view.image.dimension;
  const bool is_reversed = sampler.view.is_reversed;
  if (points.is_double)
    read_points<double>(points, first, count, dimension, is_reversed, to);
  else
    read_points<float>(points, first, count, dimension, is_reversed, to);
  if (sampler.is_physical) to_positions(sampler, count, to);
}

template <class S>
void sample_blocks(const SamplerView& sampler, const PointsView& points, const SamplesView& out) {
  BlockSampler<S> sample(sampler, out.order());
  sample.for_each_block(
      points.count,
      [&](std::int64_t first, int count, Located<S>& located) {
        read_positions(sample.prepared(), points, first, count, located.position[0]);
        located.locate(sample.prepared(), count);
      },
      [&](std::int64_t first, int) { sample(out, first); });
}

void sample(const SamplerView& sampler, const PointsView& points, const SamplesView& out) {
  if (sampler.is_double()) return sample_blocks<double>(sampler, points, out);
  return sample_blocks<float>(sampler, points, out);
}

// The points of an affine scene lie on lines, at even steps.
bool locate_affine(const Prepared& sampler, const SceneView& scene, std::int64_t row,
                   std::int64_t first, int count, Located<float>& located) {
  const double* h = scene.matrix;
  if (h[6] != 0 || h[7] != 0 || h[8] != 1) return false;
  const auto u = static_cast<double>(first), v = static_cast<double>(row);
  double start[2], step[2];
  for (int a = 0; a < 2; ++a, h += 3) {
    const Axis& axis = sampler.axes[a];
    start[a] = (h[0] * u + h[1] * v + h[2] - axis.origin) / axis.spacing;
    step[a] = h[0] / axis.spacing;
  }
  return located.locate_line(sampler, start, step, count);
}

// Calls use(first pixel, count) for every block of a row.
template <class S, class Use>
void for_each_block(const SceneView& scene, std::int64_t row, BlockSampler<S>& sample, Use use) {
  sample.expect_computed();
  const Prepared& prepared = sample.prepared();
  sample.for_each_block(
      scene.width,
      [&](std::int64_t first, int count, Located<S>& located) {
        if constexpr (std::is_same_v<S, float>)
          if (locate_affine(prepared, scene, row, first, count, located)) return;
        scene_points(scene, row, first, count, located.position[0], located.position[1]);
        if (prepared.is_physical) to_positions(prepared, count, located.position[0]);
        located.locate(prepared, count);
      },
      use);
}

template <class S>
void sample_scene_row(const SamplerView& sampler, const SceneView& scene, std::int64_t row,
                      const SamplesView& out) {
  BlockSampler<S> sample(sampler, out.order());
  for_each_block(scene, row, sample,
                 [&](std::int64_t first, int) { sample(out, row * scene.width + first); });
}

void sample_scene(const SamplerView& sampler, const SceneView& scene, std::int64_t row,
                  const SamplesView& out) {
  if (sampler.is_double()) return sample_scene_row<double>(sampler, scene, row, out);
  return sample_scene_row<float>(sampler, scene, row, out);
}

// The values of one block.
std::size_t resample_scratch(const SamplerView& sampler) {
  return static_cast<std::size_t>(sampler.image.channels) * block * sizeof(double);
}

template <class S>
void resample_row(const SamplerView& sampler, const SceneView& scene, std::int64_t row,
                  const ResampledView& out, S* values) {
  BlockSampler<S> sample(sampler, 0);
  const std::int64_t channels = sampler.image.channels;
  for_each_block(scene, row, sample, [&](std::int64_t first, int count) {
    const std::int64_t pixel = row * scene.width + first;
    sample({.values = values, .valid = out.valid ? out.valid + pixel : nullptr}, 0);
    store_values(values, count * channels, out.data, out.dtype, pixel * channels);
  });
}

void resample_row(const SamplerView& sampler, const SceneView& scene, std::int64_t row,
                  const ResampledView& out, void* scratch) {
  if (sampler.is_double())
    return resample_row(sampler, scene, row, out, static_cast<double*>(scratch));
  return resample_row(sampler, scene, row, out, static_cast<float*>(scratch));
}

void scatter(const SamplerView& sampler, const PointsView& points, const std::uint8_t* valid,
             const double* cotangents, double* image) {
  const Prepared prepared(sampler, taps_of(sampler.kernel), taps_before(sampler.kernel));
  const int dimension = sampler.image.dimension;
  const Weigh<double> weigh = choose_weights<double>(sampler.kernel, 0);
  Located<double> located;
  TapWeights<double> weights;
  for (std::int64_t first = 0; first < points.count; first += block) {
    const auto count = static_cast<int>(min(std::int64_t{block}, points.count - first));
    read_positions(prepared, points, first, count, located.position[0]);
    located.locate(prepared, count);
    weigh(weights, located, dimension);
    scatter_block(prepared, located, weights, valid + first,
                  cotangents + first * sampler.image.channels, image);
  }
}

}  // namespace

extern const SamplingFunctions sampling_table{
    .sample = sample,
    .sample_scene = sample_scene,
    .resample_scratch = resample_scratch,
    .resample_row = resample_row,
    .scatter = scatter,
};

PHOTALIGN_ISA_END
