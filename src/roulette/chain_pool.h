// Many short lists in one array: a list costs its owner four bytes, an entry no allocation, and an
// empty list nothing.
//
// An Item has a member `uint32_t next`, which is the pool's. A list begins as 0 and belongs to the
// pool that filled it; its owner clears it before it goes. The pool keeps what it once had, so the
// owners bound their lists. References hold until the next push(). One thread at a time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <new>
#include <vector>

namespace fb::roulette {

using Chain = uint32_t;  // a list: 0, or one more than the place of its latest item

template <typename Item>
class ChainPool {
 public:
  // An Item of `fields` before all others of the list.
  template <typename... Fields>
  Item& emplace(Chain& list, const Fields&... fields) {
    Chain place = free_;
    if (place != 0) {
      free_ = at(place).next;
    } else {
      items_.emplace_back();
      place = static_cast<Chain>(items_.size());
    }
    Item& item = at(place);
    std::destroy_at(&item);
    ::new (&item) Item{fields...};
    item.next = list;
    list = place;
    return item;
  }
  // The latest for which `same` holds; null when it holds for none.
  template <typename Predicate>
  [[nodiscard]] Item* find(Chain list, Predicate same) {
    for (Chain place = list; place != 0; place = at(place).next) {
      if (same(at(place))) return &at(place);
    }
    return nullptr;
  }
  // Of all, latest first.
  template <typename Visit>
  void each(Chain list, Visit visit) const {
    for (Chain place = list; place != 0; place = at(place).next) visit(at(place));
  }
  // Keeps the order, latest first.
  template <typename Predicate>
  void erase_if(Chain& list, Predicate goes) {
    Chain* link = &list;
    while (*link != 0) {
      const Chain place = *link;
      if (!goes(at(place))) {
        link = &at(place).next;
        continue;
      }
      *link = at(place).next;
      at(place).next = free_;
      free_ = place;
    }
  }
  void clear(Chain& list) {
    erase_if(list, [](const Item&) { return true; });
  }
  // Only the latest `most` stay.
  void cut(Chain& list, size_t most) {
    erase_if(list, [&](const Item&) { return most == 0 || (--most, false); });
  }

 private:
  [[nodiscard]] Item& at(Chain place) { return items_[place - 1]; }
  [[nodiscard]] const Item& at(Chain place) const { return items_[place - 1]; }

  std::vector<Item> items_;
  Chain free_ = 0;  // a list of them
};

}  // namespace fb::roulette
