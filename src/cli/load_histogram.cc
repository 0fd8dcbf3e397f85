#include "cli/load_histogram.h"

#include <algorithm>
#include <boost/histogram/axis/regular.hpp>
#include <boost/histogram/make_histogram.hpp>
#include <cmath>
#include <cstdint>

namespace fb::cli {
namespace {

constexpr double kFrom = 1e-3, kTo = 1e5;
constexpr double kWidth = 1.03;

double whole_microseconds(double seconds) { return std::round(seconds * 1e6) / 1e6; }

}  // namespace

std::vector<HistogramBin> histogram_of(std::span<const double> seconds) {
  namespace bh = boost::histogram;
  const auto bins = static_cast<unsigned>(std::ceil(std::log(kTo / kFrom) / std::log(kWidth)));
  auto histogram = bh::make_histogram_with(
      std::vector<uint64_t>{},
      bh::axis::regular<double, bh::axis::transform::log>(bins, kFrom, kTo));
  for (const double each : seconds) histogram(each);
  std::vector<HistogramBin> out;
  const auto& axis = histogram.axis();
  for (int i = -1; i <= axis.size(); ++i) {
    const uint64_t visitors = histogram.at(i);
    if (visitors == 0) continue;
    const double from = i < 0 ? 0 : whole_microseconds(axis.value(i));
    const double to = i < axis.size() ? whole_microseconds(axis.value(i + 1))
                                      : *std::ranges::max_element(seconds);
    out.push_back({from, to, visitors});
  }
  return out;
}

}  // namespace fb::cli
