//===- Parallel.h - one piece of work after the other, by several threads -===//
//
// Results do not depend on how many threads there are: each piece is worked on
// by one of them, and the results are taken in the order of the pieces, by the
// caller's thread. That works, too, where the next result is not ready.
//
#pragma once

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

namespace vmpt {

/// As many as there are cores for this process.
inline unsigned countCores() {
  return std::max(1u, std::thread::hardware_concurrency());
}

/// See inOrder().
template <class Piece, class Result, class Next, class Make> class OrderedWork {
public:
  OrderedWork(unsigned threads, Next &next, Make &make, size_t mostWaiting)
      : next_(next), make_(make), hasOthers_(threads > 1),
        slots_(threads > 1 ? std::max(mostWaiting, size_t(threads) * 4) : 1) {
    others_.reserve(threads);
    for (unsigned worker = 1; worker < threads; ++worker)
      try {
        others_.emplace_back([this, worker] {
          std::unique_lock lock(mutex_);
          while (!isOver_)
            if (!makeOne(worker, lock) && !isOver_)
              changed_.wait(lock);
        });
      } catch (const std::exception &) {
        break; // Where no more are to be had, fewer do it.
      }
  }
  ~OrderedWork() {
    {
      std::lock_guard lock(mutex_);
      isOver_ = true;
    }
    changed_.notify_all();
    for (std::thread &other : others_)
      other.join();
  }

  template <class Take> void takeAll(Take take) {
    std::unique_lock lock(mutex_);
    for (bool goesOn = true; goesOn;) {
      Slot &slot = slots_[taken_ % slots_.size()];
      while (!(taken_ < started_ && slot.isReady))
        if (!makeOne(0, lock)) {
          if (taken_ == started_)
            return; // There are no more pieces.
          changed_.wait(lock);
        }
      lock.unlock();
      if (slot.failure)
        std::rethrow_exception(std::exchange(slot.failure, nullptr));
      goesOn = take(slot.piece, slot.result);
      slot.result = Result();
      lock.lock();
      slot.isReady = false;
      ++taken_;
      if (hasOthers_)
        changed_.notify_all();
    }
  }

private:
  struct Slot {
    Piece piece = {};
    Result result = {};
    std::exception_ptr failure; ///< What a thread threw instead.
    bool isReady = false;
  };

  /// Works on the next piece, without the lock. False: there is none, or no
  /// room for its result yet.
  bool makeOne(unsigned worker, std::unique_lock<std::mutex> &lock) {
    if (started_ - taken_ == slots_.size() || isAtEnd_)
      return false;
    Slot &slot = slots_[started_ % slots_.size()];
    bool hasMore = true; // or fails to say
    try {
      hasMore = next_(slot.piece);
    } catch (...) {
      slot.failure = std::current_exception();
    }
    isAtEnd_ = !hasMore || slot.failure;
    if (!hasMore)
      return false;
    ++started_;
    if (!slot.failure) {
      lock.unlock();
      try {
        make_(worker, std::as_const(slot.piece), slot.result);
      } catch (...) {
        slot.failure = std::current_exception();
      }
      lock.lock();
    }
    slot.isReady = true;
    if (hasOthers_)
      changed_.notify_all();
    return true;
  }

  Next &next_;
  Make &make_;
  /// others_ may still grow when the first of them works.
  const bool hasOthers_;
  std::mutex mutex_; ///< Of all below.
  std::condition_variable changed_;
  std::vector<Slot> slots_; ///< Of piece n: n modulo their number.
  size_t started_ = 0, taken_ = 0;
  bool isAtEnd_ = false, isOver_ = false;
  std::vector<std::thread> others_;
};

/// \p next(piece) fills in the next piece of work, or says false; it is called
/// by one thread at a time. \p make(worker, piece, result) works on one, by up
/// to \p threads threads at once, the caller's among them; \p worker is below
/// \p threads, and two calls with the same number are never at the same time.
/// \p take(piece, result) is called by the caller's thread in the order of
/// the pieces, and ends the work if it says false. Few results wait for it at a
/// time: four for each thread, or \p mostWaiting, for results that are kept
/// anyway, so that one long piece does not keep the others waiting. Returns
/// when all are done. What any of them throws, the caller gets.
template <class Piece, class Result, class Next, class Make, class Take>
void inOrder(unsigned threads, Next next, Make make, Take take,
             size_t mostWaiting = 0) {
  OrderedWork<Piece, Result, Next, Make>(threads, next, make, mostWaiting)
      .takeAll(std::move(take));
}

/// The same for pieces 0 to \p count - 1.
template <class Result, class Make, class Take>
void countInOrder(size_t count, unsigned threads, Make make, Take take,
                  size_t mostWaiting = 0) {
  size_t next = 0;
  inOrder<size_t, Result>(
      unsigned(std::min<size_t>(threads, count)),
      [&](size_t &piece) {
        piece = next;
        return next++ < count;
      },
      std::move(make), std::move(take), mostWaiting);
}

} // namespace vmpt
