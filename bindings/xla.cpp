// The core as foreign functions of XLA, which JAX calls on the CPU.
//
// They are compiled against a header only: XLA hands over its call as plain data, and nothing of it
// or of JAX is linked. Arrays are dense, [item][...], and every item is a call of its own: the
// items of `vmap` over images. Shapes and choices are checked in Python; what is checked here keeps
// memory safe.
#include <nanobind/nanobind.h>

#include <algorithm>
#include <cstring>
#include <stdexcept>
#include <string_view>
#include <vector>

#include "photalign/prefilter.hpp"
#include "photalign/sampler.hpp"
#include "xla/ffi/api/c_api.h"

namespace nb = nanobind;

namespace photalign {
namespace {

void expect(bool condition) {
  if (!condition) throw std::invalid_argument("photalign: expected other arguments");
}

// Fewer points are sampled before a second thread is awake.
constexpr std::int64_t points_per_thread = 16384;

// An array of XLA's, [item]...
struct Buffer {
  const XLA_FFI_Buffer& of;

  std::int64_t items() const { return of.dims[0]; }
  std::int64_t dimension(std::int64_t axis) const {
    expect(axis < of.rank);
    return of.dims[axis];
  }
  std::int64_t last() const { return of.dims[of.rank - 1]; }
  std::int64_t item_size() const {
    std::int64_t size = 1;
    for (std::int64_t axis = 1; axis < of.rank; ++axis) size *= of.dims[axis];
    return size;
  }
  std::int64_t size() const { return items() * item_size(); }
  bool is(XLA_FFI_DataType type) const { return of.dtype == type; }

  // The data of one item, of elements of so many bytes.
  std::byte* item(std::int64_t index, std::int64_t bytes) const {
    return static_cast<std::byte*>(of.data) + index * item_size() * bytes;
  }
};

// A call by XLA: arrays and named attributes.
class Call {
 public:
  explicit Call(const XLA_FFI_CallFrame& frame) : frame_(frame) {}

  std::int64_t arguments() const { return frame_.args.size; }
  std::int64_t results() const { return frame_.rets.size; }
  Buffer argument(std::int64_t index) const {
    expect(index < frame_.args.size && frame_.args.types[index] == XLA_FFI_ArgType_BUFFER);
    return buffer(frame_.args.args[index]);
  }
  Buffer result(std::int64_t index) const {
    expect(index < frame_.rets.size && frame_.rets.types[index] == XLA_FFI_RetType_BUFFER);
    return buffer(frame_.rets.rets[index]);
  }

  std::int64_t integer(std::string_view name) const {
    return *scalar<std::int64_t>(name, XLA_FFI_DataType_S64);
  }
  double number(std::string_view name) const { return *scalar<double>(name, XLA_FFI_DataType_F64); }
  // One for each axis.
  void numbers(std::string_view name, std::int64_t count, double* to) const {
    const auto& array = *static_cast<const XLA_FFI_Array*>(find(name, XLA_FFI_AttrType_ARRAY));
    expect(array.dtype == XLA_FFI_DataType_F64 && array.size == static_cast<std::size_t>(count));
    std::memcpy(to, array.data, array.size * sizeof(double));
  }

 private:
  static Buffer buffer(void* pointer) {
    const Buffer found{*static_cast<const XLA_FFI_Buffer*>(pointer)};
    expect(found.of.rank > 0);
    return found;
  }

  template <class T>
  const T* scalar(std::string_view name, XLA_FFI_DataType type) const {
    const auto& found = *static_cast<const XLA_FFI_Scalar*>(find(name, XLA_FFI_AttrType_SCALAR));
    expect(found.dtype == type);
    return static_cast<const T*>(found.value);
  }

  const void* find(std::string_view name, XLA_FFI_AttrType type) const {
    const XLA_FFI_Attrs& all = frame_.attrs;
    for (std::int64_t i = 0; i < all.size; ++i)
      if (std::string_view(all.names[i]->ptr, all.names[i]->len) == name && all.types[i] == type)
        return all.attrs[i];
    throw std::invalid_argument("photalign: an attribute is missing");
  }

  const XLA_FFI_CallFrame& frame_;
};

DType dtype_of(const Buffer& buffer) {
  switch (buffer.of.dtype) {
    case XLA_FFI_DataType_U8:
      return DType::u8;
    case XLA_FFI_DataType_U16:
      return DType::u16;
    case XLA_FFI_DataType_F32:
      return DType::f32;
    case XLA_FFI_DataType_F64:
      return DType::f64;
    case XLA_FFI_DataType_S8:
      return DType::i8;
    case XLA_FFI_DataType_S16:
      return DType::i16;
    case XLA_FFI_DataType_U32:
      return DType::u32;
    case XLA_FFI_DataType_S32:
      return DType::i32;
    case XLA_FFI_DataType_F16:
      return DType::f16;
    default:
      throw std::invalid_argument("photalign: expected another type of numbers");
  }
}

XLA_FFI_DataType real_type(bool is_double) {
  return is_double ? XLA_FFI_DataType_F64 : XLA_FFI_DataType_F32;
}

// A sampler of the arrays [item][z][y][x][channel], without data.
SamplerView sampler_view(const Call& call, const Buffer& stored) {
  SamplerView view;
  Lattice& image = view.image;
  const std::int64_t dimension = stored.of.rank - 2;
  expect(dimension >= 1 && dimension <= max_dimension && stored.item_size() > 0);
  view.pad = call.integer("pad");
  expect(view.pad >= 0);
  image.dtype = dtype_of(stored);
  image.dimension = static_cast<int>(dimension);
  image.channels = stored.last();
  image.channel_stride = bytes_of(image.dtype);
  std::int64_t stride = image.channels * image.channel_stride;
  for (std::int64_t a = 0; a < dimension; ++a) {
    const std::int64_t size = stored.dimension(dimension - a);
    image.size[a] = size - 2 * view.pad;
    image.stride[a] = stride;
    stride *= size;
    expect(image.size[a] > 0);
  }
  const auto choice = [&call]<class Choice>(const char* name, Choice last) {
    const std::int64_t code = call.integer(name);
    expect(code >= 0 && code <= static_cast<std::int64_t>(last));
    return static_cast<Choice>(code);
  };
  view.kernel = choice("kernel", Kernel::bspline2);
  view.boundary = choice("boundary", Boundary::constant);
  view.domain = choice("domain", Domain::unbounded);
  view.cval = call.number("cval");
  view.fill = call.number("fill");
  view.scale = call.number("scale");
  call.numbers("origin", dimension, view.origin);
  call.numbers("spacing", dimension, view.spacing);
  view.is_reversed = call.integer("is_reversed") != 0;
  return view;
}

// Points [item][point][axis].
PointsView points_view(const Buffer& points, const SamplerView& sampler, std::int64_t items,
                       std::int64_t item) {
  const bool is_double = points.is(XLA_FFI_DataType_F64);
  expect((is_double || points.is(XLA_FFI_DataType_F32)) && points.of.rank == 3 &&
         points.items() == items && points.last() == sampler.image.dimension);
  return {.data = points.item(item, is_double ? 8 : 4),
          .is_double = is_double,
          .count = points.of.dims[1],
          .point_stride = sampler.image.dimension};
}

// Calls body(item, execution), with the threads for the items or for what is inside one.
template <class Body>
void for_each_item(std::int64_t items, int threads, const Body& body) {
  if (items == 1) return body(0, Execution{threads, {}});
  parallel_for({threads, {}}, items, [&](std::int64_t item, int) { body(item, Execution{}); });
}

int threads_for(const Call& call, const Buffer& points) {
  const bool is_worth_it =
      points.size() / std::max<std::int64_t>(points.last(), 1) > points_per_thread;
  return is_worth_it ? static_cast<int>(call.integer("threads")) : 1;
}

// (stored, points) -> (values, gradients, Hessians, valid), the middle ones if there is room.
void sample(const Call& call) {
  const Buffer stored = call.argument(0), points = call.argument(1);
  const SamplerView sampler = sampler_view(call, stored);
  const std::int64_t size = sampler.is_double() ? 8 : 4, items = stored.items();
  const auto order = static_cast<int>(call.results()) - 2;
  expect(order >= 0 && order <= 2);
  const Buffer valid = call.result(order + 1);
  const std::int64_t count = points.size() / std::max<std::int64_t>(points.last(), 1);
  expect(valid.is(XLA_FFI_DataType_PRED) && valid.size() == count && valid.items() == items);
  std::int64_t width = sampler.image.channels;
  for (int k = 0; k <= order; ++k, width *= sampler.image.dimension) {
    const Buffer result = call.result(k);
    expect(result.is(real_type(sampler.is_double())) && result.items() == items &&
           result.size() == count * width);
  }
  for_each_item(items, threads_for(call, points), [&](std::int64_t i, const Execution& execution) {
    SamplerView of_item = sampler;
    of_item.image.data = stored.item(i, sampler.image.channel_stride);
    for (int a = 0; a < sampler.image.dimension; ++a)
      of_item.image.data += sampler.pad * sampler.image.stride[a];
    const auto result = [&](int k) -> void* {
      return k <= order ? call.result(k).item(i, size) : nullptr;
    };
    photalign::sample(of_item, points_view(points, sampler, items, i),
                      {.values = result(0),
                       .gradients = result(1),
                       .hessians = result(2),
                       .valid = reinterpret_cast<std::uint8_t*>(valid.item(i, 1))},
                      execution);
  });
}

// Between floats and doubles.
template <class From, class To>
void convert(const std::byte* from, std::int64_t count, std::byte* to) {
  std::copy_n(reinterpret_cast<const From*>(from), count, reinterpret_cast<To*>(to));
}

// (cotangents, points, valid) -> stored, the adjoint of sampling.
void scatter(const Call& call) {
  const Buffer cotangents = call.argument(0), points = call.argument(1), valid = call.argument(2);
  const Buffer stored = call.result(0);
  const SamplerView sampler = sampler_view(call, stored);
  const std::int64_t items = stored.items(), channels = sampler.image.channels;
  const XLA_FFI_DataType real = real_type(stored.is(XLA_FFI_DataType_F64));
  const std::int64_t count = points.size() / std::max<std::int64_t>(points.last(), 1);
  expect(stored.is(real) && cotangents.is(real) && cotangents.items() == items &&
         cotangents.size() == count * channels && valid.is(XLA_FFI_DataType_PRED) &&
         valid.items() == items && valid.size() == count);
  for_each_item(items, threads_for(call, points), [&](std::int64_t i, const Execution& e) {
    const PointsView where = points_view(points, sampler, items, i);
    const auto* use = reinterpret_cast<const std::uint8_t*>(valid.item(i, 1));
    if (sampler.is_double()) {
      auto* image = reinterpret_cast<double*>(stored.item(i, 8));
      std::fill_n(image, stored.item_size(), 0.0);
      const auto* from = reinterpret_cast<const double*>(cotangents.item(i, 8));
      return photalign::scatter(sampler, where, use, from, image, e);
    }
    std::vector<double> from(static_cast<std::size_t>(cotangents.item_size()));
    std::vector<double> image(static_cast<std::size_t>(stored.item_size()));
    convert<float, double>(cotangents.item(i, 4), cotangents.item_size(),
                           reinterpret_cast<std::byte*>(from.data()));
    photalign::scatter(sampler, where, use, from.data(), image.data(), e);
    convert<double, float>(reinterpret_cast<const std::byte*>(image.data()), stored.item_size(),
                           stored.item(i, 4));
  });
}

// (pixels, or pixels and which are valid) -> coefficients, or its transpose, or with absolute
// responses. Invalid pixels are filled first.
void filter(const Call& call) {
  const Buffer pixels = call.argument(0), filtered = call.result(0);
  const bool is_double = pixels.is(XLA_FFI_DataType_F64);
  const std::int64_t dimensions = pixels.of.rank - 2;
  const LinearFilter linear{.degree = static_cast<int>(call.integer("degree")),
                            .boundary = static_cast<Boundary>(call.integer("boundary")),
                            .is_transposed = call.integer("is_transposed") != 0,
                            .is_absolute = call.integer("is_absolute") != 0};
  expect(pixels.is(real_type(is_double)) && filtered.is(pixels.of.dtype) && dimensions >= 1 &&
         dimensions <= max_dimensions && filtered.size() == pixels.size() &&
         is_spline_degree(linear.degree) && is_filter_boundary(linear.boundary));
  const std::int64_t bytes = is_double ? 8 : 4;
  const auto threads = static_cast<int>(call.integer("threads"));
  const bool has_gaps = call.arguments() > 1;
  if (has_gaps) {
    const Buffer valid = call.argument(1);
    expect(valid.is(XLA_FFI_DataType_PRED) && valid.items() == pixels.items() &&
           valid.size() * pixels.last() == pixels.size());
  }
  for_each_item(pixels.items(), threads, [&](std::int64_t i, const Execution& execution) {
    FloatImage image{.data = filtered.item(i, bytes),
                     .is_double = is_double,
                     .dimensions = static_cast<int>(dimensions),
                     .channels = pixels.last()};
    for (std::int64_t a = 0; a < dimensions; ++a) image.shape[a] = pixels.dimension(a + 1);
    std::memcpy(image.data, pixels.item(i, bytes),
                static_cast<std::size_t>(pixels.item_size() * bytes));
    const auto fill = [&] {
      const auto* valid = reinterpret_cast<const std::uint8_t*>(call.argument(1).item(i, 1));
      fill_invalid(image, valid, linear.is_transposed, execution);
    };
    if (has_gaps && !linear.is_transposed) fill();
    filter_linearly(image, linear, execution);
    if (has_gaps && linear.is_transposed) fill();
  });
}

// XLA asks which version of the interface a function was made for. What is used of it here is the
// same in all versions 0.x up to that of the header, so XLA's own is the answer if it is older.
void answer(const XLA_FFI_CallFrame& frame, XLA_FFI_Metadata& metadata) {
  int minor = XLA_FFI_API_MINOR;
  if (!frame.api)
    minor = 1;  // that one asked without telling
  else if (frame.api->api_version.major_version == XLA_FFI_API_MAJOR)
    minor = std::min(minor, frame.api->api_version.minor_version);
  metadata.api_version.struct_size = XLA_FFI_Api_Version_STRUCT_SIZE;
  metadata.api_version.major_version = XLA_FFI_API_MAJOR;
  metadata.api_version.minor_version = minor;
  metadata.traits = 0;
}

XLA_FFI_Error* error(const XLA_FFI_CallFrame& frame, const char* message) {
  XLA_FFI_Error_Create_Args args{.struct_size = XLA_FFI_Error_Create_Args_STRUCT_SIZE,
                                 .extension_start = nullptr,
                                 .message = message,
                                 .errc = XLA_FFI_Error_Code_INTERNAL};
  return frame.api->XLA_FFI_Error_Create(&args);
}

template <void (*function)(const Call&)>
XLA_FFI_Error* handle(XLA_FFI_CallFrame* frame) {
  const XLA_FFI_Extension_Base* extension = frame->extension_start;
  if (extension && extension->type == XLA_FFI_Extension_Metadata) {
    answer(*frame, *reinterpret_cast<const XLA_FFI_Metadata_Extension*>(extension)->metadata);
    return nullptr;
  }
  try {
    function(Call(*frame));
    return nullptr;
  } catch (const std::exception& problem) {
    return error(*frame, problem.what());
  }
}

nb::dict handlers() {
  nb::dict all;
  const auto add = [&](const char* name, XLA_FFI_Handler* handler) {
    all[name] = nb::capsule(reinterpret_cast<void*>(handler));
  };
  add("photalign_sample", handle<sample>);
  add("photalign_scatter", handle<scatter>);
  add("photalign_filter", handle<filter>);
  return all;
}

}  // namespace

void bind_xla(nb::module_& m) {
  m.def("xla_handlers", &handlers, "Functions for XLA on the CPU, by the names of their targets.");
}

}  // namespace photalign
