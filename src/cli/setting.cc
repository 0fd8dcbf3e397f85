#include "cli/setting.h"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cctype>
#include <charconv>
#include <span>

#include "base/check.h"
#include "cli/nearest.h"
#include "cli/quantity.h"

namespace fb::cli {
namespace {

template <typename Enum>
struct Choice {
  std::string_view name;
  Enum value;
};

constexpr std::array<Choice<engine::IoBackend>, 3> kBackends{
    {{"auto", engine::IoBackend::kAuto},
     {"uring", engine::IoBackend::kIoUring},
     {"epoll", engine::IoBackend::kEpoll}}};
constexpr std::array<Choice<wire::Profile>, 2> kProfiles{
    {{"classic", wire::Profile::kClassic}, {"v2", wire::Profile::kV2}}};
constexpr std::array<Choice<LogLevel>, 4> kLogLevels{{{"debug", LogLevel::kDebug},
                                                      {"info", LogLevel::kInfo},
                                                      {"warning", LogLevel::kWarning},
                                                      {"error", LogLevel::kError}}};

constexpr std::span<const Choice<engine::IoBackend>> choices(engine::IoBackend) {
  return kBackends;
}
constexpr std::span<const Choice<wire::Profile>> choices(wire::Profile) { return kProfiles; }
constexpr std::span<const Choice<LogLevel>> choices(LogLevel) { return kLogLevels; }

template <typename Enum>
concept Named = std::is_enum_v<Enum>;

template <typename... Ts>
struct Overloaded : Ts... {
  using Ts::operator()...;
};

std::string quote_toml(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += '\\';
      out += c;
    } else if (byte < 0x20 || byte == 0x7f) {
      out += fmt::format("\\u{:04X}", byte);
    } else {
      out += c;
    }
  }
  return out + '"';
}

std::expected<uint32_t, std::string> parse_count(std::string_view text) {
  uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, value);
  if (error != std::errc{} || stop != end || text.empty()) {
    return std::unexpected(fmt::format("\"{}\" is not a whole number from 0 to {}", text,
                                       std::numeric_limits<uint32_t>::max()));
  }
  return value;
}

// The raw number of a bounded type, in its own unit, and back to text for a message.
uint64_t raw(uint32_t value) { return value; }
uint64_t raw(BitRate value) { return value.bits_per_second; }
uint64_t raw(Duration value) { return static_cast<uint64_t>(value.ns); }
uint64_t raw(ByteCount value) { return value.bytes; }
std::string raw_text(uint32_t, uint64_t number) { return fmt::format("{}", number); }
std::string raw_text(BitRate, uint64_t number) { return to_text(BitRate{number}); }
std::string raw_text(Duration, uint64_t number) {
  return to_text(Duration{static_cast<int64_t>(number)});
}
std::string raw_text(ByteCount, uint64_t number) { return to_text(ByteCount{number}); }

template <typename Type>
std::expected<void, std::string> check_bounds(const Setting& setting, Type value) {
  const uint64_t number = raw(value);
  if (number == 0 && !setting.zero.empty()) return {};
  if (number < setting.minimum) {
    return std::unexpected(fmt::format("is too small; the least is {}{}",
                                       raw_text(value, setting.minimum),
                                       setting.zero.empty() ? "" : ", or 0: " + setting.zero));
  }
  if (number > setting.maximum) {
    return std::unexpected(
        fmt::format("is too large; the most is {}", raw_text(value, setting.maximum)));
  }
  return {};
}

template <typename Type>
std::expected<void, std::string> store(const Setting& setting,
                                       const std::expected<Type, std::string>& parsed, Type& out) {
  if (!parsed) return std::unexpected(parsed.error());
  if (auto bounds = check_bounds(setting, *parsed); !bounds) return bounds;
  out = *parsed;
  return {};
}

template <Named Enum>
std::expected<void, std::string> store_choice(std::string_view text, Enum& out) {
  std::vector<std::string> names;
  for (const auto& choice : choices(Enum{})) {
    if (choice.name == text) {
      out = choice.value;
      return {};
    }
    names.emplace_back(choice.name);
  }
  const auto guess = nearest(text, names);
  return std::unexpected(fmt::format("\"{}\" is none of {}{}", text, joined(names, ", "),
                                     guess ? fmt::format("; did you mean \"{}\"?", *guess) : ""));
}

template <Named Enum>
std::string name_of(Enum value) {
  for (const auto& choice : choices(Enum{})) {
    if (choice.value == value) return std::string(choice.name);
  }
  FB_CHECK(false);
}

}  // namespace

void SettingTable::add(Setting setting) {
  FB_CHECK(find(setting.key) == nullptr);
  setting.default_text = text_of(setting);
  rows_.push_back(std::move(setting));
}

Setting* SettingTable::find(std::string_view key) {
  const auto row = std::ranges::find(rows_, key, &Setting::key);
  return row == rows_.end() ? nullptr : &*row;
}

std::string SettingTable::environment_prefix() const {
  std::string out;
  for (const char c : program_) {
    out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out + '_';
}

std::string SettingTable::environment_name(const Setting& setting) const {
  std::string out = environment_prefix();
  for (const char c : setting.key) {
    out += c == '.' ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out;
}

std::vector<std::string> SettingTable::keys() const {
  std::vector<std::string> out;
  for (const Setting& row : rows_) out.push_back(row.key);
  return out;
}

std::expected<void, std::string> set_from_text(const Setting& setting, std::string_view text) {
  using Result = std::expected<void, std::string>;
  const Zero zero = setting.zero.empty() ? Zero::kRefused : Zero::kAllowed;
  return std::visit(
      Overloaded{
          [&](bool* out) -> Result {
            if (text != "true" && text != "false") {
              return std::unexpected(fmt::format("\"{}\" is neither true nor false", text));
            }
            *out = text == "true";
            return {};
          },
          [&](uint32_t* out) -> Result { return store(setting, parse_count(text), *out); },
          [&](std::string* out) -> Result {
            if (text.find('\0') != std::string_view::npos) {
              return std::unexpected(std::string("must not contain a zero byte"));
            }
            *out = text;
            return {};
          },
          [&](Endpoint* out) -> Result {
            auto parsed = Endpoint::parse(text);
            if (!parsed) return std::unexpected(parsed.error());
            *out = *parsed;
            return {};
          },
          [&](BitRate* out) -> Result { return store(setting, parse_bit_rate(text, zero), *out); },
          [&](Duration* out) -> Result { return store(setting, parse_duration(text, zero), *out); },
          [&](ByteCount* out) -> Result {
            return store(setting, parse_byte_count(text, zero), *out);
          },
          [&]<Named Enum>(Enum* out) -> Result { return store_choice(text, *out); },
      },
      setting.target);
}

std::string text_of(const Setting& setting) {
  return std::visit(Overloaded{
                        [](const bool* value) { return std::string(*value ? "true" : "false"); },
                        [](const uint32_t* value) { return fmt::format("{}", *value); },
                        [](const std::string* value) { return *value; },
                        [](const Endpoint* value) { return value->to_string(); },
                        [](const BitRate* value) { return to_text(*value); },
                        [](const Duration* value) { return to_text(*value); },
                        [](const ByteCount* value) { return to_text(*value); },
                        []<Named Enum>(const Enum* value) { return name_of(*value); },
                    },
                    setting.target);
}

std::string toml_of(const Setting& setting) {
  std::string text = text_of(setting);
  return is_boolean(setting) || is_count(setting) ? text : quote_toml(text);
}

bool is_boolean(const Setting& setting) { return std::holds_alternative<bool*>(setting.target); }

bool is_count(const Setting& setting) { return std::holds_alternative<uint32_t*>(setting.target); }

std::vector<std::string> choices_of(const Setting& setting) {
  std::vector<std::string> names;
  std::visit(Overloaded{
                 []<typename Type>(const Type*) {},
                 [&]<Named Enum>(const Enum*) {
                   for (const auto& choice : choices(Enum{})) names.emplace_back(choice.name);
                 },
             },
             setting.target);
  return names;
}

std::string placeholder_of(const Setting& setting) {
  return std::visit(Overloaded{
                        [](const bool*) { return std::string(); },
                        [](const uint32_t*) { return std::string("NUMBER"); },
                        [](const std::string*) { return std::string("TEXT"); },
                        [](const Endpoint*) { return std::string("ADDR:PORT"); },
                        [](const BitRate*) { return std::string("RATE"); },
                        [](const Duration*) { return std::string("DURATION"); },
                        [](const ByteCount*) { return std::string("BYTES"); },
                        [&]<Named Enum>(const Enum*) {
                          return joined(choices_of(setting), "|");
                        },
                    },
                    setting.target);
}

std::string joined(const std::vector<std::string>& words, std::string_view between) {
  std::string out;
  for (const std::string& word : words) {
    if (!out.empty()) out += between;
    out += word;
  }
  return out;
}

std::string form_of(const Setting& setting) {
  std::string form = std::visit(
      Overloaded{
          [](const bool*) { return std::string("true or false"); },
          [](const uint32_t*) { return std::string("a whole number"); },
          [](const std::string*) { return std::string("text"); },
          [](const Endpoint*) {
            return std::string("address and port, such as 127.0.0.1:4711 or [::1]:4711");
          },
          [](const BitRate*) { return std::string("a bit rate, such as 800kbit or 1.5Mbit"); },
          [](const Duration*) { return std::string("a duration, such as 500ms, 2s or 1m"); },
          [](const ByteCount*) { return std::string("a byte count, such as 64KiB or 1MB"); },
          [&]<Named Enum>(const Enum*) {
            return joined(choices_of(setting), " or ");
          },
      },
      setting.target);
  if (is_count(setting) && setting.maximum <= std::numeric_limits<uint32_t>::max()) {
    form += fmt::format(" from {} to {}", setting.minimum, setting.maximum);
  }
  if (!setting.zero.empty()) form += "; 0: " + setting.zero;
  return form;
}

}  // namespace fb::cli
