// A function of points as the list of its elementary operations, and what the hot file `tape.cpp`
// does with it: plain data in, plain data out.
//
// Numbers live in registers. Those of *uniforms* come first: constants, parameters, and what is
// computed of these alone, once for all points. Behind them are *rows*, which hold a number for
// each point of a block; the first two are the points' x and y.
#pragma once

#include <cstddef>
#include <cstdint>

namespace photalign {

// Named like the functions of NumPy whose values they have. Masks are 1 and 0. `chained` is the
// product of a derivative with a factor that may be infinite: 0 remains 0. The last three are
// a * b + c, a * b + c * d and (a * b + c * d) + e, rounded one by one.
#define PHOTALIGN_TAPE_OPERATIONS(X) \
  X(add)                             \
  X(subtract)                        \
  X(multiply)                        \
  X(divide)                          \
  X(negative)                        \
  X(absolute)                        \
  X(sqrt)                            \
  X(minimum)                         \
  X(maximum)                         \
  X(fmin)                            \
  X(fmax)                            \
  X(sign)                            \
  X(less)                            \
  X(less_equal)                      \
  X(equal)                           \
  X(not_equal)                       \
  X(logical_and)                     \
  X(logical_or)                      \
  X(logical_xor)                     \
  X(logical_not)                     \
  X(isnan)                           \
  X(isinf)                           \
  X(isfinite)                        \
  X(where)                           \
  X(chained)                         \
  X(floor)                           \
  X(ceil)                            \
  X(trunc)                           \
  X(rint)                            \
  X(copysign)                        \
  X(remainder)                       \
  X(fmod)                            \
  X(floor_divide)                    \
  X(power)                           \
  X(exp)                             \
  X(exp2)                            \
  X(expm1)                           \
  X(log)                             \
  X(log2)                            \
  X(log10)                           \
  X(log1p)                           \
  X(cbrt)                            \
  X(sin)                             \
  X(cos)                             \
  X(tan)                             \
  X(arcsin)                          \
  X(arccos)                          \
  X(arctan)                          \
  X(arctan2)                         \
  X(sinh)                            \
  X(cosh)                            \
  X(tanh)                            \
  X(arcsinh)                         \
  X(arccosh)                         \
  X(arctanh)                         \
  X(multiply_add)                    \
  X(two_products)                    \
  X(two_products_add)

enum class Operation : std::int32_t {
#define PHOTALIGN_OPERATION(name) name,
  PHOTALIGN_TAPE_OPERATIONS(PHOTALIGN_OPERATION)
#undef PHOTALIGN_OPERATION
};

inline constexpr int max_operands = 5;

// Writes a register; operands that an operation does not have are 0.
struct Instruction {
  Operation operation = Operation::add;
  std::int32_t to = 0;
  std::int32_t from[max_operands] = {};
};

// A uniform takes as much room as the widest vector, all of it the same number.
inline constexpr std::int64_t uniform_doubles = 8;

struct TapeView {
  const Instruction* shared = nullptr;  // write uniforms
  const Instruction* each = nullptr;    // write rows
  std::int32_t n_shared = 0, n_each = 0;
  std::int32_t n_uniforms = 0, n_rows = 0;
  // Registers of the mapped point, then of derivatives (parameter, axis), -1 where these are 0.
  const std::int32_t* outputs = nullptr;
  std::int32_t n_derivatives = 0;
  std::int64_t block = 0;  // points at once, a multiple of uniform_doubles

  std::size_t room() const {
    return static_cast<std::size_t>(n_uniforms * uniform_doubles + n_rows * block);
  }
};

struct TapeFunctions {
  // Runs a tape on points[count][2], in `room` for its registers that begins with constants and
  // parameters. Derivatives go to planes of `plane` floats.
  void (*run)(const TapeView&, std::int64_t count, const double* points, double* mapped,
              float* derivatives, std::int64_t plane, double* room);
};

}  // namespace photalign
