// From the name of an image's type to the type.
#pragma once

#include "elements.hpp"
#include "lattice.hpp"

PHOTALIGN_ISA_BEGIN

// Calls body<T, is_swapped>() with the type of the image's numbers, if they are computed in S.
template <class S, class Body>
[[gnu::always_inline]] inline void with_element(const Lattice& image, Body body) {
  const auto call = [&]<class T>(T) {
    if constexpr (std::is_same_v<Real<T>, S>) {
      if (image.is_swapped && sizeof(T) > 1)
        body.template operator()<T, true>();
      else
        body.template operator()<T, false>();
    }
  };
  switch (image.dtype) {
    case DType::u8:
      return call(std::uint8_t{});
    case DType::i8:
      return call(std::int8_t{});
    case DType::u16:
      return call(std::uint16_t{});
    case DType::i16:
      return call(std::int16_t{});
    case DType::u32:
      return call(std::uint32_t{});
    case DType::i32:
      return call(std::int32_t{});
    case DType::f16:
      return call(Half{});
    case DType::f32:
      return call(0.0f);
    case DType::f64:
      return call(0.0);
  }
}

PHOTALIGN_ISA_END
