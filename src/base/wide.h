// 128-bit products, which g++ and clang++ have and the language does not name.
#pragma once

namespace fb {

__extension__ using uint128 = unsigned __int128;

}  // namespace fb
