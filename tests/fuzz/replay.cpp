// fuzz_replay TARGET FOLDER...: plays every file in the folders to a target, then some thousand inputs made of them by
// a fixed sequence of changes. So what libFuzzer found once is a regression test that needs no libFuzzer.
// Exit status: 0 all went well, 2 wrong arguments; a finding ends the process.
#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iostream>
#include <iterator>
#include <string>
#include <vector>

#include "tests/fuzz/target.hpp"
#include "tests/support/random.hpp"

namespace backstop::fuzz {
namespace {

using Octets = std::vector<std::byte>;

constexpr unsigned changed_inputs = 2000;

Octets read_file(const std::filesystem::path& path) {
  std::ifstream file{path, std::ios::binary};
  const std::string text{std::istreambuf_iterator<char>{file}, {}};
  Octets octets(text.size());
  std::ranges::transform(text, octets.begin(), [](char c) { return static_cast<std::byte>(c); });
  return octets;
}

std::vector<std::filesystem::path> files_in(const std::filesystem::path& folder) {
  std::vector<std::filesystem::path> files;
  if (!std::filesystem::exists(folder)) return files;
  for (const auto& entry : std::filesystem::directory_iterator{folder}) {
    if (entry.is_regular_file()) files.push_back(entry.path());
  }
  std::ranges::sort(files);
  return files;
}

void change(Octets& octets, test::Random& random) {
  const std::uint64_t changes = 1 + random.below(8);
  for (std::uint64_t i = 0; i < changes; ++i) {
    const auto place = octets.begin() + static_cast<std::ptrdiff_t>(random.below(octets.size() + 1));
    const std::uint64_t how = random.below(4);
    if (how == 0 || place == octets.end()) {
      octets.insert(place, static_cast<std::byte>(random.next()));
    } else if (how == 1) {
      octets.erase(place);
    } else {
      *place = static_cast<std::byte>(random.next());
    }
  }
}

int run(const std::vector<std::string>& arguments) {
  if (arguments.size() < 2) {
    std::cerr << "usage: fuzz_replay TARGET FOLDER...\n";
    return 2;
  }
  const auto target = std::ranges::find(targets(), arguments[0], &Target::name);
  if (target == targets().end()) {
    std::cerr << "fuzz_replay: no target '" << arguments[0] << "'; there are:";
    for (const Target& known : targets()) std::cerr << " " << known.name;
    std::cerr << "\n";
    return 2;
  }
  std::vector<Octets> inputs;
  for (auto folder = arguments.begin() + 1; folder != arguments.end(); ++folder) {
    for (const auto& file : files_in(*folder)) {
      std::cout << file.string() << std::endl;  // flushed: the last line names the one that fails
      target->run(inputs.emplace_back(read_file(file)));
    }
  }
  if (inputs.empty()) {
    std::cerr << "fuzz_replay: no file in any of the folders\n";
    return 2;
  }
  test::Random random{1};
  for (unsigned i = 0; i < changed_inputs; ++i) {
    Octets octets = inputs[random.below(inputs.size())];
    change(octets, random);
    target->run(octets);
  }
  std::cout << inputs.size() << " inputs and " << changed_inputs << " made of them" << std::endl;
  return 0;
}

}  // namespace
}  // namespace backstop::fuzz

int main(int argc, char** argv) { return backstop::fuzz::run({argv + 1, argv + argc}); }
