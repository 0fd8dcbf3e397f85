#include "web/route.h"

#include <utility>

namespace fb::web {
namespace {

constexpr std::string_view kOwnFolder = ".flashback";

Route answer(Response response) {
  Route out;
  out.response = std::move(response);
  return out;
}

bool in_own_folder(std::string_view path) {
  return path.starts_with(kOwnFolder) &&
         (path.size() == kOwnFolder.size() || path[kOwnFolder.size()] == '/');
}

Route own_route(const Request& request, Target target, std::string_view site_origin) {
  const bool page = target.path == ".flashback/status";
  if (!page && target.path != ".flashback/status.json") {
    return answer(error_response(request, 404, "There is no such page.", site_origin));
  }
  // The site's own scripts come from the same origin as this page; what this visitor trades with
  // whom is none of their business. Browsers say what a fetch is for, and scripts cannot lie in it.
  if (request.fetch_dest && *request.fetch_dest != "document") {
    return answer(error_response(request, 403, "This page is only for people, not for scripts.",
                                 site_origin));
  }
  Route out;
  out.kind = page ? Route::Kind::kStatusPage : Route::Kind::kStatusJson;
  out.target = std::move(target);
  return out;
}

}  // namespace

std::string index_path(std::string_view directory) {
  std::string out(directory);
  if (!out.empty() && !out.ends_with('/')) out += '/';
  return out + "index.html";
}

Route route(const Request& request, std::span<const std::string> ours,
            std::string_view site_origin) {
  const auto error = [&](unsigned status, std::string_view explanation) {
    return answer(error_response(request, status, explanation, site_origin));
  };
  const bool asterisk = request.target == "*" && request.method == "OPTIONS";
  auto target = parse_target(asterisk ? "/" : request.target);
  // The authority form belongs to CONNECT (RFC 9112, 3.2.3), which is refused below by its name.
  if (!target && request.method == "CONNECT") target = Target{};
  if (!target) return error(400, to_string(target.error()));
  switch (judge_host(request, *target, ours)) {
    case HostVerdict::kAccepted: break;
    case HostVerdict::kMissing: return error(400, "The request does not say which host it is for.");
    case HostVerdict::kMalformed: return error(400, "The request's Host field is malformed.");
    case HostVerdict::kForeign:
      return error(421, "This server answers only to names of this computer, such as localhost.");
  }
  if (request.method == "OPTIONS") return answer(options_response());
  if (request.method != "GET" && !request.is_head()) {
    return error(405, "Only GET and HEAD are possible here.");
  }
  if (in_own_folder(target->path)) return own_route(request, std::move(*target), site_origin);
  Route out;
  out.kind = Route::Kind::kLookup;
  out.path = target->is_directory() ? index_path(target->path) : target->path;
  out.may_be_directory = !target->is_directory();
  if (out.path.size() > content::kPathLengthMax) {
    return answer(swarm_error_response(request, FetchError::kNotFound, site_origin));
  }
  out.target = std::move(*target);
  return out;
}

}  // namespace fb::web
