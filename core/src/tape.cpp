// Hot file: runs the operations of a function on blocks of points. Compiled once per instruction
// set.
//
// Every instruction goes over all points of a block before the next, so that choosing what to do
// costs nothing; the registers of a block stay in the first cache. Products and sums are rounded
// one by one, as they are in NumPy, on every machine.
#include "photalign/tape.hpp"

#include <cmath>
#include <limits>

#include "photalign/simd.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

constexpr int width = lanes_of<double>;

// What an instruction reads and writes. A uniform is read over and over: its step is 0.
struct Operands {
  double* to;
  const double* from[max_operands] = {};
  bool is_row[max_operands] = {};
  std::int64_t size;
  bool is_shared;

  std::int64_t step(int k) const { return is_row[k] ? width : 0; }
};

// f takes three vectors, and ignores those that the operation does not have.
template <class F>
void by_vectors(const Operands& o, F&& f) {
  const double *a = o.from[0], *b = o.from[1], *c = o.from[2];
  const std::int64_t step_a = o.step(0), step_b = o.step(1), step_c = o.step(2);
#pragma GCC unroll 4
  for (std::int64_t i = 0; i < o.size; i += width) {
    store(o.to + i, f(load(a), load(b), load(c)));
    a += step_a, b += step_b, c += step_c;
  }
}

// f takes five vectors, of which the first, the third and the last are rows or uniforms.
template <bool first, bool third, bool last, class F>
void by_products(const Operands& o, F&& f) {
  const auto at = [&o](int k, std::int64_t i) { return load(o.from[k] + i); };
  const Double a = at(0, 0), c = at(2, 0), e = at(4, 0);
#pragma GCC unroll 2
  for (std::int64_t i = 0; i < o.size; i += width)
    store(o.to + i,
          f(first ? at(0, i) : a, at(1, i), third ? at(2, i) : c, at(3, i), last ? at(4, i) : e));
}

// Sums of products are most of what warps do: first factors that are uniform are loaded once.
template <class F>
void by_products(const Operands& o, F&& f) {
  const bool* is_row = o.is_row;
  if (!is_row[0] && !is_row[2])
    return is_row[4] ? by_products<false, false, true>(o, f)
                     : by_products<false, false, false>(o, f);
  if (!is_row[0])
    return is_row[4] ? by_products<false, true, true>(o, f) : by_products<false, true, false>(o, f);
  if (!is_row[2])
    return is_row[4] ? by_products<true, false, true>(o, f) : by_products<true, false, false>(o, f);
  return is_row[4] ? by_products<true, true, true>(o, f) : by_products<true, true, false>(o, f);
}

// f takes two numbers.
template <class F>
void by_numbers(const Operands& o, F&& f) {
  const double *a = o.from[0], *b = o.from[1];
  if (o.is_shared) {
    const double value = f(*a, *b);
    for (std::int64_t i = 0; i < o.size; ++i) o.to[i] = value;
    return;
  }
  const std::int64_t step_a = o.is_row[0], step_b = o.is_row[1];
  for (std::int64_t i = 0; i < o.size; ++i) {
    o.to[i] = f(*a, *b);
    a += step_a, b += step_b;
  }
}

Double as_numbers(Long mask) { return select(mask, splat(1.0), Double{}); }
Long is_nan(Double v) { return v != v; }
Long is_infinite(Double v) {
  constexpr double infinity = std::numeric_limits<double>::infinity();
  return (v == infinity) | (v == -infinity);
}
Double absolute(Double v) {
  return reinterpret_cast<Double>(reinterpret_cast<Long>(v) & std::int64_t{0x7fffffffffffffff});
}
Double square_root(Double v) {
#if defined(__AVX512F__)
  return reinterpret_cast<Double>(_mm512_sqrt_pd(reinterpret_cast<__m512d>(v)));
#elif defined(__AVX2__)
  return reinterpret_cast<Double>(_mm256_sqrt_pd(reinterpret_cast<__m256d>(v)));
#else
  for (int i = 0; i < width; ++i) v[i] = __builtin_sqrt(v[i]);
  return v;
#endif
}

// Of the sign of the divisor, as in Python.
double floored_remainder(double a, double b) {
  const double rest = __builtin_fmod(a, b);
  if (rest == 0) return __builtin_copysign(0.0, b);
  return (b < 0) != (rest < 0) ? rest + b : rest;
}

double floored_quotient(double a, double b) {
  if (b == 0) return a / b;
  double rest = __builtin_fmod(a, b);
  double quotient = (a - rest) / b;
  if (rest != 0 && (b < 0) != (rest < 0)) quotient -= 1;
  if (quotient == 0) return __builtin_copysign(0.0, a / b);
  const double whole = __builtin_floor(quotient);
  return quotient - whole > 0.5 ? whole + 1 : whole;
}

// clang-format off
void execute(Operation operation, const Operands& o) {
#define VECTORS(name, ...)                                                                \
  case Operation::name:                                                                   \
    return by_vectors(o, []([[maybe_unused]] Double a, [[maybe_unused]] Double b,         \
                            [[maybe_unused]] Double c) -> Double { return __VA_ARGS__; });
#define PRODUCTS(name, ...)                                                                \
  case Operation::name:                                                                   \
    return by_products(o, [](Double a, Double b, Double c, [[maybe_unused]] Double d,      \
                             [[maybe_unused]] Double e) -> Double { return __VA_ARGS__; });
#define MASKS(name, ...) VECTORS(name, as_numbers(__VA_ARGS__))
#define NUMBERS(name, ...)                                                                \
  case Operation::name:                                                                   \
    return by_numbers(o, [](double a, [[maybe_unused]] double b) -> double { return __VA_ARGS__; });
  switch (operation) {
    VECTORS(add, a + b)
    VECTORS(subtract, a - b)
    VECTORS(multiply, a * b)
    VECTORS(divide, a / b)
    VECTORS(negative, -a)
    VECTORS(absolute, absolute(a))
    VECTORS(sqrt, square_root(a))
    VECTORS(minimum, select((a < b) | is_nan(a), a, b))
    VECTORS(maximum, select((a > b) | is_nan(a), a, b))
    VECTORS(fmin, select((a <= b) | is_nan(b), a, b))
    VECTORS(fmax, select((a >= b) | is_nan(b), a, b))
    VECTORS(sign, select(is_nan(a), a, as_numbers(a > 0) - as_numbers(a < 0)))
    MASKS(less, a < b)
    MASKS(less_equal, a <= b)
    MASKS(equal, a == b)
    MASKS(not_equal, a != b)
    MASKS(logical_and, (a != 0) & (b != 0))
    MASKS(logical_or, (a != 0) | (b != 0))
    MASKS(logical_xor, (a != 0) ^ (b != 0))
    MASKS(logical_not, a == 0)
    MASKS(isnan, is_nan(a))
    MASKS(isinf, is_infinite(a))
    MASKS(isfinite, is_finite(a))
    VECTORS(where, select(a != 0, b, c))
    VECTORS(chained, select(a == 0, Double{}, a * b))
    NUMBERS(floor, __builtin_floor(a))
    NUMBERS(ceil, __builtin_ceil(a))
    NUMBERS(trunc, __builtin_trunc(a))
    NUMBERS(rint, __builtin_rint(a))
    NUMBERS(copysign, __builtin_copysign(a, b))
    NUMBERS(remainder, floored_remainder(a, b))
    NUMBERS(fmod, __builtin_fmod(a, b))
    NUMBERS(floor_divide, floored_quotient(a, b))
    NUMBERS(power, __builtin_pow(a, b))
    NUMBERS(exp, __builtin_exp(a))
    NUMBERS(exp2, __builtin_exp2(a))
    NUMBERS(expm1, __builtin_expm1(a))
    NUMBERS(log, __builtin_log(a))
    NUMBERS(log2, __builtin_log2(a))
    NUMBERS(log10, __builtin_log10(a))
    NUMBERS(log1p, __builtin_log1p(a))
    NUMBERS(cbrt, __builtin_cbrt(a))
    NUMBERS(sin, __builtin_sin(a))
    NUMBERS(cos, __builtin_cos(a))
    NUMBERS(tan, __builtin_tan(a))
    NUMBERS(arcsin, __builtin_asin(a))
    NUMBERS(arccos, __builtin_acos(a))
    NUMBERS(arctan, __builtin_atan(a))
    NUMBERS(arctan2, __builtin_atan2(a, b))
    NUMBERS(sinh, __builtin_sinh(a))
    NUMBERS(cosh, __builtin_cosh(a))
    NUMBERS(tanh, __builtin_tanh(a))
    NUMBERS(arcsinh, __builtin_asinh(a))
    NUMBERS(arccosh, __builtin_acosh(a))
    NUMBERS(arctanh, __builtin_atanh(a))
    PRODUCTS(multiply_add, a * b + c)
    PRODUCTS(two_products, a * b + c * d)
    PRODUCTS(two_products_add, (a * b + c * d) + e)
  }
#undef VECTORS
#undef PRODUCTS
#undef MASKS
#undef NUMBERS
}
// clang-format on

// The registers of a tape in memory.
struct Registers {
  double* room;
  std::int64_t n_uniforms, block;

  bool is_row(std::int32_t place) const { return place >= n_uniforms; }
  double* at(std::int32_t place) const {
    if (!is_row(place)) return room + place * uniform_doubles;
    return room + n_uniforms * uniform_doubles + (place - n_uniforms) * block;
  }
};

void execute(const Instruction* instructions, std::int32_t count, const Registers& registers,
             std::int64_t size, bool is_shared) {
  for (std::int32_t k = 0; k < count; ++k) {
    const Instruction& instruction = instructions[k];
    Operands o{.to = registers.at(instruction.to), .size = size, .is_shared = is_shared};
    for (int i = 0; i < max_operands; ++i) {
      o.from[i] = registers.at(instruction.from[i]);
      o.is_row[i] = registers.is_row(instruction.from[i]);
    }
    execute(instruction.operation, o);
  }
}

// The last point stands in for those behind it that fill a vector.
std::int64_t read_points(const double* points, std::int64_t n, double* x, double* y) {
  for (std::int64_t i = 0; i < n; ++i) {
    x[i] = points[2 * i];
    y[i] = points[2 * i + 1];
  }
  const std::int64_t size = (n + width - 1) / width * width;
  for (std::int64_t i = n; i < size; ++i) x[i] = x[n - 1], y[i] = y[n - 1];
  return size;
}

void write_points(const Registers& registers, const std::int32_t* places, std::int64_t n,
                  double* mapped) {
  const double *x = registers.at(places[0]), *y = registers.at(places[1]);
  const std::int64_t step_x = registers.is_row(places[0]), step_y = registers.is_row(places[1]);
  if (step_x && step_y) {
    for (std::int64_t i = 0; i < n; ++i) {
      mapped[2 * i] = x[i];
      mapped[2 * i + 1] = y[i];
    }
    return;
  }
  for (std::int64_t i = 0; i < n; ++i) {
    mapped[2 * i] = x[i * step_x];
    mapped[2 * i + 1] = y[i * step_y];
  }
}

void write_plane(const Registers& registers, std::int32_t place, std::int64_t n, float* to) {
  static constexpr double zeros[uniform_doubles] = {};
  const double* from = place < 0 ? zeros : registers.at(place);
  const std::int64_t step = place >= 0 && registers.is_row(place) ? width : 0;
  std::int64_t i = 0;
  for (; i + width <= n; i += width, from += step) store_vector(to + i, to_float(load(from)));
  const HalfFloat last = to_float(load(from));
  for (int lane = 0; i < n; ++i, ++lane) to[i] = last[lane];
}

void run(const TapeView& tape, std::int64_t count, const double* points, double* mapped,
         float* derivatives, std::int64_t plane, double* room) {
  const Registers registers{room, tape.n_uniforms, tape.block};
  execute(tape.shared, tape.n_shared, registers, uniform_doubles, true);
  double* x = registers.at(tape.n_uniforms);
  double* y = registers.at(tape.n_uniforms + 1);
  for (std::int64_t first = 0; first < count; first += tape.block) {
    const std::int64_t left = count - first;
    const std::int64_t n = left < tape.block ? left : tape.block;
    const std::int64_t size = read_points(points + 2 * first, n, x, y);
    execute(tape.each, tape.n_each, registers, size, false);
    write_points(registers, tape.outputs, n, mapped + 2 * first);
    for (std::int32_t k = 0; k < tape.n_derivatives; ++k)
      write_plane(registers, tape.outputs[2 + k], n, derivatives + k * plane + first);
  }
}

}  // namespace

extern const TapeFunctions tape_table;
const TapeFunctions tape_table{run};

PHOTALIGN_ISA_END
