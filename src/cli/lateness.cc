#include "cli/lateness.h"

#include <algorithm>
#include <boost/histogram.hpp>
#include <cmath>

namespace fb::cli {
namespace {

namespace bh = boost::histogram;

// From a microsecond, below which nobody cares, to a hundred seconds.
constexpr double kLowest = 1e-6;
constexpr double kHighest = 100;
constexpr unsigned kBins = 480;  // 3.9 % each

using Axis = bh::axis::regular<double, bh::axis::transform::log>;

auto make() {
  return bh::make_histogram_with(bh::dense_storage<uint64_t>(), Axis(kBins, kLowest, kHighest));
}

}  // namespace

struct Lateness::Histogram {
  decltype(make()) bins = make();
};

Lateness::Lateness() : histogram_(std::make_unique<Histogram>()) {}
Lateness::~Lateness() = default;

void Lateness::add(Duration late) { histogram_->bins(std::max(late.seconds(), kLowest / 2)); }

void Lateness::add_arrival(Duration late) { arrival_max_ = std::max(arrival_max_, late); }

void Lateness::merge(const Lateness& other) {
  histogram_->bins += other.histogram_->bins;
  arrival_max_ = std::max(arrival_max_, other.arrival_max_);
}

double Lateness::quantile_ms(double share) const {
  const auto& bins = histogram_->bins;
  uint64_t total = 0;
  for (const uint64_t count : bh::indexed(bins, bh::coverage::all)) total += count;
  if (total == 0) return 0;
  const double wanted = share * static_cast<double>(total);
  uint64_t seen = 0;
  for (auto&& bin : bh::indexed(bins, bh::coverage::all)) {
    seen += *bin;
    if (static_cast<double>(seen) >= wanted) {
      // The lowest bin holds all that was on time.
      return bin.index() < 0 ? 0 : std::min(bin.bin().upper(), kHighest) * 1e3;
    }
  }
  return kHighest * 1e3;
}

}  // namespace fb::cli
