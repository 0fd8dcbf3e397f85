#include "content/page_references.h"

#include <algorithm>
#include <array>
#include <map>
#include <optional>

namespace fb::content {
namespace {

bool is_space(char c) { return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == '\f'; }
bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z'); }
char lower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c; }

std::string lower(std::string_view text) {
  std::string out(text);
  std::ranges::transform(out, out.begin(), [](char c) { return lower(c); });
  return out;
}

struct Tag {
  std::string name;                               // in lower case; empty: the document's end
  std::map<std::string, std::string> attributes;  // the first of each name counts
};

// From one opening tag to the next.
class Scanner {
 public:
  explicit Scanner(std::string_view html) : rest_(html) {}

  Tag next() {
    for (;;) {
      skip_to('<');
      if (rest_.empty()) return {};
      if (rest_.starts_with("<!--")) {
        skip_behind("-->");
      } else if (rest_.size() > 1 && is_letter(rest_[1])) {
        return tag();
      } else {
        rest_.remove_prefix(1);
      }
    }
  }

 private:
  void skip_to(char c) { rest_.remove_prefix(std::min(rest_.find(c), rest_.size())); }
  void skip_behind(std::string_view what) {
    const size_t at = rest_.find(what);
    rest_.remove_prefix(at == std::string_view::npos ? rest_.size() : at + what.size());
  }
  void skip_spaces() {
    while (!rest_.empty() && (is_space(rest_[0]) || rest_[0] == '/')) rest_.remove_prefix(1);
  }
  // Up to a character that `ends` it.
  template <typename Ends>
  std::string_view word(Ends ends) {
    const auto end = static_cast<size_t>(std::ranges::find_if(rest_, ends) - rest_.begin());
    const std::string_view out = rest_.substr(0, end);
    rest_.remove_prefix(end);
    return out;
  }

  Tag tag() {
    rest_.remove_prefix(1);
    Tag out;
    out.name = lower(word([](char c) { return is_space(c) || c == '/' || c == '>'; }));
    for (skip_spaces(); !rest_.empty() && rest_[0] != '>'; skip_spaces()) {
      const std::string name = lower(word(
          [](char c) { return is_space(c) || c == '/' || c == '>' || c == '='; }));
      out.attributes.try_emplace(name, value());
    }
    // What stands inside these is text, whatever it looks like.
    constexpr std::array<std::string_view, 4> kRaw = {"script", "style", "textarea", "title"};
    if (std::ranges::find(kRaw, out.name) != kRaw.end()) skip_text(out.name);
    return out;
  }

  // Of an attribute whose name was read; empty when it has none.
  std::string value() {
    while (!rest_.empty() && is_space(rest_[0])) rest_.remove_prefix(1);
    if (rest_.empty() || rest_[0] != '=') return {};
    rest_.remove_prefix(1);
    while (!rest_.empty() && is_space(rest_[0])) rest_.remove_prefix(1);
    if (rest_.empty()) return {};
    const char quote = rest_[0];
    if (quote != '"' && quote != '\'') {
      return std::string(word([](char c) { return is_space(c) || c == '>'; }));
    }
    rest_.remove_prefix(1);
    std::string out(word([quote](char c) { return c == quote; }));
    if (!rest_.empty()) rest_.remove_prefix(1);
    return out;
  }

  void skip_text(const std::string& name) {
    while (!rest_.empty()) {
      skip_behind("</");
      if (lower(rest_.substr(0, name.size())) == name) return;
    }
  }

  std::string_view rest_;
};

// The reference of a tag that a browser follows at once; empty when it has none.
std::string reference_of(const Tag& tag) {
  const auto attribute = [&](const char* name) {
    const auto found = tag.attributes.find(name);
    return found == tag.attributes.end() ? std::string() : found->second;
  };
  if (tag.name == "img" || tag.name == "script") return attribute("src");
  if (tag.name != "link") return {};
  const std::string rel = " " + lower(attribute("rel")) + " ";
  for (const char* kind : {" stylesheet ", " icon ", " preload ", " modulepreload "}) {
    if (rel.find(kind) != std::string::npos) return attribute("href");
  }
  return {};
}

std::optional<char> hex_digit(char c) {
  if (c >= '0' && c <= '9') return static_cast<char>(c - '0');
  const char small = lower(c);
  if (small >= 'a' && small <= 'f') return static_cast<char>(small - 'a' + 10);
  return {};
}

// "a%20b" is "a b"; what is not two hexadecimal digits stays.
std::string unescaped(std::string_view text) {
  std::string out;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '%' && i + 2 < text.size()) {
      const auto high = hex_digit(text[i + 1]);
      const auto low = hex_digit(text[i + 2]);
      if (high && low) {
        out += static_cast<char>(*high * 16 + *low);
        i += 2;
        continue;
      }
    }
    out += text[i];
  }
  return out;
}

// RFC 3986, 5.2.4, for paths; nothing when it leads above the root.
std::optional<std::string> without_dots(std::string_view path) {
  std::vector<std::string_view> parts;
  for (bool more = true; more;) {
    const size_t slash = path.find('/');
    const std::string_view part = path.substr(0, slash);
    if (part == "..") {
      if (parts.empty()) return {};
      parts.pop_back();
    } else if (!part.empty() && part != ".") {
      parts.push_back(part);
    }
    more = slash != std::string_view::npos;
    if (more) path.remove_prefix(slash + 1);
  }
  std::string out;
  for (const std::string_view part : parts) {
    if (!out.empty()) out += '/';
    out += part;
  }
  return out;
}

// Where a reference on the page at `path` leads, within its site.
std::optional<std::string> resolved(std::string reference, std::string_view path) {
  for (size_t at = 0; (at = reference.find("&amp;", at)) != std::string::npos; ++at) {
    reference.replace(at, 5, "&");
  }
  std::string_view rest = reference;
  while (!rest.empty() && is_space(rest.front())) rest.remove_prefix(1);
  while (!rest.empty() && is_space(rest.back())) rest.remove_suffix(1);
  rest = rest.substr(0, rest.find_first_of("?#"));
  if (rest.empty() || rest.starts_with("//")) return {};
  const size_t colon = rest.find(':');  // "https:", "data:"
  if (colon != std::string_view::npos && colon < rest.find('/')) return {};
  const size_t slash = path.rfind('/');
  const bool from_root = rest.front() == '/' || slash == std::string_view::npos;
  std::string whole = from_root ? std::string() : std::string(path.substr(0, slash + 1));
  whole += unescaped(rest);
  return without_dots(whole);
}

}  // namespace

std::vector<std::string> page_references(std::string_view html, std::string_view path) {
  std::vector<std::string> out;
  Scanner scanner(html);
  for (Tag tag = scanner.next(); !tag.name.empty(); tag = scanner.next()) {
    const std::string reference = reference_of(tag);
    if (reference.empty()) continue;
    auto found = resolved(reference, path);
    if (!found || found->empty() || *found == path) continue;
    if (std::ranges::find(out, *found) == out.end()) out.push_back(std::move(*found));
  }
  return out;
}

}  // namespace fb::content
