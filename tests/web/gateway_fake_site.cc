// Serves the files of a directory through the gateway, out of memory, for curl_check.sh: prints the
// address it listens at, then serves until its standard input ends.
#include <cstdio>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <limits>
#include <string>

#include "fake_swarm.h"
#include "web/gateway.h"

int main(int argc, char** argv) {
  namespace fs = std::filesystem;
  if (argc != 2 || !fs::is_directory(argv[1])) {
    std::fprintf(stderr, "usage: gateway_fake_site DIRECTORY\n");
    return 2;
  }
  fb::web::test::FakeSwarm swarm;
  for (const auto& entry : fs::recursive_directory_iterator(argv[1])) {
    if (!entry.is_regular_file()) continue;
    std::ifstream in(entry.path(), std::ios::binary);
    std::string content{std::istreambuf_iterator<char>(in), {}};
    const bool html = entry.path().extension() == ".html";
    swarm.add(fs::relative(entry.path(), argv[1]).generic_string(), std::move(content),
              html ? "text/html" : "application/octet-stream");
  }
  fb::web::GatewayOptions options;
  options.listen.port = 0;
  options.site_origin = "a directory";
  const auto gateway = fb::web::Gateway::start(std::move(options), swarm);
  if (!gateway) {
    std::fprintf(stderr, "%s\n", gateway.error().c_str());
    return 1;
  }
  std::printf("%s\n", (*gateway)->local().to_string().c_str());
  std::fflush(stdout);
  std::cin.ignore(std::numeric_limits<std::streamsize>::max());
  return 0;
}
