#include "photalign/selection.hpp"

#include <algorithm>
#include <cmath>
#include <numeric>

#include "photalign/covariance_functions.hpp"
#include "photalign/texture.hpp"

namespace photalign {
namespace {

constexpr std::int64_t band_height = 16;
constexpr std::int64_t band_step = 64;      // rows from one band to the next
constexpr std::int64_t most_in_bands = 32;  // rectangles, however large the image is
constexpr std::int64_t least_bands = 6;

constexpr std::int64_t sample_pixels = 1 << 14;  // of the image, for one sample
constexpr std::int64_t least_samples = 4;
constexpr std::int64_t most_samples = 32;

}  // namespace

void Selection::add_row(std::int64_t y, std::int64_t height, std::int64_t tile,
                        std::int64_t width) {
  for (std::int64_t x = 0; x < width; x += tile)
    rects_.push_back({x, y, std::min(tile, width - x), height});
  end_row();
}

std::int64_t Selection::pixels() const {
  std::int64_t count = 0;
  for (const Rect& rect : rects_) count += rect.width * rect.height;
  return count;
}

Selection Selection::all(std::int64_t width, std::int64_t height) {
  Selection all;
  for (std::int64_t y = 0; y < height; y += tile_height)
    all.add_row(y, std::min<std::int64_t>(tile_height, height - y), tile_width, width);
  return all;
}

Selection Selection::window(const Rect& rect) {
  Selection window;
  const std::int64_t right = rect.x + rect.width, bottom = rect.y + rect.height;
  for (std::int64_t y = rect.y; y < bottom; y += tile_height) {
    for (std::int64_t x = rect.x; x < right; x += tile_width)
      window.rects_.push_back({x, y, std::min<std::int64_t>(tile_width, right - x),
                               std::min<std::int64_t>(tile_height, bottom - y)});
    window.end_row();
  }
  return window;
}

Selection Selection::bands(std::int64_t width, std::int64_t height) {
  const std::int64_t all_columns = (width + tile_width - 1) / tile_width;
  const std::int64_t all_rows = std::max<std::int64_t>(height / band_step, 1);
  // Of a large image a grid of rectangles, as many per length in both directions.
  std::int64_t rows = all_rows, columns = all_columns;
  if (rows * columns > most_in_bands) {
    const double aspect = static_cast<double>(all_rows) / static_cast<double>(all_columns);
    rows = std::clamp<std::int64_t>(std::llround(std::sqrt(most_in_bands * aspect)),
                                    std::min(least_bands, all_rows), all_rows);
    columns = std::clamp<std::int64_t>(most_in_bands / rows, 1, all_columns);
  }
  const std::int64_t band = std::min(band_height, height);
  Selection bands;
  for (std::int64_t j = 0; j < rows; ++j) {
    const std::int64_t y =
        std::clamp<std::int64_t>((2 * j + 1) * height / (2 * rows) - band / 2, 0, height - band);
    for (std::int64_t i = 0; i < columns; ++i) {
      // Every other row is moved by half a step.
      const std::int64_t x = (2 * i + j % 2) * all_columns / (2 * columns) * tile_width;
      bands.rects_.push_back({x, y, std::min<std::int64_t>(tile_width, width - x), band});
    }
    bands.end_row();
  }
  return bands;
}

Selection Selection::informative(const Texture& texture, std::int64_t pixels) {
  const std::vector<double> leverage = texture.leverage();
  const std::int64_t wanted =
      std::clamp<std::int64_t>(pixels / (Texture::block_width * Texture::block_height), 1,
                               static_cast<std::int64_t>(leverage.size()));
  std::vector<std::size_t> order(leverage.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  // Of equal blocks the first: the same for everybody.
  std::partial_sort(order.begin(), order.begin() + wanted, order.end(),
                    [&](std::size_t a, std::size_t b) {
                      return leverage[a] != leverage[b] ? leverage[a] > leverage[b] : a < b;
                    });
  std::vector<char> chosen(leverage.size());
  for (std::int64_t i = 0; i < wanted; ++i) {
    const std::size_t block = order[static_cast<std::size_t>(i)];
    if (i == 0 || leverage[block] > 0) chosen[block] = 1;
  }
  Selection selection;
  for (std::int64_t row = 0; row < texture.rows(); ++row) {
    const std::int64_t y = row * Texture::block_height;
    for (std::int64_t column = 0; column < texture.columns(); ++column) {
      if (!chosen[static_cast<std::size_t>(row * texture.columns() + column)]) continue;
      const std::int64_t x = column * Texture::block_width;
      const std::int64_t width = std::min(Texture::block_width, texture.width() - x);
      // Neighbors are one rectangle, as wide as a tile at most.
      Rect* last = selection.size() > selection.starts_.back() ? &selection.rects_.back() : nullptr;
      if (last && last->x + last->width == x && last->width + width <= tile_width)
        last->width += width;
      else
        selection.rects_.push_back(
            {x, y, width, std::min(Texture::block_height, texture.height() - y)});
    }
    if (selection.size() > selection.starts_.back()) selection.end_row();
  }
  return selection;
}

Selection Selection::quarter() const {
  Selection part;
  for (std::int64_t i = 1; i < size(); i += 4) {
    part.rects_.push_back((*this)[i]);
    part.end_row();
  }
  return part;
}

Selection Selection::samples_inside(std::int64_t width, std::int64_t height) const {
  const std::int64_t wanted = std::clamp(pixels() / sample_pixels, 2 * least_samples, most_samples);
  Selection samples;
  const auto begin = [](std::int64_t first, std::int64_t size, std::int64_t sample,
                        std::int64_t length) {
    return std::clamp<std::int64_t>(first + (size - sample) / 2, 0,
                                    std::max<std::int64_t>(length - sample, 0));
  };
  for (std::int64_t i = 0; i < std::min(wanted, size()); ++i) {
    const Rect& rect = (*this)[(2 * i + 1) * size() / (2 * std::min(wanted, size()))];
    const std::int64_t x = begin(rect.x, rect.width, sample_width, width);
    const std::int64_t y = begin(rect.y, rect.height, sample_height, height);
    samples.rects_.push_back(
        {x, y, std::min(sample_width, width - x), std::min(sample_height, height - y)});
    samples.end_row();
  }
  return samples;
}

Selection Selection::samples(std::int64_t width, std::int64_t height) {
  const std::int64_t columns_of_all = (width + sample_width - 1) / sample_width;
  const std::int64_t rows_of_all = (height + sample_height - 1) / sample_height;
  const std::int64_t wanted =
      std::clamp(width * height / sample_pixels, least_samples, most_samples);
  if (columns_of_all * rows_of_all <= 2 * wanted) return all_samples(width, height);
  // As many per length in both directions.
  const double aspect = static_cast<double>(width) / static_cast<double>(height);
  const auto count = [](double n, std::int64_t most) {
    return std::clamp<std::int64_t>(std::llround(n), 1, most);
  };
  const std::int64_t columns =
      count(std::sqrt(static_cast<double>(wanted) * aspect), columns_of_all);
  const std::int64_t rows =
      count(static_cast<double>(wanted) / static_cast<double>(columns), rows_of_all);
  const auto begin = [](std::int64_t i, std::int64_t n, std::int64_t length, std::int64_t sample) {
    return std::clamp<std::int64_t>((2 * i + 1) * length / (2 * n) - sample / 2, 0,
                                    std::max<std::int64_t>(length - sample, 0));
  };
  Selection samples;
  for (std::int64_t j = 0; j < rows; ++j) {
    const std::int64_t y = begin(j, rows, height, sample_height);
    for (std::int64_t i = 0; i < columns; ++i) {
      const std::int64_t x = begin(i, columns, width, sample_width);
      samples.rects_.push_back({x, y, std::min<std::int64_t>(sample_width, width - x),
                                std::min<std::int64_t>(sample_height, height - y)});
    }
    samples.end_row();
  }
  return samples;
}

Selection Selection::all_samples(std::int64_t width, std::int64_t height) {
  Selection all;
  for (std::int64_t y = 0; y < height; y += sample_height)
    all.add_row(y, std::min<std::int64_t>(sample_height, height - y), sample_width, width);
  return all;
}

}  // namespace photalign
