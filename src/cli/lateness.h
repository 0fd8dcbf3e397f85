// How late events were handled, as a distribution with a bounded relative error.
// Thread safety: one thread at a time.
#pragma once

#include <memory>

#include "base/time.h"

namespace fb::cli {

class Lateness {
 public:
  Lateness();
  ~Lateness();
  Lateness(const Lateness&) = delete;
  Lateness& operator=(const Lateness&) = delete;

  void add(Duration late);
  void add_arrival(Duration late);
  void merge(const Lateness& other);
  // The value that the given share of events did not exceed; rounded up by at most 4 %.
  [[nodiscard]] double quantile_ms(double share) const;
  [[nodiscard]] double arrival_max_ms() const { return arrival_max_.milliseconds(); }

 private:
  struct Histogram;
  std::unique_ptr<Histogram> histogram_;
  Duration arrival_max_{};
};

}  // namespace fb::cli
