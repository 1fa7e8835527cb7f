// The Jacobians of a block of points as rows of doubles.
#pragma once

#include "equation_functions.hpp"
#include "row_products.hpp"

PHOTALIGN_ISA_BEGIN

// Strides count doubles; rows can be read up to the padded number of parameters.
struct MotionRows {
  const double* data;
  std::int64_t point_stride;
  std::int64_t axis_stride;
};

// Numbers `stride` bytes apart.
template <class T>
void convert_line(const std::byte* from, std::int64_t stride, std::int64_t count, double* to,
                  std::int64_t to_stride) {
  for (std::int64_t i = 0; i < count; ++i) {
    T number;
    std::memcpy(&number, from + i * stride, sizeof number);
    to[i * to_stride] = static_cast<double>(number);
  }
}

template <class T>
void convert_motion(const PointJacobian& jacobian, std::int64_t first, std::int64_t count,
                    int dimension, double* to) {
  const std::int64_t size = padded(jacobian.parameters);
  const std::byte* from = jacobian.data + first * jacobian.point_stride;
  if (jacobian.parameter_stride == sizeof(T)) {
    for (std::int64_t k = 0; k < count; ++k)
      for (int a = 0; a < dimension; ++a)
        convert_line<T>(from + k * jacobian.point_stride + a * jacobian.axis_stride, sizeof(T),
                        jacobian.parameters, to + (k * dimension + a) * size, 1);
    return;
  }
  for (int a = 0; a < dimension; ++a)
    for (std::int64_t p = 0; p < jacobian.parameters; ++p)
      convert_line<T>(from + a * jacobian.axis_stride + p * jacobian.parameter_stride,
                      jacobian.point_stride, count, to + a * size + p, dimension * size);
}

// Of points [first, first + count), where they lie if they lie well, else in `room`, which takes
// count * dimension * padded(parameters) doubles.
inline MotionRows motion_rows(const PointJacobian& jacobian, std::int64_t first, std::int64_t count,
                              int dimension, double* room) {
  constexpr std::int64_t number = sizeof(double);
  const std::int64_t size = padded(jacobian.parameters);
  const std::byte* last = jacobian.data + (first + count - 1) * jacobian.point_stride +
                          (dimension - 1) * jacobian.axis_stride;
  if (jacobian.is_double && jacobian.parameter_stride == number && jacobian.end &&
      last + size * number <= jacobian.end)
    return {reinterpret_cast<const double*>(jacobian.data + first * jacobian.point_stride),
            jacobian.point_stride / number, jacobian.axis_stride / number};
  jacobian.is_double ? convert_motion<double>(jacobian, first, count, dimension, room)
                     : convert_motion<float>(jacobian, first, count, dimension, room);
  return {room, dimension * size, size};
}

PHOTALIGN_ISA_END
