// Completion times by logarithmic bins. load_histogram.cc alone knows the library.
#pragma once

#include <span>
#include <vector>

#include "cli/load_summary.h"

namespace fb::cli {

// Bins of 3 % from 1 ms to 100,000 s, without the empty ones; what is below or above is in a bin
// of its own, up to 1 ms or from 100,000 s to the largest value. Edges are whole microseconds, so
// that they do not depend on the last bit of a library's logarithm.
[[nodiscard]] std::vector<HistogramBin> histogram_of(std::span<const double> seconds);

}  // namespace fb::cli
