#include "photalign/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif
#ifdef __linux__
#include <sched.h>
#endif

namespace photalign {
namespace {

// One loop: indices are handed out one by one, since rows of tiles differ in cost.
struct Loop {
  const std::function<void(std::int64_t, int)>* body;
  std::int64_t count;
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> stop{false};
  std::exception_ptr error;
  std::mutex error_mutex;

  void fail() {
    const std::scoped_lock lock(error_mutex);
    if (!error) error = std::current_exception();
    stop.store(true);
  }

  Loop(const std::function<void(std::int64_t, int)>& b, std::int64_t n) : body(&b), count(n) {}

  void run(int worker, const std::function<bool()>* interrupted) {
    try {
      while (!stop.load(std::memory_order_relaxed)) {
        if (interrupted && (*interrupted)()) throw Interrupted();
        const std::int64_t i = next.fetch_add(1, std::memory_order_relaxed);
        if (i >= count) break;
        (*body)(i, worker);
      }
    } catch (...) {
      fail();
    }
  }
};

int usable_processors() {
#ifdef __linux__
  cpu_set_t usable;
  if (sched_getaffinity(0, sizeof usable, &usable) == 0) return CPU_COUNT(&usable);
#endif
  return static_cast<int>(std::thread::hardware_concurrency());
}

void pause() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

// Waits for something that is about to happen. To sleep and be woken takes tens of microseconds, as
// long as a loop over a small image; who waits no longer than that stays awake.
template <class Happened>
bool happens_soon(const Happened& happened) {
  using Clock = std::chrono::steady_clock;
  constexpr auto soon = std::chrono::microseconds(50);
  constexpr int looks_per_time = 16;
  const Clock::time_point end = Clock::now() + soon;
  do {
    for (int i = 0; i < looks_per_time; ++i) {
      if (happened()) return true;
      pause();
    }
  } while (Clock::now() < end);
  return false;
}

// Threads wait for the next loop, awake for a while and then asleep. One loop at a time uses the
// pool; a second caller runs alone. The caller starts at once and waits only for threads that came
// before all was handed out.
class Pool {
 public:
  bool run(Loop& loop, int threads, const std::function<bool()>* interrupted) {
    const std::unique_lock busy(busy_, std::try_to_lock);
    if (!busy) return false;
    bool is_anyone_asleep = false;
    {
      const std::scoped_lock lock(mutex_);
      if (started_ < threads - 1) start(threads - 1);
      loop_ = &loop;
      wanted_ = threads - 1;
      generation_.fetch_add(1, std::memory_order_release);
      is_anyone_asleep = asleep_ > 0;
    }
    if (is_anyone_asleep) wake_.notify_all();
    loop.run(0, interrupted);
    finish();
    return true;
  }

 private:
  void start(int threads) {
    while (started_ < threads) std::thread(&Pool::work, this, ++started_).detach();
    // A thread that waits awake must not keep another from its work.
    may_stay_awake_.store(started_ + 1 <= usable_processors());
  }

  bool may_stay_awake() const { return may_stay_awake_.load(std::memory_order_relaxed); }

  // Lets no one else in, and waits for those who are.
  void finish() {
    {
      const std::scoped_lock lock(mutex_);
      loop_ = nullptr;
    }
    const auto all_left = [this] { return running_.load(std::memory_order_acquire) == 0; };
    if (all_left() || (may_stay_awake() && happens_soon(all_left))) return;
    std::unique_lock lock(mutex_);
    done_.wait(lock, all_left);
  }

  void work(int worker) {
    std::uint64_t seen = 0;
    for (;;) {
      if (Loop* loop = next_loop(worker, seen)) {
        loop->run(worker, nullptr);
        leave();
      }
    }
  }

  // The next loop that there is after number `seen`, which becomes its number; null if the worker
  // is too late or not wanted.
  Loop* next_loop(int worker, std::uint64_t& seen) {
    const auto is_new = [&] { return generation_.load(std::memory_order_acquire) != seen; };
    if (may_stay_awake()) happens_soon(is_new);
    std::unique_lock lock(mutex_);
    if (!is_new()) {
      ++asleep_;
      wake_.wait(lock, is_new);
      --asleep_;
    }
    seen = generation_.load(std::memory_order_relaxed);
    if (!loop_ || worker > wanted_) return nullptr;
    running_.fetch_add(1, std::memory_order_relaxed);
    return loop_;
  }

  // From here on the loop may be gone.
  void leave() {
    if (running_.fetch_sub(1, std::memory_order_acq_rel) > 1) return;
    const std::scoped_lock lock(mutex_);
    done_.notify_all();
  }

  std::mutex busy_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  int started_ = 0;
  int asleep_ = 0;
  Loop* loop_ = nullptr;  // null when all of it is handed out
  int wanted_ = 0;
  std::atomic<int> running_{0};
  std::atomic<std::uint64_t> generation_{0};
  std::atomic<bool> may_stay_awake_{false};
};

// The pool is never destroyed: its threads may outlive main. A forked child has none of the
// threads, so it starts with a new pool.
std::atomic<Pool*> the_pool{nullptr};

Pool& pool() {
  Pool* existing = the_pool.load();
  if (existing) return *existing;
  auto* fresh = new Pool;
  if (the_pool.compare_exchange_strong(existing, fresh)) {
#if defined(__unix__) || defined(__APPLE__)
    static const int registered = pthread_atfork(nullptr, nullptr, [] { the_pool.store(nullptr); });
    static_cast<void>(registered);
#endif
    return *fresh;
  }
  delete fresh;
  return *existing;
}

}  // namespace

void parallel_for(const Execution& execution, std::int64_t count,
                  const std::function<void(std::int64_t, int)>& body) {
  Loop loop(body, count);
  const std::function<bool()>* interrupted =
      execution.interrupted ? &execution.interrupted : nullptr;
  const int threads = static_cast<int>(
      std::min<std::int64_t>(std::max(execution.threads, 1), std::max<std::int64_t>(count, 1)));
  if (threads == 1 || !pool().run(loop, threads, interrupted)) loop.run(0, interrupted);
  if (loop.error) std::rethrow_exception(loop.error);
}

}  // namespace photalign
