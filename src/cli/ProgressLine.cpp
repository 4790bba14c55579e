#include "cli/ProgressLine.h"

#include <cmath>
#include <utility>

namespace vmpt {

namespace {

using Seconds = std::chrono::duration<double>;

std::string describeLeft(double seconds) {
  const auto left = uint64_t(std::ceil(seconds));
  if (left < 100)
    return std::to_string(left) + " s left";
  return std::to_string((left + 59) / 60) + " min left";
}

} // namespace

std::optional<std::string> ProgressLine::update(llvm::StringRef what,
                                                uint64_t done, uint64_t total,
                                                Time now) {
  const std::string eraseRest = "\x1b[K";
  constexpr auto least = std::chrono::seconds(1);
  constexpr auto pause = std::chrono::milliseconds(200);
  constexpr uint64_t bytesPerMiB = 1 << 20;
  if (work_ != what) {
    work_ = what.str();
    began_ = now;
  }
  if (done >= total) {
    work_.clear();
    if (!std::exchange(isShown_, false))
      return std::nullopt;
    return "\r" + eraseRest;
  }
  if (now - began_ < least || (isShown_ && now - shown_ < pause))
    return std::nullopt;
  isShown_ = true;
  shown_ = now;
  const double part = double(done) / double(total);
  const double seconds = Seconds(now - began_).count();
  std::string line = "\rvmpt: " + what.str() + ": " +
                     std::to_string(unsigned(part * 100)) + "%";
  if (total >= bytesPerMiB)
    line +=
        ", " +
        std::to_string(uint64_t(double(done) / double(bytesPerMiB) / seconds)) +
        " MiB/s";
  if (done)
    line += ", " + describeLeft(seconds * (1 - part) / part);
  return line + eraseRest;
}

} // namespace vmpt
