//===- Parallel.h - one piece of work after the other, by several threads -===//
#pragma once

#include <algorithm>
#include <atomic>
#include <system_error>
#include <thread>
#include <vector>

namespace vmpt {

/// As many as there are cores for this process.
inline unsigned countCores() {
  return std::max(1u, std::thread::hardware_concurrency());
}

/// Calls \p run(0) to \p run(count - 1), each once, in any order, from up to
/// \p threads threads, the caller's among them; returns when all are done.
/// Where no more threads are to be had, fewer do it.
template <class Run> void parallelFor(size_t count, unsigned threads, Run run) {
  std::atomic<size_t> next = 0;
  auto work = [&] {
    for (size_t i = next++; i < count; i = next++)
      run(i);
  };
  std::vector<std::thread> others;
  for (size_t i = 1; i < std::min<size_t>(threads, count); ++i)
    try {
      others.emplace_back(work);
    } catch (const std::system_error &) {
      break;
    }
  work();
  for (std::thread &other : others)
    other.join();
}

} // namespace vmpt
