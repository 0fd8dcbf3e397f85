// A blocking HTTP client for tests, on Beast. One thread at a time.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/endpoint.h"

namespace fb::web::test {

struct Reply {
  unsigned status = 0;
  std::map<std::string, std::string> fields;  // names in lower case
  std::string body;
  bool complete = false;  // as long as Content-Length said

  [[nodiscard]] std::string field(const std::string& name) const {
    const auto found = fields.find(name);
    return found == fields.end() ? "" : found->second;
  }
};

class TestClient {
 public:
  // Connects; check connected().
  explicit TestClient(const Endpoint& server);
  ~TestClient();
  TestClient(TestClient&&) noexcept;
  TestClient& operator=(TestClient&&) noexcept;

  [[nodiscard]] bool connected() const;
  // False when the connection is gone.
  bool send(std::string_view bytes);
  // The next answer, `head_only` after HEAD. Nothing when the connection ended before its head.
  std::optional<Reply> receive(bool head_only = false);
  // Exactly `size` bytes of whatever comes, fewer at the end.
  std::string receive_raw(size_t size);
  // Waits for the connection to end; false when there are bytes instead.
  bool ended();
  // Whether input, or the end, is there within the time.
  bool readable_within_ms(int timeout_ms);
  void end_sending();
  void close();

  // "GET <target> HTTP/1.1" with a Host and more fields ("Name: value\r\n" each), sent and
  // answered.
  std::optional<Reply> get(std::string_view target, std::string_view more_fields = "");
  std::optional<Reply> head(std::string_view target, std::string_view more_fields = "");

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

// The text of a request, Host: localhost.
[[nodiscard]] std::string request_text(std::string_view method, std::string_view target,
                                       std::string_view more_fields = "");

}  // namespace fb::web::test
