#include "cli/report.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <span>
#include <system_error>

#include "cli/quantity.h"
#include "cli/report_json.h"
#include "content/file_handle.h"

namespace fb::cli {
namespace {

Json node_json(const roulette::NodeStats& n) {
  return {{"datagrams_in", n.datagrams_in},
          {"bytes_in", n.bytes_in},
          {"datagrams_out", n.datagrams_out},
          {"bytes_out", n.bytes_out},
          {"chunk_bytes_sent", n.chunk_bytes_sent},
          {"chunk_bytes_received", n.chunk_bytes_received},
          {"chunk_bytes_from_seeder", n.chunk_bytes_from_seeder},
          {"chunk_bytes_duplicate", n.chunk_bytes_duplicate},
          {"metachunks_verified", n.metachunks_verified},
          {"metachunks_discarded", n.metachunks_discarded},
          {"neighbours_met", n.neighbours_met},
          {"neighbours_now", n.neighbours_now},
          {"neighbours_cut_off", n.neighbours_cut_off},
          {"joins", n.joins},
          {"drops", drops_json(n.drops)}};
}

double ratio(const roulette::NodeStats& node) {
  if (node.chunk_bytes_received == 0) return 0;
  return static_cast<double>(node.chunk_bytes_sent) /
         static_cast<double>(node.chunk_bytes_received);
}

}  // namespace

std::string to_json(const SeedReport& r) {
  return dump({{"schema", kReportSchema},
               {"program", "fbseed"},
               {"link", r.link},
               {"io", r.io},
               {"threads", r.threads},
               {"letters_lost", r.letters_lost},
               {"uptime_seconds", r.uptime.seconds()},
               {"site",
                {{"version", r.site_version}, {"files", r.site_files}, {"bytes", r.site_bytes}}},
               {"node", node_json(r.node)},
               {"engine", engine_json(r.engine)}});
}

std::string to_json(const GetReport& r) {
  Json failed = Json::array();
  for (const auto& each : r.failed) {
    failed.push_back({{"path", each.path}, {"reason", each.reason}});
  }
  const uint64_t from_seeder = r.node.chunk_bytes_from_seeder;
  return dump({{"schema", kReportSchema},
               {"program", "fbpeer"},
               {"files", r.files},
               {"skipped", r.skipped},
               {"bytes", r.bytes},
               {"bytes_from_seeder", from_seeder},
               {"bytes_from_peers", r.node.chunk_bytes_received - from_seeder},
               {"uploaded", r.node.chunk_bytes_sent},
               {"downloaded", r.node.chunk_bytes_received},
               {"upload_promise_bytes", r.upload_promise.bytes},
               {"neighbours_met", r.node.neighbours_met},
               {"seconds", r.took.seconds()},
               {"upload_download_ratio", ratio(r.node)},
               {"drops", drops_json(r.node.drops)},
               {"failed", failed}});
}

std::string to_json(const GatewayReport& r) {
  return dump({{"schema", kReportSchema},
               {"program", "fbpeer"},
               {"link", r.link},
               {"in_swarm", r.in_swarm},
               {"files_held", r.files_held},
               {"files_fetching", r.files_fetching},
               {"memory_bytes", r.memory_bytes},
               {"disk_bytes", r.disk_bytes},
               {"readers_waiting", r.readers_waiting},
               {"uploaded", r.node.chunk_bytes_sent},
               {"downloaded", r.node.chunk_bytes_received},
               {"upload_promise_bytes", r.upload_promise.bytes},
               {"upload_download_ratio", ratio(r.node)},
               {"node", node_json(r.node)},
               {"engine", engine_json(r.engine)}});
}

std::string traffic_text(const roulette::NodeStats& node, ByteCount upload_promise) {
  return fmt::format("downloaded {}, uploaded {}; never more than was downloaded{}",
                     for_people(ByteCount{node.chunk_bytes_received}),
                     for_people(ByteCount{node.chunk_bytes_sent}),
                     upload_promise == ByteCount{} ? "" : " + " + for_people(upload_promise));
}

std::string drops_text(const roulette::DropCounters& drops) {
  std::string out;
  for (size_t i = 0; i < roulette::kDropReasons; ++i) {
    const auto reason = static_cast<roulette::Drop>(i);
    if (drops.count(reason) == 0) continue;
    out += fmt::format("{}{} {}", out.empty() ? "" : ", ", to_string(reason), drops.count(reason));
  }
  return out;
}

std::string_view to_string(engine::IoBackend backend) {
  switch (backend) {
    case engine::IoBackend::kAuto: return "auto";
    case engine::IoBackend::kIoUring: return "io_uring";
    case engine::IoBackend::kEpoll: return "epoll";
  }
  return "unknown";
}

namespace {

std::string cannot_write(const std::string& name, const std::string& why) {
  return fmt::format("\"{}\" cannot be written: {}", name, why);
}

std::expected<void, std::string> write_through(const std::string& path, std::string_view text) {
  const content::FileHandle file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  while (file.valid() && !text.empty()) {
    const ssize_t written = ::write(file.fd(), text.data(), text.size());
    if (written < 0 && errno == EINTR) continue;
    if (written < 0) break;
    text.remove_prefix(static_cast<size_t>(written));
  }
  if (file.valid() && text.empty()) return {};
  return std::unexpected(cannot_write(path, std::strerror(errno)));
}

}  // namespace

std::expected<void, std::string> write_standard_output(std::string_view text) {
  if (std::fwrite(text.data(), 1, text.size(), stdout) == text.size() && std::fflush(stdout) == 0) {
    return {};
  }
  return std::unexpected(fmt::format("standard output: {}", std::strerror(errno)));
}

std::expected<void, std::string> write_file_atomically(const std::string& path,
                                                       std::string_view text) {
  std::error_code error;
  const auto kind = std::filesystem::status(path, error).type();
  const bool is_file = kind == std::filesystem::file_type::regular;
  // A device, a pipe: it must not be replaced by a file.
  if (!is_file && kind != std::filesystem::file_type::not_found) return write_through(path, text);
  // A link stays one: what it names is replaced.
  const std::string target = is_file ? std::filesystem::canonical(path, error).string() : path;
  const std::string beside = target + ".new";
  const auto fail = [&](const std::string& name) {
    const std::string why = std::strerror(errno);
    ::unlink(beside.c_str());
    return std::unexpected(cannot_write(name, why));
  };
  {
    const content::FileHandle file(
        ::open(beside.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644));
    const auto* bytes = reinterpret_cast<const uint8_t*>(text.data());
    if (!file.valid() || !content::write_exact(file, 0, {bytes, text.size()})) return fail(beside);
  }
  if (std::rename(beside.c_str(), target.c_str()) != 0) return fail(path);
  return {};
}

}  // namespace fb::cli
