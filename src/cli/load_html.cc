#include "cli/load_html.h"

#include <array>

#include "base/check.h"
#include "cli/log.h"

namespace fb::cli {

// Made by src/cli/embed.
namespace embedded {
extern const std::string_view report_html, report_css, report_js, report_charts_js, d3_js;
}  // namespace embedded

namespace {

// JSON has a "<" only within strings, where it may be written otherwise; without one nothing can
// end the script element that it is in.
std::string without_tags(std::string_view json) {
  std::string out;
  out.reserve(json.size());
  for (const char c : json) {
    if (c == '<') {
      out += "\\u003c";
    } else {
      out += c;
    }
  }
  return out;
}

struct Part {
  std::string_view mark;
  std::string_view text;
};

}  // namespace

std::string html_report(std::string_view json) {
  const std::string result = without_tags(json);
  // In the order in which the page has them.
  const std::array<Part, 5> parts = {{{"{{report.css}}", embedded::report_css},
                                      {"{{result}}", result},
                                      {"{{d3.js}}", embedded::d3_js},
                                      {"{{report_charts.js}}", embedded::report_charts_js},
                                      {"{{report.js}}", embedded::report_js}}};
  std::string out;
  std::string_view rest = embedded::report_html;
  for (const Part& part : parts) {
    const size_t at = rest.find(part.mark);
    FB_CHECK(at != std::string_view::npos);
    out.append(rest.substr(0, at));
    out.append(part.text);
    rest.remove_prefix(at + part.mark.size());
  }
  out.append(rest);
  return out;
}

std::string html_report(std::span<const std::string> runs, std::string_view title) {
  std::string json = "{\"title\": \"" + json_escape(title) + "\", \"runs\": [";
  for (size_t i = 0; i < runs.size(); ++i) {
    if (i > 0) json += ",\n";
    json += runs[i];
  }
  return html_report(json + "]}");
}

}  // namespace fb::cli
