#include "tools/replay/corpus.hpp"

#include <algorithm>
#include <array>
#include <filesystem>
#include <span>
#include <stdexcept>
#include <string_view>

#include "tools/replay/story.hpp"

namespace backstop::replay {
namespace {

namespace fs = std::filesystem;

bool is_capture(const fs::path& path) {
  constexpr std::array<std::string_view, 4> endings{".pcap", ".pcapng", ".cap", ".dmp"};
  const fs::path ending = path.extension() == ".gz" ? path.stem().extension() : path.extension();
  return std::ranges::find(endings, ending.native()) != endings.end();
}

std::vector<CaptureFile> captures_in(const fs::path& folder) {
  std::vector<CaptureFile> files;
  std::error_code error;
  for (fs::recursive_directory_iterator entry(folder, error), end; !error && entry != end; entry.increment(error)) {
    if (entry->is_regular_file() && is_capture(entry->path())) {
      files.push_back({entry->path(), entry->path().lexically_relative(folder)});
    }
  }
  if (error) throw std::invalid_argument(folder.native() + ": " + error.message());
  if (files.empty()) {
    throw std::invalid_argument(folder.native() + ": holds no captures (" + std::string(capture_endings) + ")");
  }
  std::ranges::sort(files, {}, &CaptureFile::name);  // folders have no order of their own
  return files;
}

}  // namespace

std::vector<CaptureFile> find_captures(const std::vector<std::string>& arguments) {
  std::vector<CaptureFile> files;
  for (const std::string& argument : arguments) {
    const fs::path path(argument);
    std::error_code error;
    if (argument == "-") {
      files.push_back({argument, "stdin"});
    } else if (fs::is_directory(path, error)) {
      std::ranges::move(captures_in(path), std::back_inserter(files));
    } else if (fs::exists(path, error)) {
      files.push_back({argument, path.filename()});
    } else {
      throw std::invalid_argument(argument + ": no such file or folder");
    }
  }
  return files;
}

std::vector<CaptureFile> take_shard(const std::vector<CaptureFile>& files, Shard shard) {
  std::vector<CaptureFile> share;
  std::ranges::copy_if(files, std::back_inserter(share), [&](const CaptureFile& file) {
    const std::uint32_t hash = hash_text(std::as_bytes(std::span(file.name)));
    return hash % shard.count == shard.index % shard.count;
  });
  return share;
}

}  // namespace backstop::replay
