#include "web/pages.h"

#include <array>
#include <cstdio>

#include <nlohmann/json.hpp>

namespace fb::web {
namespace {

// How deep and how much of the peer's JSON is shown; the rest is cut with a note.
constexpr size_t kDepthMax = 4;
constexpr size_t kRowsMax = 500;

constexpr std::string_view kStyle =
    "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:44rem;margin:3rem auto;"
    "padding:0 1rem;color:#222;background:#fff}h1{font-size:1.5rem}h2{font-size:1.1rem}"
    "table{border-collapse:collapse}td,th{padding:.2rem 1.5rem .2rem 0;text-align:left;"
    "border-bottom:1px solid #ddd;vertical-align:top;font-weight:normal}"
    "td{font-variant-numeric:tabular-nums}small{color:#666}"
    "@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}"
    "td,th{border-color:#444}small{color:#aaa}a{color:#8bf}}</style>";

std::string page(std::string_view title, std::string_view body) {
  std::string out = "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">";
  out += "<meta name=\"viewport\" content=\"width=device-width\"><title>";
  out += title;
  out += "</title>";
  out += kStyle;
  out += "</head>\n<body>\n";
  out += body;
  out += "</body></html>\n";
  return out;
}

std::string fixed(double value, const char* unit) {
  std::array<char, 48> text{};
  std::snprintf(text.data(), text.size(), "%.1f %s", value, unit);
  return text.data();
}

// "uploaded_bytes" -> "Uploaded".
std::string label_of(std::string_view key) {
  for (const std::string_view unit : {"_bytes", "_seconds", "_ms"}) {
    if (key.size() > unit.size() && key.ends_with(unit)) {
      key.remove_suffix(unit.size());
      break;
    }
  }
  std::string out(key);
  for (char& c : out) {
    if (c == '_') c = ' ';
  }
  if (!out.empty() && out[0] >= 'a' && out[0] <= 'z') {
    out[0] = static_cast<char>(out[0] - 'a' + 'A');
  }
  return out;
}

std::string value_text(std::string_view key, const nlohmann::json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "yes" : "no";
  if (value.is_null()) return "unknown";
  if (value.is_number_unsigned()) {
    const auto number = value.get<uint64_t>();
    if (key.ends_with("_bytes")) return readable_bytes(number);
    if (key.ends_with("_ms")) return std::to_string(number) + " ms";
    if (key.ends_with("_seconds")) return std::to_string(number) + " s";
    return std::to_string(number);
  }
  if (value.is_number_float()) {
    return fixed(value.get<double>(), key.ends_with("_seconds") ? "s" : "");
  }
  if (value.is_number_integer()) return std::to_string(value.get<int64_t>());
  return "…";
}

class Table {
 public:
  void row(std::string_view label, std::string_view value) {
    if (++rows_ > kRowsMax) return;
    html_ += "<tr><th>" + escape_html(label) + "</th><td>" + escape_html(value) + "</td></tr>\n";
  }
  // Adds `value` under `label`; objects and arrays add a row for each member.
  void add(const std::string& label, std::string_view key, const nlohmann::json& value,
           size_t depth) {
    if (rows_ > kRowsMax) return;
    if (!value.is_structured() || depth >= kDepthMax) {
      row(label, value_text(key, value));
      return;
    }
    if (value.empty() && !label.empty()) row(label, "none");
    const std::string prefix = label.empty() ? "" : label + " / ";
    size_t index = 0;
    for (const auto& member : value.items()) {
      const bool object = value.is_object();
      const std::string name = object ? label_of(member.key()) : std::to_string(++index);
      add(prefix + name, object ? std::string_view(member.key()) : key, member.value(), depth + 1);
    }
  }
  [[nodiscard]] std::string html() const {
    std::string out = "<table>\n" + html_ + "</table>\n";
    if (rows_ > kRowsMax) out += "<p><small>More rows are left out.</small></p>\n";
    return out;
  }

 private:
  std::string html_;
  size_t rows_ = 0;
};

}  // namespace

std::string_view reason_phrase(unsigned status) {
  switch (status) {
    case 200: return "OK";
    case 204: return "No Content";
    case 206: return "Partial Content";
    case 301: return "Moved Permanently";
    case 304: return "Not Modified";
    case 400: return "Bad Request";
    case 403: return "Forbidden";
    case 404: return "Not Found";
    case 405: return "Method Not Allowed";
    case 408: return "Request Timeout";
    case 412: return "Precondition Failed";
    case 413: return "Content Too Large";
    case 416: return "Range Not Satisfiable";
    case 417: return "Expectation Failed";
    case 421: return "Misdirected Request";
    case 431: return "Request Header Fields Too Large";
    case 502: return "Bad Gateway";
    case 503: return "Service Unavailable";
    case 504: return "Gateway Timeout";
    case 505: return "HTTP Version Not Supported";
    default: return "Unknown";
  }
}

std::string escape_html(std::string_view text) {
  std::string out;
  out.reserve(text.size());
  for (const char c : text) {
    switch (c) {
      case '&': out += "&amp;"; break;
      case '<': out += "&lt;"; break;
      case '>': out += "&gt;"; break;
      case '"': out += "&quot;"; break;
      case '\'': out += "&#39;"; break;
      default: out += c;
    }
  }
  return out;
}

std::string error_page(unsigned status, std::string_view explanation,
                       std::string_view site_origin) {
  const std::string title = std::to_string(status) + " " + std::string(reason_phrase(status));
  std::string body = "<h1>" + title + "</h1>\n<p>" + escape_html(explanation) + "</p>\n";
  if (status == 503 || status == 504) {
    body += "<p><a href=\"\">Try again</a> in a moment: what has arrived so far is kept.</p>\n";
  }
  if (!site_origin.empty()) {
    body += "<p><small>Flashback, for " + escape_html(site_origin) + "</small></p>\n";
  }
  return page(title, body);
}

std::string status_page(std::string_view json_text, const StatusRows& gateway,
                        std::string_view site_origin) {
  std::string body = "<h1>Flashback status</h1>\n";
  if (!site_origin.empty()) body += "<p>Site: " + escape_html(site_origin) + "</p>\n";
  body += "<h2>This peer</h2>\n";
  const auto json = nlohmann::json::parse(json_text, nullptr, false);
  if (json_text.empty()) {
    body += "<p>The peer gives no figures.</p>\n";
  } else if (json.is_discarded()) {
    body += "<p>The peer's figures are not readable.</p>\n";
  } else {
    Table table;
    table.add(json.is_structured() ? "" : "Status", "", json, 0);
    body += table.html();
  }
  body += "<h2>This gateway</h2>\n";
  Table table;
  for (const auto& [key, value] : gateway) table.add(label_of(key), key, value, 0);
  body += table.html();
  body += "<p><small>As JSON: <a href=\"/.flashback/status.json\">status.json</a></small></p>\n";
  return page("Flashback status", body);
}

std::string readable_bytes(uint64_t bytes) {
  if (bytes < 1024) return std::to_string(bytes) + (bytes == 1 ? " byte" : " bytes");
  constexpr std::array<const char*, 6> kUnits{"KiB", "MiB", "GiB", "TiB", "PiB", "EiB"};
  double value = static_cast<double>(bytes) / 1024;
  size_t unit = 0;
  while (value >= 1023.95 && unit + 1 < kUnits.size()) {
    value /= 1024;
    ++unit;
  }
  return fixed(value, kUnits[unit]);
}

}  // namespace fb::web
