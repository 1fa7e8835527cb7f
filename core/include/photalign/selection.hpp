// Which pixels of the reference a pass looks at: rectangles, in rows that threads share.
#pragma once

#include <cstdint>
#include <vector>

#include "image.hpp"
#include "linearize_functions.hpp"

namespace photalign {

class Selection {
 public:
  // All pixels, in tiles.
  static Selection all(std::int64_t width, std::int64_t height);
  // Those of a rectangle.
  static Selection window(const Rect& rect);
  // Thin bands across the image, evenly spaced: a quarter of the pixels of a small image. Of a
  // large one, pieces of them, 65 thousand pixels in all. Enough for steps that others will follow.
  static Selection bands(std::int64_t width, std::int64_t height);
  // The most informative blocks, of about so many pixels together, see `Texture`.
  static Selection informative(const class Texture& texture, std::int64_t pixels);
  // A quarter of the rectangles.
  Selection quarter() const;
  // Rectangles spread over the image in which the noise is studied; all of a small image.
  static Selection samples(std::int64_t width, std::int64_t height);
  // The same in the middle of rectangles of this selection.
  Selection samples_inside(std::int64_t width, std::int64_t height) const;
  // Samples that leave nothing out.
  static Selection all_samples(std::int64_t width, std::int64_t height);

  std::int64_t rows() const { return static_cast<std::int64_t>(starts_.size()) - 1; }
  std::int64_t size() const { return static_cast<std::int64_t>(rects_.size()); }
  std::int64_t pixels() const;
  const Rect& operator[](std::int64_t i) const { return rects_[static_cast<std::size_t>(i)]; }
  Tiles tiles() const { return {rects_.data(), starts_.data(), rows()}; }

 private:
  void add_row(std::int64_t y, std::int64_t height, std::int64_t tile, std::int64_t width);
  void end_row() { starts_.push_back(size()); }

  std::vector<Rect> rects_;
  std::vector<std::int64_t> starts_{0};
};

}  // namespace photalign
