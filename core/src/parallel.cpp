#include "photalign/parallel.hpp"

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>

#if defined(__unix__) || defined(__APPLE__)
#include <pthread.h>
#endif

namespace photalign {
namespace {

// One loop: indices are handed out one by one, since rows of tiles differ in cost.
struct Loop {
  const std::function<void(std::int64_t, int)>* body;
  std::int64_t count;
  std::atomic<std::int64_t> next{0};
  std::atomic<bool> stop{false};
  std::atomic<int> running{0};
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

// Threads sleep between loops. One loop at a time uses the pool; a second caller runs alone.
class Pool {
 public:
  bool run(Loop& loop, int threads, const std::function<bool()>* interrupted) {
    const std::unique_lock busy(busy_, std::try_to_lock);
    if (!busy) return false;
    {
      const std::scoped_lock lock(mutex_);
      while (started_ < threads - 1) std::thread(&Pool::work, this, ++started_).detach();
      loop_ = &loop;
      wanted_ = threads - 1;
      loop.running.store(threads - 1);
      ++generation_;
    }
    wake_.notify_all();
    loop.run(0, interrupted);
    std::unique_lock lock(mutex_);
    done_.wait(lock, [&] { return loop.running.load() == 0; });
    loop_ = nullptr;
    return true;
  }

 private:
  void work(int worker) {
    std::uint64_t seen = 0;
    std::unique_lock lock(mutex_);
    for (;;) {
      wake_.wait(lock, [&] { return generation_ != seen && loop_ && worker <= wanted_; });
      seen = generation_;
      Loop* loop = loop_;
      lock.unlock();
      loop->run(worker, nullptr);
      lock.lock();
      if (loop->running.fetch_sub(1) == 1) done_.notify_all();
    }
  }

  std::mutex busy_;
  std::mutex mutex_;
  std::condition_variable wake_;
  std::condition_variable done_;
  int started_ = 0;
  Loop* loop_ = nullptr;
  int wanted_ = 0;
  std::uint64_t generation_ = 0;
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
