// Half the resolution of images of bytes, in integers: the same values as in floats, and bit for
// bit, since floats hold all of these sums exactly, with twice the elements in a vector.
#pragma once

#include <algorithm>

#include "image.hpp"
#include "pyramid_functions.hpp"
#include "spaced_elements.hpp"

PHOTALIGN_ISA_BEGIN

#if defined(__AVX2__) || defined(__AVX512F__)

// As many shorts as there are floats in a vector, and twice as many.
using HalfShort = std::uint16_t __attribute__((vector_size(sizeof(Float) / 2)));
using Short = std::uint16_t __attribute__((vector_size(sizeof(Float))));

// first * a + second * b for every two bytes a, b side by side.
inline Short weighted_pairs(const std::uint8_t* from, int first, int second) {
  const auto weights = static_cast<std::int16_t>(second * 256 + first);
#if defined(__AVX512F__)
  return reinterpret_cast<Short>(
      _mm512_maddubs_epi16(load_vector<__m512i>(from), _mm512_set1_epi16(weights)));
#else
  return reinterpret_cast<Short>(
      _mm256_maddubs_epi16(load_vector<__m256i>(from), _mm256_set1_epi16(weights)));
#endif
}

inline Float to_float(HalfShort v) {
#if defined(__AVX512F__)
  return to_float(reinterpret_cast<Int>(_mm512_cvtepu16_epi32(reinterpret_cast<__m256i>(v))));
#else
  return to_float(reinterpret_cast<Int>(_mm256_cvtepu16_epi32(reinterpret_cast<__m128i>(v))));
#endif
}

class ByteHalving {
 public:
  // The room is that of the floats.
  ByteHalving(const Image& image, double offset, float* room)
      : image_(image), offset_(static_cast<float>(offset)), half_(image.width / 2) {
    auto* bytes = reinterpret_cast<std::uint8_t*>(room);
    const std::int64_t line_bytes = (image.width + 4 * halving_margin) / 64 * 64;
    for (std::uint8_t*& line : lines_) {
      std::fill(bytes, bytes + line_bytes, std::uint8_t{0});
      line = bytes + halving_margin;
      bytes += line_bytes;
    }
    for (int k = 0; k < 4; ++k)
      sums_[k] = reinterpret_cast<std::uint16_t*>(bytes) + k * row_shorts();
  }

  void rows(std::int64_t channel, std::int64_t first, std::int64_t last, float* out,
            std::int64_t stride) {
    for (std::int64_t row = first; row < last; ++row) {
      const std::int64_t top = 2 * row - 1;
      // Two lines at a time: what was just written cannot be read at once, other than as it was.
      for (int k = row == first ? 0 : 2; k < 4; k += 2) {
        for (int l = 0; l < 2; ++l) read_line(channel, top + k + l, lines_[l]);
        for (int l = 0; l < 2; ++l) filter_along(top + k + l, lines_[l]);
      }
      combine(top, out + row * stride);
    }
  }

 private:
  static constexpr int taps[4] = {1, 3, 3, 1};
  static constexpr float unit = 1.0f / 64;  // of sums of rows and columns

  std::int64_t row_shorts() const { return half_ / 64 * 64 + halving_margin; }
  std::uint16_t* sums(std::int64_t y) const { return sums_[y & 3]; }
  bool is_row(std::int64_t y) const { return y >= 0 && y < image_.height; }

  // One row, to sums of 8 times the mean; what is outside adds nothing.
  void filter_along(std::int64_t y, const std::uint8_t* line) {
    std::uint16_t* to = sums(y);
    if (!is_row(y)) {
      std::fill(to, to + row_shorts(), std::uint16_t{0});
      return;
    }
    for (std::int64_t i = 0; i < half_; i += 2 * lanes) {
      const std::uint8_t* at = line + 2 * i;
      store_vector(to + i, weighted_pairs(at - 1, 1, 3) + weighted_pairs(at + 1, 3, 1));
    }
  }

  void read_line(std::int64_t channel, std::int64_t y, std::uint8_t* line) const {
    if (!is_row(y)) return;
    const std::byte* from = image_.at(y, 0, channel);
    switch (image_.column_stride) {
      case 1:
        std::memcpy(line, from, static_cast<std::size_t>(image_.width));
        return;
      case 3:
        return read_spaced<3>(from, line);
      case 4:
        return read_spaced<4>(from, line);
      default:
        return read_singly(from, 0, line);
    }
  }

  template <int step>
  void read_spaced(const std::byte* from, std::uint8_t* line) const {
    std::int64_t i = 0;
    for (; i + 16 <= image_.width; i += 16)
      store_vector(line + i, spaced_bytes<std::uint8_t, step>(from + i * step));
    read_singly(from, i, line);
  }

  void read_singly(const std::byte* from, std::int64_t first, std::uint8_t* line) const {
    for (std::int64_t i = first; i < image_.width; ++i)
      line[i] = static_cast<std::uint8_t>(from[i * image_.column_stride]);
  }

  // Four rows, and what the weights outside of the image leave to be divided by.
  void combine(std::int64_t top, float* out) const {
    int share = 0;
    for (int k = 0; k < 4; ++k) share += is_row(top + k) ? taps[k] : 0;
    const float rows = static_cast<float>(share) / 8;
    for (std::int64_t i = 0; i < half_; i += lanes) {
      const auto at = [&](int k) { return load_vector<HalfShort>(sums(top + k) + i); };
      const HalfShort middle = at(1) + at(2);
      const HalfShort total = at(0) + at(3) + middle + middle + middle;
      const Float mean = to_float(total) * unit - rows * offset_;
      store(out + i, share == 8 ? mean : mean / rows);
    }
    for (const std::int64_t i : {std::int64_t{0}, half_ - 1}) {
      int total = 0;
      for (int k = 0; k < 4; ++k) total += taps[k] * sums(top + k)[i];
      const int columns = 8 - (i == 0) - (2 * i + 2 >= image_.width);
      const float weight = rows * static_cast<float>(columns) / 8;
      out[i] = (static_cast<float>(total) * unit - weight * offset_) / weight;
    }
  }

  const Image& image_;
  float offset_;
  std::int64_t half_;
  std::uint8_t* lines_[2];
  std::uint16_t* sums_[4];
};

#endif

PHOTALIGN_ISA_END
