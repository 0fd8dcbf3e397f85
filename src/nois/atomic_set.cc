#include "nois/atomic_set.h"

#include "nois/atomic_set_impl.h"

namespace fb::nois {

static_assert(std::atomic<uint64_t>::is_always_lock_free);

template class BasicAtomicSet<std::atomic>;

}  // namespace fb::nois
