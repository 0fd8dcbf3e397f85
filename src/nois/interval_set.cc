#include "nois/interval_set.h"

#include <algorithm>
#include <array>
#include <new>
#include <utility>

#include "base/check.h"

namespace fb::nois {
namespace {

// A node reaches level i + 1 with probability 1/4, so twelve levels serve 4^12 intervals and a node
// carries 1.33 links on average.
constexpr size_t kLevelsMax = 12;
constexpr unsigned kBitsPerLevel = 2;
constexpr uint64_t kLevelSeed = 0x464c415348424143U;

constexpr auto longer_first = [](const Interval& a, const Interval& b) {
  return a.length() != b.length() ? a.length() > b.length() : a.first < b.first;
};

}  // namespace

// The links of a node lie behind it in the same allocation: most nodes have only one.
struct IntervalSet::Node {
  Interval range;
  size_t height = 0;

  Node** links() { return reinterpret_cast<Node**>(this + 1); }
  [[nodiscard]] const Node* next() const { return *reinterpret_cast<Node* const*>(this + 1); }
};

struct IntervalSet::Impl {
  // For each level the last link in front of the place that was searched.
  using Path = std::array<Node**, kLevelsMax>;

  Impl() = default;
  ~Impl() { drop_all(); }
  Impl(const Impl& other);
  Impl& operator=(const Impl&) = delete;

  // The place in front of the first interval that ends at or behind `id`.
  Path find(uint64_t id) {
    Path path{};
    Node** links = heads.data();
    for (size_t level = kLevelsMax; level-- > 0;) {
      while (links[level] != nullptr && links[level]->range.last < id) {
        links = links[level]->links();
      }
      path[level] = links + level;
    }
    return path;
  }
  // The first interval that ends at or behind `id`; nullptr when there is none.
  [[nodiscard]] const Node* search(uint64_t id) const {
    Node* const* links = heads.data();
    for (size_t level = kLevelsMax; level-- > 0;) {
      while (links[level] != nullptr && links[level]->range.last < id) {
        links = links[level]->links();
      }
    }
    return links[0];
  }

  // Puts a new node at `path` and moves the path behind it.
  void link(Path& path, Interval range, size_t height) {
    void* place = ::operator new(sizeof(Node) + height * sizeof(Node*));
    Node* node = new (place) Node{range, height};
    for (size_t level = 0; level < height; ++level) {
      new (node->links() + level) Node*(*path[level]);
      *path[level] = node;
    }
    step_over(path, node);
    ++intervals;
  }
  // Takes the node that follows `path` out.
  void unlink(Path& path, Node* node) {
    for (size_t level = 0; level < node->height; ++level) *path[level] = node->links()[level];
    ::operator delete(node);
    --intervals;
  }
  static void step_over(Path& path, Node* node) {
    for (size_t level = 0; level < node->height; ++level) path[level] = node->links() + level;
  }

  // splitmix64 over a fixed seed: the same calls always build the same list.
  size_t draw_height() {
    level_state += 0x9e3779b97f4a7c15U;
    uint64_t z = (level_state ^ level_state >> 30) * 0xbf58476d1ce4e5b9U;
    z = (z ^ z >> 27) * 0x94d049bb133111ebU;
    z ^= z >> 31;
    size_t height = 1;
    while (height < kLevelsMax && (z & ((1U << kBitsPerLevel) - 1)) == 0) {
      z >>= kBitsPerLevel;
      ++height;
    }
    return height;
  }

  void drop_all() {
    for (Node* node = heads[0]; node != nullptr;) {
      Node* const next = node->links()[0];
      ::operator delete(node);
      node = next;
    }
    heads.fill(nullptr);
    ids = 0;
    intervals = 0;
  }

  std::array<Node*, kLevelsMax> heads{};
  uint64_t ids = 0;
  size_t intervals = 0;
  uint64_t level_state = kLevelSeed;
};

IntervalSet::Impl::Impl(const Impl& other) : ids(other.ids), level_state(other.level_state) {
  Path path = find(0);
  for (const Node* node = other.heads[0]; node != nullptr; node = node->next()) {
    link(path, node->range, node->height);
  }
}

// An empty set that was never used has no Impl, and so no allocation.
IntervalSet::IntervalSet() = default;
IntervalSet::~IntervalSet() = default;
IntervalSet::IntervalSet(IntervalSet&&) noexcept = default;
IntervalSet& IntervalSet::operator=(IntervalSet&&) noexcept = default;

IntervalSet::IntervalSet(const IntervalSet& other)
    : impl_(other.empty() ? nullptr : std::make_unique<Impl>(*other.impl_)) {}

IntervalSet& IntervalSet::operator=(const IntervalSet& other) {
  if (this != &other) *this = IntervalSet(other);
  return *this;
}

uint64_t IntervalSet::insert(Interval range) {
  static_assert(sizeof(Impl) < 200, "a peer holds one of these for every file");
  FB_CHECK(range.first <= range.last);
  if (!impl_) impl_ = std::make_unique<Impl>();
  // An interval that ends just in front of `range` touches it and must be merged.
  auto path = impl_->find(range.first == 0 ? 0 : range.first - 1);
  Node* const kept = *path[0];
  if (kept == nullptr || kept->range.first > uint64_t{range.last} + 1) {
    impl_->link(path, range, impl_->draw_height());
    impl_->ids += range.length();
    return range.length();
  }
  uint64_t before = kept->range.length();
  Interval merged{std::min(range.first, kept->range.first), std::max(range.last, kept->range.last)};
  Impl::step_over(path, kept);
  for (Node* next = *path[0];
       next != nullptr && next->range.first <= uint64_t{range.last} + 1; next = *path[0]) {
    before += next->range.length();
    merged.last = std::max(merged.last, next->range.last);
    impl_->unlink(path, next);
  }
  kept->range = merged;
  impl_->ids += merged.length() - before;
  return merged.length() - before;
}

uint64_t IntervalSet::erase(Interval range) {
  FB_CHECK(range.first <= range.last);
  if (!impl_) return 0;
  auto path = impl_->find(range.first);
  uint64_t removed = 0;
  for (Node* node = *path[0]; node != nullptr && node->range.first <= range.last; node = *path[0]) {
    const Interval old = node->range;
    removed += Interval{std::max(old.first, range.first), std::min(old.last, range.last)}.length();
    const bool head_stays = old.first < range.first;
    const bool tail_stays = old.last > range.last;
    if (head_stays) {
      node->range.last = range.first - 1;
      Impl::step_over(path, node);
    }
    if (tail_stays) {
      const Interval tail{range.last + 1, old.last};
      if (head_stays) {
        impl_->link(path, tail, impl_->draw_height());
      } else {
        node->range = tail;
      }
      break;
    }
    if (!head_stays) impl_->unlink(path, node);
  }
  impl_->ids -= removed;
  return removed;
}

void IntervalSet::clear() { impl_.reset(); }

bool IntervalSet::contains(uint32_t id) const {
  if (!impl_) return false;
  const Node* node = impl_->search(id);
  return node != nullptr && node->range.first <= id;
}

uint64_t IntervalSet::count_in(Interval range) const {
  FB_CHECK(range.first <= range.last);
  if (!impl_) return 0;
  uint64_t out = 0;
  const Node* node = impl_->search(range.first);
  for (; node != nullptr && node->range.first <= range.last; node = node->next()) {
    out += Interval{std::max(node->range.first, range.first),
                    std::min(node->range.last, range.last)}.length();
  }
  return out;
}

uint64_t IntervalSet::count() const { return impl_ ? impl_->ids : 0; }

size_t IntervalSet::interval_count() const { return impl_ ? impl_->intervals : 0; }

std::vector<Interval> IntervalSet::intervals() const {
  std::vector<Interval> out;
  if (!impl_) return out;
  out.reserve(impl_->intervals);
  for (const Node* node = impl_->heads[0]; node != nullptr; node = node->next()) {
    out.push_back(node->range);
  }
  return out;
}

std::vector<Interval> IntervalSet::top_intervals(size_t k) const {
  std::vector<Interval> best;  // a heap with the one to be dropped first on top
  if (!impl_ || k == 0) return best;
  best.reserve(std::min(k, impl_->intervals));
  for (const Node* node = impl_->heads[0]; node != nullptr; node = node->next()) {
    if (best.size() == k) {
      if (!longer_first(node->range, best.front())) continue;
      std::pop_heap(best.begin(), best.end(), longer_first);
      best.back() = node->range;
    } else {
      best.push_back(node->range);
    }
    std::push_heap(best.begin(), best.end(), longer_first);
  }
  std::sort_heap(best.begin(), best.end(), longer_first);
  return best;
}

std::vector<Interval> IntervalSet::within(Interval range) const {
  FB_CHECK(range.first <= range.last);
  std::vector<Interval> out;
  if (!impl_) return out;
  const Node* node = impl_->search(range.first);
  for (; node != nullptr && node->range.first <= range.last; node = node->next()) {
    out.push_back({std::max(node->range.first, range.first),
                   std::min(node->range.last, range.last)});
  }
  return out;
}

std::vector<Interval> IntervalSet::missing_within(Interval range) const {
  std::vector<Interval> out;
  uint64_t next = range.first;  // 64 bits, since it passes the last id
  for (const Interval& held : within(range)) {
    if (held.first > next) out.push_back({static_cast<uint32_t>(next), held.first - 1});
    next = uint64_t{held.last} + 1;
  }
  if (next <= range.last) out.push_back({static_cast<uint32_t>(next), range.last});
  return out;
}

std::vector<Interval> IntervalSet::difference(std::span<const Interval> other) const {
  std::vector<Interval> out;
  if (!impl_) return out;
  std::vector<Interval> without(other.begin(), other.end());
  std::sort(without.begin(), without.end());
  auto cut = without.begin();
  uint64_t behind = 0;  // every id in front of it lies in an interval of `other` or was handled
  for (const Node* node = impl_->heads[0]; node != nullptr; node = node->next()) {
    const Interval own = node->range;
    uint64_t next = std::max(uint64_t{own.first}, behind);
    for (; cut != without.end() && cut->first <= own.last; ++cut) {
      if (cut->first > cut->last) continue;
      if (cut->first > next) out.push_back({static_cast<uint32_t>(next), cut->first - 1});
      behind = std::max(behind, uint64_t{cut->last} + 1);
      next = std::max(next, behind);
    }
    if (next <= own.last) out.push_back({static_cast<uint32_t>(next), own.last});
  }
  return out;
}

bool IntervalSet::operator==(const IntervalSet& other) const {
  if (count() != other.count() || interval_count() != other.interval_count()) return false;
  if (empty()) return true;
  const Node* a = impl_->heads[0];
  const Node* b = other.impl_->heads[0];
  for (; a != nullptr; a = a->next(), b = b->next()) {
    if (a->range != b->range) return false;
  }
  return true;
}

std::optional<uint32_t> random_id(std::span<const Interval> intervals, Rng& rng) {
  uint64_t total = 0;
  for (const Interval& interval : intervals) total += interval.length();
  if (total == 0) return {};
  uint64_t left = rng.below(total);
  for (const Interval& interval : intervals) {
    if (left < interval.length()) return static_cast<uint32_t>(interval.first + left);
    left -= interval.length();
  }
  return {};
}

}  // namespace fb::nois
