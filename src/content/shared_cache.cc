#include "content/shared_cache.h"

#include "content/shared_cache_impl.h"

namespace fb::content {

template class BasicSharedCache<std::atomic>;

}  // namespace fb::content
