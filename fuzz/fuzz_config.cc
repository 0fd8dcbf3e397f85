// A configuration file, and a value as text: nothing is half taken, and what is printed can be
// loaded again.
#include "cli/quantity.h"
#include "cli/seed_config.h"
#include "cli/setting_load.h"
#include "fuzz.h"

namespace {

using namespace fb;

void check_file(std::string_view text) {
  cli::SeedSettings settings;
  const auto complaints = cli::load_toml(settings.table, text, "fuzz.toml");
  for (const auto& complaint : complaints) {
    FB_HOLDS(complaint.where.starts_with("fuzz.toml:"));
    FB_HOLDS(!complaint.what.empty());
  }
  // Also after complaints: every setting then has its new value or its default, nothing between.
  const std::string printed = cli::print_settings(settings.table);
  cli::SeedSettings again;
  FB_HOLDS(cli::load_toml(again.table, printed, "printed.toml").empty());
  for (const cli::Setting& setting : settings.table.rows()) {
    const cli::Setting* other = again.table.find(setting.key);
    FB_HOLDS(other != nullptr && cli::text_of(*other) == cli::text_of(setting));
  }
}

void check_quantities(std::string_view text) {
  if (const auto rate = cli::parse_bit_rate(text)) {
    FB_HOLDS(cli::parse_bit_rate(cli::to_text(*rate)) == rate);
  }
  if (const auto duration = cli::parse_duration(text, cli::Zero::kAllowed)) {
    FB_HOLDS(cli::parse_duration(cli::to_text(*duration), cli::Zero::kAllowed) == duration);
  }
  if (const auto count = cli::parse_byte_count(text, cli::Zero::kAllowed)) {
    FB_HOLDS(cli::parse_byte_count(cli::to_text(*count), cli::Zero::kAllowed) == count);
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(data), size);
  check_file(text);
  check_quantities(text);
  return 0;
}
