// Rows of an image as floats, whatever it is stored as; NaN where a pixel is invalid.
#pragma once

#include <cstdint>

#include "image.hpp"

namespace photalign {

class FloatRows {
 public:
  // `offset` is subtracted from all pixels; the weight may be empty.
  FloatRows(const Image& image, const Image& weight, double offset)
      : image_(image), weight_(weight), offset_(offset) {}

  std::int64_t height() const { return image_.height; }
  std::int64_t width() const { return image_.width; }
  std::int64_t channels() const { return image_.channels; }
  // Whether the pixels are stored as integers.
  bool is_rounded() const { return image_.dtype == DType::u8 || image_.dtype == DType::u16; }

  // Row y of a channel, `width` floats. A pixel with any channel invalid is invalid in all.
  void read(std::int64_t y, std::int64_t channel, float* to) const;
  // The mean of the channels; `room` has `width` floats.
  void read_mean(std::int64_t y, float* to, float* room) const;

 private:
  void read_channel(std::int64_t y, std::int64_t channel, float* to) const;
  void drop_invalid(std::int64_t y, float* row) const;

  Image image_;
  Image weight_;
  double offset_;
};

}  // namespace photalign
