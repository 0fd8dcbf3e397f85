// Decides what a complete request asks for, before the swarm is asked. Pure, any thread.
#pragma once

#include <span>
#include <string>
#include <string_view>

#include "web/http_semantics.h"
#include "web/response.h"

namespace fb::web {

struct Route {
  enum class Kind {
    kAnswer,      // `response` says it all
    kLookup,      // ask the swarm for `path`
    kStatusPage,
    kStatusJson,
  };
  Kind kind = Kind::kAnswer;
  Response response;
  Target target;
  std::string path;
  // Whether the target's name plus "/index.html" is tried when the site has no `path`.
  bool may_be_directory = false;
};

// `ours`: the names that we answer to, see judge_host. In this order: bad addresses 400, missing or
// malformed Host 400, foreign Host 421, OPTIONS 204, methods but GET and HEAD 405, our own folder
// .flashback, paths that no site can have 404.
[[nodiscard]] Route route(const Request& request, std::span<const std::string> ours,
                          std::string_view site_origin);

// Where a directory's page is: "" -> "index.html", "a" and "a/" -> "a/index.html".
[[nodiscard]] std::string index_path(std::string_view directory);

}  // namespace fb::web
