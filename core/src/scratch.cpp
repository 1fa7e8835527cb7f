#include "photalign/scratch.hpp"

#include <mutex>
#include <utility>

#include "photalign/linearize_functions.hpp"
#include "photalign/variants.hpp"

namespace photalign {
namespace {

constexpr std::size_t most_kept_tiles = 256;  // 10 MB of losses each

std::mutex mutex;
std::unique_ptr<Scratch> ready;

}  // namespace

std::unique_ptr<Scratch> Scratch::borrow(int threads) {
  std::unique_ptr<Scratch> scratch;
  {
    const std::scoped_lock lock(mutex);
    scratch = std::exchange(ready, nullptr);
  }
  if (!scratch) scratch = std::make_unique<Scratch>();
  while (scratch->of_threads_.size() < static_cast<std::size_t>(threads))
    scratch->of_threads_.push_back(
        std::make_unique_for_overwrite<float[]>(variant().linearize->workspace_floats()));
  return scratch;
}

void Scratch::give_back(std::unique_ptr<Scratch> scratch) {
  for (Room& room : scratch->losses_)
    if (room.tiles > most_kept_tiles) room = {};
  const std::scoped_lock lock(mutex);
  ready = std::move(scratch);
}

float* Scratch::numbers(std::size_t count) {
  if (count_ < count) {
    numbers_ = std::make_unique_for_overwrite<float[]>(count);
    count_ = count;
  }
  return numbers_.get();
}

float* Scratch::losses(std::size_t tiles, const float* taken) {
  Room& room = losses_[taken && taken == losses_[0].memory.get()];
  if (room.tiles < tiles) {
    room.memory = std::make_unique_for_overwrite<float[]>(tiles * loss_floats);
    room.tiles = tiles;
  }
  return room.memory.get();
}

}  // namespace photalign
