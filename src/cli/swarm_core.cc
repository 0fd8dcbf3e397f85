#include "cli/swarm_core.h"

#include <fmt/format.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "cli/log.h"

namespace fb::cli {
namespace {

web::FetchError error_of(roulette::FetchFailure why) {
  switch (why) {
    case roulette::FetchFailure::kUnreachable: return web::FetchError::kUnreachable;
    case roulette::FetchFailure::kStalled: return web::FetchError::kTimeout;
    case roulette::FetchFailure::kRefused:
    case roulette::FetchFailure::kBadManifest:
    case roulette::FetchFailure::kStorage: return web::FetchError::kRefused;
  }
  return web::FetchError::kTimeout;
}

}  // namespace

void SwarmCore::open(roulette::PeerNode& node, Instant now, const std::string& path,
                     OpenCallback callback) {
  Path& known = remember(path);
  known.waiting.push_back(std::move(callback));
  if (known.manifest && now - known.looked_up < kManifestFresh) return deliver(node, now, known);
  if (!known.request) {
    known.request = node.find_file(now, path);
    requests_.emplace(*known.request, path);
  }
  if (holds(known) && known.fall_back == Instant::never()) {
    known.fall_back = now + kRevalidatePatience;
    due_by(known.fall_back);
  }
}

void SwarmCore::read(roulette::PeerNode& node, Instant, HandleId handle, uint64_t offset,
                     size_t length_max, web::SwarmFile::ReadCallback callback) {
  const auto id = handles_.find(handle);
  const auto file = id == handles_.end() ? files_.end() : files_.find(id->second);
  // A download that failed took its file along.
  if (file == files_.end()) return callback(std::unexpected(web::FetchError::kTimeout));
  Reader reader{handle, offset, length_max, std::move(callback)};
  if (serve(node, file->second, reader)) return;
  node.prefer(file->second.download, offset);
  file->second.readers.push_back(std::move(reader));
  changed_ = true;
}

void SwarmCore::release(Instant now, HandleId handle) {
  const auto id = handles_.find(handle);
  if (id == handles_.end()) return;
  const auto at = files_.find(id->second);
  handles_.erase(id);
  if (at == files_.end()) return;
  File& file = at->second;
  std::vector<Reader> gone;
  std::erase_if(file.readers, [&](Reader& reader) {
    if (reader.handle != handle) return false;
    gone.push_back(std::move(reader));
    return true;
  });
  for (Reader& reader : gone) reader.callback(std::unexpected(web::FetchError::kStopped));
  if (--file.users > 0) return;
  file.unused_since = now;
  if (!file.complete) due_by(now + kAbandonAfter);
}

SwarmCore::Figures SwarmCore::figures() const {
  const std::lock_guard lock(mutex_);
  return figures_;
}

void SwarmCore::on_event(roulette::PeerNode& node, Instant now, const roulette::PeerEvent& event) {
  if (const auto* found = std::get_if<roulette::FileFound>(&event)) {
    on_found(node, now, *found);
  } else if (const auto* missing = std::get_if<roulette::FileMissing>(&event)) {
    on_not_found(node, now, missing->request, std::nullopt);
  } else if (const auto* unfound = std::get_if<roulette::FindFailed>(&event)) {
    on_not_found(node, now, unfound->request, unfound->why);
  } else if (const auto* ready = std::get_if<roulette::MetachunkReady>(&event)) {
    if (File* file = file_of(ready->download)) serve_readers(node, *file);
  } else if (const auto* complete = std::get_if<roulette::DownloadComplete>(&event)) {
    if (File* file = file_of(complete->download)) {
      file->complete = true;
      changed_ = true;
      serve_readers(node, *file);
    }
  } else if (const auto* failed = std::get_if<roulette::DownloadFailed>(&event)) {
    if (File* file = file_of(failed->download)) {
      log_warning(fmt::format("{}: {}", file->record.path, to_string(failed->why)));
      fail_readers(*file, error_of(failed->why));
      // Who still has a handle must not meet a later download of the same file.
      std::erase_if(handles_, [&](const auto& h) { return h.second == file->record.id; });
      drop(node, now, files_.find(file->record.id));
    }
  }
}

void SwarmCore::advance(roulette::PeerNode& node, Instant now) {
  publish();
  if (now < due_) return;
  due_ = Instant::never();
  for (auto& [name, path] : paths_) {
    if (path.fall_back <= now) {
      log_warning(fmt::format("{}: the seeder does not answer; served as it was", name));
      deliver(node, now, path);
    }
    due_by(path.fall_back);
  }
  for (auto file = files_.begin(); file != files_.end();) {
    const auto next = std::next(file);
    if (file->second.users == 0 && !file->second.complete) {
      const Instant until = file->second.unused_since + kAbandonAfter;
      if (until <= now) {
        drop(node, now, file);
      } else {
        due_by(until);
      }
    }
    file = next;
  }
}

void SwarmCore::on_stop(roulette::PeerNode&, Instant) {
  for (auto& [name, path] : paths_) {
    for (OpenCallback& callback : std::exchange(path.waiting, {})) {
      callback(std::unexpected(web::FetchError::kStopped));
    }
  }
  for (auto& [id, file] : files_) fail_readers(file, web::FetchError::kStopped);
}

void SwarmCore::on_found(roulette::PeerNode& node, Instant now, const roulette::FileFound& found) {
  const auto request = requests_.find(found.request);
  if (request == requests_.end()) return;
  Path& path = paths_.at(request->second);
  requests_.erase(request);
  path.request.reset();
  path.manifest = found.manifest;
  path.looked_up = now;
  deliver(node, now, path);
}

void SwarmCore::on_not_found(roulette::PeerNode& node, Instant now, roulette::RequestId request,
                             std::optional<roulette::FetchFailure> why) {
  const auto at = requests_.find(request);
  if (at == requests_.end()) return;
  const std::string name = at->second;
  Path& path = paths_.at(name);
  requests_.erase(at);
  path.request.reset();
  if (why) {
    log_warning(fmt::format("{}: {}", name, to_string(*why)));
    const bool silent = *why == roulette::FetchFailure::kUnreachable ||
                        *why == roulette::FetchFailure::kStalled;
    if (silent && holds(path)) return deliver(node, now, path);
  }
  path.fall_back = Instant::never();
  path.manifest.reset();
  const auto error = why ? error_of(*why) : web::FetchError::kNotFound;
  for (OpenCallback& callback : std::exchange(path.waiting, {})) callback(std::unexpected(error));
}

// Gives everybody who waits for this path a handle.
void SwarmCore::deliver(roulette::PeerNode& node, Instant now, Path& path) {
  path.fall_back = Instant::never();
  auto waiting = std::exchange(path.waiting, {});
  if (waiting.empty()) return;
  File* file = hold(node, now, path.manifest->record);
  for (OpenCallback& callback : waiting) {
    if (file == nullptr) {
      callback(std::unexpected(web::FetchError::kRefused));
      continue;
    }
    const HandleId handle{++handles_made_};
    handles_.emplace(handle, file->record.id);
    ++file->users;
    callback(Opened{handle, file->record});
  }
}

bool SwarmCore::holds(const Path& path) const {
  if (!path.manifest) return false;
  const auto file = files_.find(path.manifest->record.id);
  return file != files_.end() && file->second.complete;
}

// The file, whose download is started when it is new; nullptr when there is no room.
SwarmCore::File* SwarmCore::hold(roulette::PeerNode& node, Instant now,
                                 const content::FileRecord& record) {
  const auto known = files_.find(record.id);
  if (known != files_.end()) return &known->second;
  const uint64_t length = record.geometry.length;
  File file;
  file.record = record;
  std::unique_ptr<content::Storage> storage;
  if (make_room(node, now, length, false)) {
    file.memory = std::make_shared<content::MemoryStorage>(length);
    storage = std::make_unique<SharedMemoryStorage>(file.memory);
    memory_bytes_ += length;
  } else if (make_room(node, now, length, true)) {
    auto made = create_temporary(limits_.temporary, length);
    if (!made) {
      log_error(fmt::format("{}: {}", record.path, made.error()));
      return nullptr;
    }
    file.disk = std::move(*made);
    storage = std::make_unique<SharedFileStorage>(file.disk);
    disk_bytes_ += length;
  } else {
    log_error(fmt::format("{}: neither gateway.memory nor gateway.disk has room for it",
                          record.path));
    return nullptr;
  }
  file.download = node.download(now, record, std::move(storage));
  downloads_.emplace(file.download, record.id);
  changed_ = true;
  return &files_.emplace(record.id, std::move(file)).first->second;
}

bool SwarmCore::make_room(roulette::PeerNode& node, Instant now, uint64_t length, bool disk) {
  const uint64_t bound = disk ? limits_.disk.bytes : limits_.memory.bytes;
  const uint64_t& used = disk ? disk_bytes_ : memory_bytes_;
  // One large file must not push out everything else from the memory.
  if (length > (disk ? bound : bound / 2)) return false;
  while (files_.size() >= limits_.files) {
    if (!evict_oldest(node, now, std::nullopt)) return false;
  }
  while (used + length > bound) {
    if (!evict_oldest(node, now, disk)) return false;
  }
  return true;
}

// Only what is complete and unused; of one medium, or of either.
bool SwarmCore::evict_oldest(roulette::PeerNode& node, Instant now, std::optional<bool> disk) {
  auto oldest = files_.end();
  for (auto file = files_.begin(); file != files_.end(); ++file) {
    if (file->second.users > 0 || !file->second.complete) continue;
    if (disk && *disk != (file->second.disk != nullptr)) continue;
    if (oldest == files_.end() || file->second.unused_since < oldest->second.unused_since) {
      oldest = file;
    }
  }
  if (oldest == files_.end()) return false;
  drop(node, now, oldest);
  return true;
}

void SwarmCore::drop(roulette::PeerNode& node, Instant now, Files::iterator file) {
  const uint64_t length = file->second.record.geometry.length;
  (file->second.disk ? disk_bytes_ : memory_bytes_) -= length;
  downloads_.erase(file->second.download);
  node.forget(now, file->second.download);
  files_.erase(file);
  changed_ = true;
}

void SwarmCore::serve_readers(roulette::PeerNode& node, File& file) {
  const auto served =
      std::erase_if(file.readers, [&](Reader& reader) { return serve(node, file, reader); });
  if (served > 0) changed_ = true;
}

// False when there is nothing at the reader's offset yet.
bool SwarmCore::serve(roulette::PeerNode& node, File& file, Reader& reader) {
  const uint64_t length = file.record.geometry.length;
  if (reader.offset >= length) {
    reader.callback(std::unexpected(web::FetchError::kRefused));
    return true;
  }
  const uint64_t there =
      file.complete ? length - reader.offset : node.readable(file.download, reader.offset);
  if (there == 0) return false;
  std::vector<uint8_t> bytes(std::min<uint64_t>(there, std::max<size_t>(reader.length_max, 1)));
  const bool good = file.memory ? file.memory->read(reader.offset, bytes)
                                : file.disk->read(reader.offset, bytes);
  if (good) {
    reader.callback(std::move(bytes));
    return true;
  }
  log_error(fmt::format("{}: the temporary file cannot be read: {}", file.record.path,
                        std::strerror(file.disk ? file.disk->failure() : 0)));
  reader.callback(std::unexpected(web::FetchError::kRefused));
  return true;
}

void SwarmCore::fail_readers(File& file, web::FetchError error) {
  for (Reader& reader : std::exchange(file.readers, {})) reader.callback(std::unexpected(error));
}

SwarmCore::File* SwarmCore::file_of(roulette::DownloadId download) {
  const auto id = downloads_.find(download);
  if (id == downloads_.end()) return nullptr;
  const auto file = files_.find(id->second);
  return file == files_.end() ? nullptr : &file->second;
}

// Paths come from browsers: when there are too many, one that nobody waits for goes.
SwarmCore::Path& SwarmCore::remember(const std::string& path) {
  const auto known = paths_.find(path);
  if (known != paths_.end()) return known->second;
  if (paths_.size() >= limits_.files) {
    const auto idle = std::ranges::find_if(paths_, [](const auto& entry) {
      return entry.second.waiting.empty() && !entry.second.request;
    });
    if (idle != paths_.end()) paths_.erase(idle);
  }
  return paths_[path];
}

void SwarmCore::publish() {
  if (!std::exchange(changed_, false)) return;
  Figures fresh{.files_held = files_.size(),
                .files_fetching = 0,
                .memory_bytes = memory_bytes_,
                .disk_bytes = disk_bytes_,
                .readers_waiting = 0};
  for (const auto& [id, file] : files_) {
    fresh.files_fetching += file.complete ? 0U : 1U;
    fresh.readers_waiting += file.readers.size();
  }
  const std::lock_guard lock(mutex_);
  figures_ = fresh;
}

}  // namespace fb::cli
