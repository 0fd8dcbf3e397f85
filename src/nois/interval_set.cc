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

// The ids of both, which must overlap.
Interval common(const Interval& a, const Interval& b) {
  return {std::max(a.first, b.first), std::min(a.last, b.last)};
}

}  // namespace

// The links of a node lie behind it in the same allocation: most nodes have only one.
struct IntervalSet::Node {
  Interval range;
  size_t height = 0;

  Node** links() { return reinterpret_cast<Node**>(this + 1); }
  [[nodiscard]] const Node* next() const { return *reinterpret_cast<Node* const*>(this + 1); }
};

struct IntervalSet::List {
  // For each level the last link in front of the place that was searched.
  using Path = std::array<Node**, kLevelsMax>;

  List() = default;
  ~List() {
    for (Node* node = heads[0]; node != nullptr;) {
      Node* const next = node->links()[0];
      ::operator delete(node);
      node = next;
    }
  }
  List(const List& other);
  List& operator=(const List&) = delete;

  uint64_t insert(Interval range);
  uint64_t erase(Interval range);

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

  std::array<Node*, kLevelsMax> heads{};
  size_t intervals = 0;
  uint64_t level_state = kLevelSeed;
};

IntervalSet::List::List(const List& other) : level_state(other.level_state) {
  Path path = find(0);
  for (const Node* node = other.heads[0]; node != nullptr; node = node->next()) {
    link(path, node->range, node->height);
  }
}

uint64_t IntervalSet::List::insert(Interval range) {
  // An interval that ends just in front of `range` touches it and must be merged.
  auto path = find(range.first == 0 ? 0 : range.first - 1);
  Node* const kept = *path[0];
  if (kept == nullptr || kept->range.first > uint64_t{range.last} + 1) {
    link(path, range, draw_height());
    return range.length();
  }
  uint64_t before = kept->range.length();
  Interval merged{std::min(range.first, kept->range.first), std::max(range.last, kept->range.last)};
  step_over(path, kept);
  for (Node* next = *path[0];
       next != nullptr && next->range.first <= uint64_t{range.last} + 1; next = *path[0]) {
    before += next->range.length();
    merged.last = std::max(merged.last, next->range.last);
    unlink(path, next);
  }
  kept->range = merged;
  return merged.length() - before;
}

uint64_t IntervalSet::List::erase(Interval range) {
  auto path = find(range.first);
  uint64_t removed = 0;
  for (Node* node = *path[0]; node != nullptr && node->range.first <= range.last; node = *path[0]) {
    const Interval old = node->range;
    removed += common(old, range).length();
    const bool head_stays = old.first < range.first;
    const bool tail_stays = old.last > range.last;
    if (head_stays) {
      node->range.last = range.first - 1;
      step_over(path, node);
    }
    if (tail_stays) {
      const Interval tail{range.last + 1, old.last};
      if (head_stays) {
        link(path, tail, draw_height());
      } else {
        node->range = tail;
      }
      break;
    }
    if (!head_stays) unlink(path, node);
  }
  return removed;
}

// A place in either form: from one interval to the next.
class IntervalSet::Cursor {
 public:
  Cursor(std::vector<Interval>::const_iterator at, std::vector<Interval>::const_iterator end)
      : at_(at), end_(end) {}
  explicit Cursor(const Node* node) : node_(node) {}

  [[nodiscard]] bool done() const { return node_ == nullptr && at_ == end_; }
  const Interval& operator*() const { return node_ != nullptr ? node_->range : *at_; }
  const Interval* operator->() const { return &**this; }
  void operator++() {
    if (node_ != nullptr) {
      node_ = node_->next();
    } else {
      ++at_;
    }
  }

 private:
  const Node* node_ = nullptr;
  std::vector<Interval>::const_iterator at_{};
  std::vector<Interval>::const_iterator end_{};
};

IntervalSet::IntervalSet() = default;
IntervalSet::~IntervalSet() = default;

IntervalSet::IntervalSet(IntervalSet&& other) noexcept
    : ids_(std::exchange(other.ids_, 0)),
      flat_(std::exchange(other.flat_, {})),
      list_(std::move(other.list_)) {}

IntervalSet& IntervalSet::operator=(IntervalSet&& other) noexcept {
  ids_ = std::exchange(other.ids_, 0);
  flat_ = std::exchange(other.flat_, {});
  list_ = std::move(other.list_);
  return *this;
}

IntervalSet::IntervalSet(const IntervalSet& other)
    : ids_(other.ids_),
      flat_(other.flat_),
      list_(other.list_ ? std::make_unique<List>(*other.list_) : nullptr) {}

IntervalSet& IntervalSet::operator=(const IntervalSet& other) {
  if (this != &other) *this = IntervalSet(other);
  return *this;
}

// The first interval that ends at or behind `id`.
IntervalSet::Cursor IntervalSet::search(uint64_t id) const {
  if (list_) return Cursor(list_->search(id));
  return {std::ranges::lower_bound(flat_, id, {}, &Interval::last), flat_.end()};
}

IntervalSet::Cursor IntervalSet::begin() const {
  return list_ ? Cursor(list_->heads[0]) : Cursor(flat_.begin(), flat_.end());
}

uint64_t IntervalSet::insert(Interval range) {
  FB_CHECK(range.first <= range.last);
  const uint64_t added = list_ ? list_->insert(range) : insert_flat(range);
  ids_ += added;
  if (flat_.size() > kFlatMax) make_list();
  return added;
}

uint64_t IntervalSet::erase(Interval range) {
  FB_CHECK(range.first <= range.last);
  const uint64_t removed = list_ ? list_->erase(range) : erase_flat(range);
  ids_ -= removed;
  if (flat_.size() > kFlatMax) make_list();
  return removed;
}

uint64_t IntervalSet::insert_flat(Interval range) {
  // All from here to `behind` overlap `range` or touch it.
  const uint64_t in_front = range.first == 0 ? 0 : range.first - 1;
  const auto from = std::ranges::lower_bound(flat_, in_front, {}, &Interval::last);
  auto behind = from;
  uint64_t before = 0;
  Interval merged = range;
  for (; behind != flat_.end() && behind->first <= uint64_t{range.last} + 1; ++behind) {
    before += behind->length();
    merged = {std::min(merged.first, behind->first), std::max(merged.last, behind->last)};
  }
  if (from == behind) {
    flat_.insert(from, merged);
  } else {
    *from = merged;
    flat_.erase(from + 1, behind);
  }
  return merged.length() - before;
}

uint64_t IntervalSet::erase_flat(Interval range) {
  auto from = std::ranges::lower_bound(flat_, range.first, {}, &Interval::last);
  uint64_t removed = 0;
  if (from != flat_.end() && from->first < range.first) {
    const Interval old = *from;
    from->last = range.first - 1;
    ++from;
    if (old.last > range.last) {
      flat_.insert(from, {range.last + 1, old.last});
      return range.length();
    }
    removed += uint64_t{old.last} - range.first + 1;
  }
  auto behind = from;
  for (; behind != flat_.end() && behind->last <= range.last; ++behind) {
    removed += behind->length();
  }
  if (behind != flat_.end() && behind->first <= range.last) {
    removed += uint64_t{range.last} - behind->first + 1;
    behind->first = range.last + 1;
  }
  flat_.erase(from, behind);
  return removed;
}

void IntervalSet::make_list() {
  list_ = std::make_unique<List>();
  auto path = list_->find(0);
  for (const Interval& range : flat_) list_->link(path, range, list_->draw_height());
  flat_ = {};
}

void IntervalSet::clear() { *this = IntervalSet(); }

bool IntervalSet::contains(uint32_t id) const {
  const Cursor at = search(id);
  return !at.done() && at->first <= id;
}

uint64_t IntervalSet::count_in(Interval range) const {
  FB_CHECK(range.first <= range.last);
  uint64_t out = 0;
  for (Cursor at = search(range.first); !at.done() && at->first <= range.last; ++at) {
    out += common(*at, range).length();
  }
  return out;
}

uint64_t IntervalSet::count() const { return ids_; }

size_t IntervalSet::interval_count() const { return list_ ? list_->intervals : flat_.size(); }

std::vector<Interval> IntervalSet::intervals() const {
  if (!list_) return flat_;
  std::vector<Interval> out;
  out.reserve(list_->intervals);
  for (Cursor at = begin(); !at.done(); ++at) out.push_back(*at);
  return out;
}

std::vector<Interval> IntervalSet::top_intervals(size_t k) const {
  if (k == 0) return {};
  Longest longest(k);
  for (Cursor at = begin(); !at.done(); ++at) longest.show(*at);
  return longest.take();
}

std::vector<Interval> IntervalSet::within(Interval range) const {
  FB_CHECK(range.first <= range.last);
  std::vector<Interval> out;
  for (Cursor at = search(range.first); !at.done() && at->first <= range.last; ++at) {
    out.push_back(common(*at, range));
  }
  return out;
}

std::vector<Interval> IntervalSet::missing_within(Interval range) const {
  std::vector<Interval> out;
  add_missing_within(range, out);
  return out;
}

void IntervalSet::add_missing_within(Interval range, std::vector<Interval>& out) const {
  FB_CHECK(range.first <= range.last);
  uint64_t next = range.first;  // 64 bits, since it passes the last id
  for (Cursor at = search(range.first); !at.done() && at->first <= range.last; ++at) {
    if (at->first > next) out.push_back({static_cast<uint32_t>(next), at->first - 1});
    next = uint64_t{at->last} + 1;
  }
  if (next <= range.last) out.push_back({static_cast<uint32_t>(next), range.last});
}

std::vector<Interval> IntervalSet::difference(std::span<const Interval> other) const {
  std::vector<Interval> out;
  Subtraction left(other, out);
  for (Cursor at = begin(); !at.done(); ++at) left.show(*at);
  return out;
}

std::optional<uint32_t> IntervalSet::random_missing(std::span<const Interval> offered,
                                                    Rng& rng) const {
  uint64_t total = 0;
  for (const Interval& range : offered) total += range.length() - count_in(range);
  if (total == 0) return {};
  uint64_t left = rng.below(total);
  for (const Interval& range : offered) {
    uint64_t next = range.first;
    // What is missing in front of `end` is skipped, or has the id.
    const auto lies_before = [&](uint64_t end) {
      if (end > next && left < end - next) return true;
      if (end > next) left -= end - next;
      return false;
    };
    for (Cursor at = search(range.first); !at.done() && at->first <= range.last; ++at) {
      if (lies_before(at->first)) return static_cast<uint32_t>(next + left);
      next = uint64_t{at->last} + 1;
    }
    if (lies_before(uint64_t{range.last} + 1)) return static_cast<uint32_t>(next + left);
  }
  return {};
}

bool IntervalSet::operator==(const IntervalSet& other) const {
  if (count() != other.count() || interval_count() != other.interval_count()) return false;
  Cursor b = other.begin();
  for (Cursor a = begin(); !a.done(); ++a, ++b) {
    if (*a != *b) return false;
  }
  return true;
}

}  // namespace fb::nois
