// Images at half the resolution. Compiled once per instruction set.
//
// Pixel i of the smaller image lies at 2 i + 1/2 of the larger one: the mean of [1 3 3 1] / 8
// around it in both directions, which removes the highest frequency threefold and moves nothing.
// Invalid pixels are left out and the weights of the others normalized (Knutsson and Westin, 1993),
// as long as at least half of the weight is there.
#include "photalign/pyramid_functions.hpp"
#include "photalign/tile.hpp"

PHOTALIGN_ISA_BEGIN
namespace {

constexpr float taps[4] = {0.125f, 0.375f, 0.375f, 0.125f};

float pixel(const Image& image, const Image& weight, std::int64_t channel, double offset,
            std::int64_t x, std::int64_t y) {
  float value = invalid();
  if (x < 0 || y < 0 || x >= image.width || y >= image.height) return value;
  convert_row(image, x, y, channel, 1, offset, &value);
  if (weight) invalidate_row(weight, x, y, 1, &value);
  return value;
}

float normalized(const Image& image, const Image& weight, std::int64_t channel, double offset,
                 std::int64_t column, std::int64_t row) {
  float total = 0, share = 0;
  for (int j = 0; j < 4; ++j)
    for (int i = 0; i < 4; ++i) {
      const float v = pixel(image, weight, channel, offset, 2 * column - 1 + i, 2 * row - 1 + j);
      if (v - v != 0) continue;
      total += taps[i] * taps[j] * v;
      share += taps[i] * taps[j];
    }
  return share >= 0.5f ? total / share : invalid();
}

void halve_row(const Image& image, const Image& weight, std::int64_t channel, double offset,
               std::int64_t row, float* room, float* out) {
  // Down the columns first; the row gets a margin so that the ends need no special case.
  const std::int64_t width = image.width;
  float* mean = room + 16;
  float* line = mean + width + 16;
  std::fill(room, line, 0.0f);
  for (int j = 0; j < 4; ++j) {
    const std::int64_t y = 2 * row - 1 + j;
    if (y < 0 || y >= image.height) {
      std::fill(mean, mean + width, invalid());
      break;
    }
    convert_row(image, 0, y, channel, width, offset, line);
    if (weight) invalidate_row(weight, 0, y, width, line);
    for (std::int64_t i = 0; i < width; ++i) mean[i] += taps[j] * line[i];
  }
  mean[-1] = mean[width] = mean[width + 1] = invalid();
  const std::int64_t half = width / 2;
  for (std::int64_t i = 0; i < half; ++i)
    out[i] =
        taps[0] * (mean[2 * i - 1] + mean[2 * i + 2]) + taps[1] * (mean[2 * i] + mean[2 * i + 1]);
  for (std::int64_t i = 0; i < half; ++i)
    if (out[i] - out[i] != 0) out[i] = normalized(image, weight, channel, offset, i, row);
}

}  // namespace

extern const PyramidFunctions pyramid_table;
const PyramidFunctions pyramid_table{halve_row};

PHOTALIGN_ISA_END
