#include "CTOML.h"

#include <cstdlib>
#include <cstring>
#include <string_view>

// Debian has had toml++ since release 12.
#if __has_include(<toml++/toml.h>)
#define TOML_EXCEPTIONS 0
#define TOML_ENABLE_FORMATTERS 1
#include <sstream>
#include <toml++/toml.h>

namespace {

char *copied(std::string_view text) {
  auto *copy = static_cast<char *>(std::malloc(text.size() + 1));
  if (copy != nullptr) {
    std::memcpy(copy, text.data(), text.size());
    copy[text.size()] = 0;
  }
  return copy;
}

}  // namespace

int ctoml_is_available(void) { return 1; }

ctoml_document ctoml_read(const char *text, size_t length) {
  ctoml_document document = {};
  const toml::parse_result result = toml::parse(std::string_view(text, length));
  if (!result) {
    document.error = copied(result.error().description());
    document.line = result.error().source().begin.line;
    document.column = result.error().source().begin.column;
    return document;
  }
  std::ostringstream stream;
  stream << toml::json_formatter(result.table());
  const std::string json = stream.str();
  document.json = copied(json);
  document.length = json.size();
  return document;
}

#else

int ctoml_is_available(void) { return 0; }

ctoml_document ctoml_read(const char *, size_t) { return {}; }

#endif
