// The access line of a simulated visitor, as written on the command line:
// UP[/DOWN],DELAY[,QUEUE], such as "800kbit,30ms" or "400kbit/8Mbit,20ms,64KiB".
#pragma once

#include <expected>
#include <string>
#include <string_view>

#include "base/time.h"
#include "base/units.h"

namespace fb::cli {

struct LoadLink {
  BitRate up{800'000};
  BitRate down{800'000};
  Duration delay = milliseconds(30);  // one way, on each datagram that passes the line
  ByteCount queue = kib(64);          // in front of the line, each way

  // The error is a sentence.
  static std::expected<LoadLink, std::string> parse(std::string_view text);
};

}  // namespace fb::cli
