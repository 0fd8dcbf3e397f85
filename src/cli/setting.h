// The table of a program's settings. One row a setting; the command line, the environment, the
// configuration file, --print-config and the commented file in conf/ are all made from it.
//
// A row points to where the program keeps the value (its target); the value that stands there when
// the row is added is the default. So a table must not outlive the configuration it fills.
// Thread safety: one thread at a time.
#pragma once

#include <cstdint>
#include <deque>
#include <expected>
#include <limits>
#include <optional>
#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/endpoint.h"
#include "base/time.h"
#include "base/units.h"
#include "engine/udp_engine.h"
#include "sim/scenario.h"
#include "wire/message.h"

namespace fb::cli {

enum class LogLevel : uint8_t { kDebug, kInfo, kWarning, kError };

// Numbers that the program keeps plain and people write with a sign.
struct Fraction {  // of 0 to 1, written "30%"
  double* value = nullptr;
};
struct OptionalFraction {
  std::optional<double>* value = nullptr;
};
struct Frequency {  // a second, written "32/s"
  double* value = nullptr;
};

// Which type a setting has. Enumerations are written by name: see choices_of(). An optional one is
// written as its value, or as Setting::unset.
using Target =
    std::variant<bool*, uint32_t*, std::string*, Endpoint*, BitRate*, Duration*, ByteCount*,
                 std::vector<ByteCount>*, Fraction, OptionalFraction, Frequency,
                 std::optional<double>*, std::optional<bool>*, engine::IoBackend*, wire::Profile*,
                 LogLevel*, sim::ClientKind*, sim::ArrivalKind*, sim::StopRule*, sim::Nat*,
                 sim::Behaviour*>;

// Later layers win.
enum class Layer : uint8_t { kDefault, kFile, kEnvironment, kFlag };

struct Origin {
  Layer layer = Layer::kDefault;
  std::string text = "default";  // "fbseed.toml:3:10", "FBSEED_UPLINK", "--uplink"
};

struct Setting {
  std::string key;   // "uplink", or "roulette.degree_min" for one in a table
  Target target;
  std::string flag;  // without dashes; empty: given by --set only
  // Commands that have the flag; empty: all that read the configuration.
  std::vector<std::string> commands;
  std::string doc;           // sentences for the operator
  std::string zero;          // what "0" means; empty: zero is refused where a unit is needed
  std::string unset;         // the word that stands for no value, of an optional one
  uint64_t minimum = 0;      // in the type's own unit: ns, bytes, bits a second, or a count
  uint64_t maximum = std::numeric_limits<uint64_t>::max();
  bool reloadable = false;   // a change takes effect without a restart
  std::string default_text;  // filled by add()
  Origin origin;
};

class SettingTable {
 public:
  // `program` is "fbseed"; its environment variables are FBSEED_… `file` is what its commented
  // file calls itself.
  explicit SettingTable(std::string program, std::string file = "The configuration")
      : program_(std::move(program)), file_(std::move(file)) {}
  SettingTable(const SettingTable&) = delete;
  SettingTable& operator=(const SettingTable&) = delete;

  // Keys of one table must be added in one run, those without a table first.
  void add(Setting setting);
  [[nodiscard]] Setting* find(std::string_view key);
  [[nodiscard]] std::deque<Setting>& rows() { return rows_; }
  [[nodiscard]] const std::deque<Setting>& rows() const { return rows_; }
  [[nodiscard]] const std::string& program() const { return program_; }
  [[nodiscard]] const std::string& file() const { return file_; }
  // "FBSEED_ROULETTE_DEGREE_MIN"
  [[nodiscard]] std::string environment_name(const Setting& setting) const;
  [[nodiscard]] std::string environment_prefix() const;
  [[nodiscard]] std::vector<std::string> keys() const;

 private:
  std::string program_;
  std::string file_;
  std::deque<Setting> rows_;  // a deque, so that find()'s pointers stay good
};

// Sets the target from text as written in a file's string, a flag or the environment. The target
// is untouched when that fails; the error is a sentence without the key.
[[nodiscard]] std::expected<void, std::string> set_from_text(const Setting& setting,
                                                             std::string_view text);
// The value as text that set_from_text() accepts.
[[nodiscard]] std::string text_of(const Setting& setting);
// The value as it stands in TOML.
[[nodiscard]] std::string toml_of(const Setting& setting);
// In TOML a boolean, an integer, a number or a list of strings; everything else, and what is not
// set, is a string.
[[nodiscard]] bool is_boolean(const Setting& setting);
[[nodiscard]] bool is_count(const Setting& setting);
[[nodiscard]] bool is_real(const Setting& setting);
[[nodiscard]] bool is_list(const Setting& setting);
// The names of an enumeration's values; empty for every other type.
[[nodiscard]] std::vector<std::string> choices_of(const Setting& setting);
// "RATE", "DURATION", …: what stands for the value in help texts.
[[nodiscard]] std::string placeholder_of(const Setting& setting);
// "a, b, c".
[[nodiscard]] std::string joined(const std::vector<std::string>& words, std::string_view between);
// What may be written, such as "a duration such as 500ms; 0: off".
[[nodiscard]] std::string form_of(const Setting& setting);

}  // namespace fb::cli
