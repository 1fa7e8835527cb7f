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
inline void convert_vector(const std::byte* from, double* to) {
#if defined(__AVX512F__)
  if constexpr (sizeof(T) == sizeof(float))
    return _mm512_storeu_pd(to,
                            _mm512_cvtps_pd(_mm256_loadu_ps(reinterpret_cast<const float*>(from))));
#elif defined(__AVX2__)
  if constexpr (sizeof(T) == sizeof(float))
    return _mm256_storeu_pd(to,
                            _mm256_cvtps_pd(_mm_loadu_ps(reinterpret_cast<const float*>(from))));
#endif
  convert_line<T>(from, sizeof(T), lanes_of<double>, to, 1);
}

template <class T>
void convert_motion(const PointJacobian& jacobian, std::int64_t first, std::int64_t count,
                    int dimension, bool is_readable, double* to) {
  const std::int64_t size = padded(jacobian.parameters);
  const std::byte* from = jacobian.data + first * jacobian.point_stride;
  if (jacobian.parameter_stride == sizeof(T) && is_readable) {
    for (std::int64_t k = 0; k < count; ++k)
      for (int a = 0; a < dimension; ++a, to += size) {
        const std::byte* row = from + k * jacobian.point_stride + a * jacobian.axis_stride;
        for (std::int64_t p = 0; p < size; p += lanes_of<double>)
          convert_vector<T>(row + p * static_cast<std::int64_t>(sizeof(T)), to + p);
      }
    return;
  }
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
  const std::int64_t number = jacobian.is_double ? 8 : 4;
  const std::int64_t size = padded(jacobian.parameters);
  const std::byte* last = jacobian.data + (first + count - 1) * jacobian.point_stride +
                          (dimension - 1) * jacobian.axis_stride;
  const bool is_readable = jacobian.end && last + size * number <= jacobian.end;
  if (jacobian.is_double && jacobian.parameter_stride == number && is_readable)
    return {reinterpret_cast<const double*>(jacobian.data + first * jacobian.point_stride),
            jacobian.point_stride / number, jacobian.axis_stride / number};
  jacobian.is_double ? convert_motion<double>(jacobian, first, count, dimension, is_readable, room)
                     : convert_motion<float>(jacobian, first, count, dimension, is_readable, room);
  return {room, dimension * size, size};
}

PHOTALIGN_ISA_END
