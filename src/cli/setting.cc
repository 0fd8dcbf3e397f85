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

constexpr std::array<Choice<sim::ClientKind>, 2> kClients{
    {{"flashback", sim::ClientKind::kFlashback}, {"http", sim::ClientKind::kHttp}}};
constexpr std::array<Choice<sim::ArrivalKind>, 5> kArrivalKinds{
    {{"constant", sim::ArrivalKind::kConstant},
     {"poisson", sim::ArrivalKind::kPoisson},
     {"one-shot", sim::ArrivalKind::kOneShot},
     {"ramp", sim::ArrivalKind::kRamp},
     {"trace", sim::ArrivalKind::kTrace}}};
constexpr std::array<Choice<sim::StopRule>, 3> kStopRules{
    {{"number", sim::StopRule::kNumber},
     {"duration", sim::StopRule::kDuration},
     {"stabilised-pool", sim::StopRule::kStabilisedPool}}};
constexpr std::array<Choice<sim::Nat>, 4> kNats{
    {{"open", sim::Nat::kOpen},
     {"address-restricted", sim::Nat::kAddressRestricted},
     {"port-restricted", sim::Nat::kPortRestricted},
     {"symmetric", sim::Nat::kSymmetric}}};
constexpr std::array<Choice<sim::Behaviour>, 4> kBehaviours{
    {{"honest", sim::Behaviour::kHonest},
     {"free-rider", sim::Behaviour::kFreeRider},
     {"polluter", sim::Behaviour::kPolluter},
     {"large-view", sim::Behaviour::kLargeView}}};

constexpr std::span<const Choice<engine::IoBackend>> choices(engine::IoBackend) {
  return kBackends;
}
constexpr std::span<const Choice<wire::Profile>> choices(wire::Profile) { return kProfiles; }
constexpr std::span<const Choice<LogLevel>> choices(LogLevel) { return kLogLevels; }
constexpr std::span<const Choice<sim::ClientKind>> choices(sim::ClientKind) { return kClients; }
constexpr std::span<const Choice<sim::ArrivalKind>> choices(sim::ArrivalKind) {
  return kArrivalKinds;
}
constexpr std::span<const Choice<sim::StopRule>> choices(sim::StopRule) { return kStopRules; }
constexpr std::span<const Choice<sim::Nat>> choices(sim::Nat) { return kNats; }
constexpr std::span<const Choice<sim::Behaviour>> choices(sim::Behaviour) { return kBehaviours; }

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

// For types whose parser knows the bounds.
template <typename Type>
std::expected<void, std::string> store_parsed(const std::expected<double, std::string>& parsed,
                                              Type& out) {
  if (!parsed) return std::unexpected(parsed.error());
  out = *parsed;
  return {};
}

// "4KiB,128KiB"
std::expected<void, std::string> store_list(const Setting& setting, std::string_view text,
                                            std::vector<ByteCount>& out) {
  std::vector<ByteCount> found;
  for (bool more = !text.empty(); more;) {
    const size_t comma = text.find(',');
    ByteCount one;
    const auto stored = store(setting, parse_byte_count(text.substr(0, comma)), one);
    if (!stored) return stored;
    found.push_back(one);
    more = comma != std::string_view::npos;
    if (more) text.remove_prefix(comma + 1);
  }
  out = std::move(found);
  return {};
}

std::string list_text(const std::vector<ByteCount>& list, std::string_view quote,
                      std::string_view between) {
  std::vector<std::string> words;
  for (const ByteCount count : list) {
    words.push_back(fmt::format("{0}{1}{0}", quote, to_text(count)));
  }
  return joined(words, between);
}

bool is_unset(const Setting& setting) {
  return std::visit(Overloaded{
                        [](const auto&) { return false; },
                        [](const OptionalFraction& out) { return !out.value->has_value(); },
                        [](std::optional<double>* const& out) { return !out->has_value(); },
                        [](std::optional<bool>* const& out) { return !out->has_value(); },
                    },
                    setting.target);
}

// Takes the value away from an optional one.
void clear(const Setting& setting) {
  std::visit(Overloaded{
                 [](const auto&) {},
                 [](const OptionalFraction& out) { out.value->reset(); },
                 [](std::optional<double>* const& out) { out->reset(); },
                 [](std::optional<bool>* const& out) { out->reset(); },
             },
             setting.target);
}

std::expected<bool, std::string> parse_boolean(std::string_view text) {
  if (text == "true" || text == "false") return text == "true";
  return std::unexpected(fmt::format("\"{}\" is neither true nor false", text));
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
    const bool between = c == '.' || c == '-';
    out += between ? '_' : static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
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
  if (!setting.unset.empty() && text == setting.unset) {
    clear(setting);
    return {};
  }
  const auto set_boolean = [&](auto* out) -> Result {
    const auto parsed = parse_boolean(text);
    if (!parsed) return std::unexpected(parsed.error());
    *out = *parsed;
    return {};
  };
  return std::visit(
      Overloaded{
          [&](bool* out) -> Result { return set_boolean(out); },
          [&](std::optional<bool>* out) -> Result { return set_boolean(out); },
          [&](std::optional<double>* out) -> Result {
            return store_parsed(parse_real(text), *out);
          },
          [&](Fraction out) -> Result { return store_parsed(parse_fraction(text), *out.value); },
          [&](OptionalFraction out) -> Result {
            return store_parsed(parse_fraction(text), *out.value);
          },
          [&](Frequency out) -> Result { return store_parsed(parse_frequency(text), *out.value); },
          [&](std::vector<ByteCount>* out) -> Result { return store_list(setting, text, *out); },
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
  if (is_unset(setting)) return setting.unset;
  return std::visit(Overloaded{
                        [](const std::optional<bool>* value) {
                          return std::string(**value ? "true" : "false");
                        },
                        [](const std::optional<double>* value) { return real_text(**value); },
                        [](Fraction out) { return fraction_text(*out.value); },
                        [](OptionalFraction out) { return fraction_text(**out.value); },
                        [](Frequency out) { return frequency_text(*out.value); },
                        [](const std::vector<ByteCount>* value) {
                          return list_text(*value, "", ",");
                        },
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
  if (const auto* list = std::get_if<std::vector<ByteCount>*>(&setting.target)) {
    return "[" + list_text(**list, "\"", ", ") + "]";
  }
  const bool bare = is_boolean(setting) || is_count(setting) || is_real(setting);
  return bare && !is_unset(setting) ? text : quote_toml(text);
}

bool is_boolean(const Setting& setting) {
  return std::holds_alternative<bool*>(setting.target) ||
         std::holds_alternative<std::optional<bool>*>(setting.target);
}

bool is_count(const Setting& setting) { return std::holds_alternative<uint32_t*>(setting.target); }

bool is_real(const Setting& setting) {
  return std::holds_alternative<std::optional<double>*>(setting.target);
}

bool is_list(const Setting& setting) {
  return std::holds_alternative<std::vector<ByteCount>*>(setting.target);
}

std::vector<std::string> choices_of(const Setting& setting) {
  std::vector<std::string> names;
  std::visit(Overloaded{
                 [](const auto&) {},
                 [&]<Named Enum>(Enum* const&) {
                   for (const auto& choice : choices(Enum{})) names.emplace_back(choice.name);
                 },
             },
             setting.target);
  return names;
}

std::string placeholder_of(const Setting& setting) {
  return std::visit(Overloaded{
                        [](const bool*) { return std::string(); },
                        [](const std::optional<bool>*) { return std::string("true|false"); },
                        [](const std::optional<double>*) { return std::string("NUMBER"); },
                        [](Fraction) { return std::string("PERCENT"); },
                        [](OptionalFraction) { return std::string("PERCENT"); },
                        [](Frequency) { return std::string("NUMBER/s"); },
                        [](const std::vector<ByteCount>*) { return std::string("BYTES,…"); },
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
          [](const std::optional<bool>*) { return std::string("true or false"); },
          [](const std::optional<double>*) { return std::string("a number, such as 2 or 1.5"); },
          [](Fraction) { return std::string("a part of a whole, such as 30%"); },
          [](OptionalFraction) { return std::string("a part of a whole, such as 30%"); },
          [](Frequency) { return std::string("a number a second, such as 32/s or 0.5/s"); },
          [](const std::vector<ByteCount>*) {
            return std::string("a list of byte counts, such as [\"4KiB\", \"128KiB\"]");
          },
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
  if (!setting.unset.empty()) form += "; or " + setting.unset;
  return form;
}

}  // namespace fb::cli
