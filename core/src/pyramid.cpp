// Images at half the resolution. Compiled once per instruction set.
//
// Pixel i of the smaller image lies at 2 i + 1/2 of the larger one: the mean of [1 3 3 1] / 8
// around it in both directions, which removes the highest frequency threefold and moves nothing.
// Invalid pixels are left out and the weights of the others normalized (Knutsson and Westin, 1993),
// as long as at least half of the weight is there.
//
// Every row of the larger image is filtered along its length once and serves two rows of the
// smaller one. Invalid pixels are 0 in it, and a row that has some gets a second one with the share
// of the weights that fell on valid pixels, which goes the same way.
#include "photalign/interleaving.hpp"
#include "photalign/pyramid_functions.hpp"

#include "photalign/byte_halving.hpp"
#include "photalign/tile.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

// Elements [first, first + lanes) of two vectors in a row.
template <int first, int... i>
Float window(Float a, Float b, std::integer_sequence<int, i...>) {
  return __builtin_shufflevector(a, b, (first + i)...);
}
template <int first>
Float window(Float a, Float b) {
  return window<first>(a, b, std::make_integer_sequence<int, lanes>{});
}

// The mean of four neighbors.
Float mean_of(Float before, Float left, Float right, Float after) {
  return 0.125f * (before + after) + 0.375f * (left + right);
}

// Along a row with two zeros or more on either side. Every second pixel is the left one of two.
void filter_along(const float* from, std::int64_t half, float* to) {
  Float left = even_elements(load(from), load(from + lanes));
  Float right_before = Float{};
  for (std::int64_t i = 0; i < half; i += lanes) {
    const float* at = from + 2 * i;
    const Float right = odd_elements(load(at), load(at + lanes));
    const Float left_after = even_elements(load(at + 2 * lanes), load(at + 3 * lanes));
    store(to + i, mean_of(window<lanes - 1>(right_before, right), left, right,
                          window<1>(left, left_after)));
    left = left_after;
    right_before = right;
  }
}

// Zeros in place of invalid pixels; where these were goes to `valid` as 0, the others as 1. False,
// and nothing done, if there are none.
bool take_out_invalid(float* row, std::int64_t width, float* valid) {
  Int all = splat(-1);
  for (std::int64_t i = 0; i < width; i += lanes) all &= is_finite(load(row + i));
  if (all_true(all)) return false;
  for (std::int64_t i = 0; i < width; i += lanes) {
    const Float v = load(row + i);
    const Int finite = is_finite(v);
    store(row + i, select(finite, v, Float{}));
    store(valid + i, select(finite, splat(1.0f), Float{}));
  }
  std::fill(valid + width, valid + width + halving_margin, 0.0f);
  return true;
}

// A row of the larger image, filtered along its length.
struct FilteredRow {
  const float* values;
  const float* shares;
  bool is_complete;  // no pixel of the row is invalid
};

class Halving {
 public:
  Halving(const Image& image, const Image& weight, double offset, bool may_be_invalid, float* room)
      : image_(image),
        weight_(weight),
        offset_(offset),
        half_(image.width / 2),
        may_be_invalid_(may_be_invalid),
        line_(take(room, image.width + halving_margin)),
        valid_(take(room, image.width + halving_margin)) {
    for (int k = 0; k < 4; ++k) {
      values_[k] = room;
      shares_[k] = room + 4 * row_floats();
      room += row_floats();
    }
    ends_ = room + 4 * row_floats();
    std::fill(valid_, valid_ + image.width, 1.0f);
    std::fill(valid_ + image.width, valid_ + image.width + halving_margin, 0.0f);
    filter_along(valid_, half_, ends_);
    std::fill(line_ + image.width, line_ + image.width + halving_margin, 0.0f);
  }

  void rows(std::int64_t channel, std::int64_t first, std::int64_t last, float* out,
            std::int64_t stride) {
    FilteredRow four[4];
    for (std::int64_t row = first; row < last; ++row) {
      const std::int64_t top = 2 * row - 1;
      const int known = row == first ? 0 : 2;
      for (int k = 0; k < known; ++k) four[k] = four[k + 2];
      for (int k = known; k < 4; ++k) four[k] = filtered(channel, top + k);
      combine(four, out + row * stride);
    }
  }

 private:
  static float* take(float*& room, std::int64_t count) {
    float* zeros = room;
    std::fill(zeros, zeros + halving_margin, 0.0f);
    room += (halving_margin + count + 15) / 16 * 16;
    return zeros + halving_margin;
  }

  // Rows start on cache lines, like the room.
  std::int64_t row_floats() const { return (half_ / 16 * 16) + halving_margin; }

  FilteredRow filtered(std::int64_t channel, std::int64_t y) {
    float* values = values_[y & 3];
    float* shares = shares_[y & 3];
    if (y < 0 || y >= image_.height) {
      std::fill(values, values + row_floats(), 0.0f);
      std::fill(shares, shares + row_floats(), 0.0f);
      return {values, shares, false};
    }
    convert(image_, weight_, channel, offset_, {0, y, image_.width, 1}, line_, 0);
    const bool has_invalid = may_be_invalid_ && take_out_invalid(line_, image_.width, valid_);
    filter_along(line_, half_, values);
    if (!has_invalid) return {values, ends_, true};
    filter_along(valid_, half_, shares);
    return {values, shares, false};
  }

  void combine(const FilteredRow (&four)[4], float* out) const {
    const auto combined = [&](auto rows_of, std::int64_t i) {
      return mean_of(load(rows_of(four[0]) + i), load(rows_of(four[1]) + i),
                     load(rows_of(four[2]) + i), load(rows_of(four[3]) + i));
    };
    const auto values = [](const FilteredRow& row) { return row.values; };
    const auto shares = [](const FilteredRow& row) { return row.shares; };
    if (four[0].is_complete && four[1].is_complete && four[2].is_complete && four[3].is_complete) {
      for (std::int64_t i = 0; i < half_; i += lanes) store(out + i, combined(values, i));
      // Beside the first and the last pixel there are none.
      out[0] /= ends_[0];
      if (half_ > 1) out[half_ - 1] /= ends_[half_ - 1];
      return;
    }
    for (std::int64_t i = 0; i < half_; i += lanes) {
      const Float share = combined(shares, i);
      store(out + i, select(share >= splat(0.5f), combined(values, i) / share, splat(invalid())));
    }
  }

  const Image& image_;
  const Image& weight_;
  double offset_;
  std::int64_t half_;
  bool may_be_invalid_;
  float *line_, *valid_;
  float *values_[4], *shares_[4];
  float* ends_;
};

void halve_rows(const Image& image, const Image& weight, double offset, float* room,
                const HalvedRows& out) {
#if defined(__AVX2__) || defined(__AVX512F__)
  if (image.dtype == DType::u8 && !weight) {
    ByteHalving halving(image, offset, room);
    for (std::int64_t channel = 0; channel < image.channels; ++channel)
      halving.rows(channel, out.first, out.last, out.data + channel * out.channel_stride,
                   out.stride);
    return;
  }
#endif
  Halving halving(image, weight, offset, out.may_be_invalid, room);
  for (std::int64_t channel = 0; channel < image.channels; ++channel)
    halving.rows(channel, out.first, out.last, out.data + channel * out.channel_stride, out.stride);
}

}  // namespace

extern const PyramidFunctions pyramid_table;
const PyramidFunctions pyramid_table{halve_rows};

PHOTALIGN_ISA_END
