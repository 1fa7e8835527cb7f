// The numbers of an image, of any type, any alignment and either byte order.
#pragma once

#include <cstring>
#include <type_traits>

#include "image.hpp"
#include "isa.hpp"

PHOTALIGN_ISA_BEGIN

// IEEE 754 binary16, as bits.
struct Half {
  std::uint16_t bits;

  explicit operator float() const {
    const std::uint32_t sign = (bits & 0x8000u) << 16;
    const std::uint32_t magnitude = bits & 0x7fffu;
    // Moved to where float has them, exponent and fraction mean a number smaller by 2^112; that
    // holds for the subnormal ones, too.
    const float scaled = __builtin_bit_cast(float, magnitude << 13) * 0x1p112f;
    const bool is_finite = magnitude < 0x7c00;
    const std::uint32_t special = 0x7f800000u | magnitude << 13;
    return __builtin_bit_cast(
        float, sign | (is_finite ? __builtin_bit_cast(std::uint32_t, scaled) : special));
  }
};

// The type that images of T are sampled in: it holds the numbers of T exactly.
template <class T>
using Real = std::conditional_t<std::is_same_v<T, double> || std::is_same_v<T, std::uint32_t> ||
                                    std::is_same_v<T, std::int32_t>,
                                double, float>;

// Whether a number of T can be none.
template <class T>
inline constexpr bool has_nan = !std::is_integral_v<T>;

template <class T, bool is_swapped>
inline Real<T> read_element(const std::byte* from) {
  T element;
  if constexpr (is_swapped && sizeof(T) > 1) {
    std::byte reversed[sizeof(T)];
    for (std::size_t i = 0; i < sizeof(T); ++i) reversed[i] = from[sizeof(T) - 1 - i];
    std::memcpy(&element, reversed, sizeof element);
  } else {
    std::memcpy(&element, from, sizeof element);
  }
  return static_cast<Real<T>>(element);
}

PHOTALIGN_ISA_END
