// instructions CASE OPERATIONS: does a case of `backstop bench` so many times, within a function of its own, so that
// callgrind can count the instructions of exactly that. Read next: check.sh.
#include <algorithm>
#include <cstdlib>
#include <iostream>

#include "tools/bench/catalogue.hpp"

using namespace backstop::tools;

// Its name is what check.sh tells callgrind to count.
extern "C" [[gnu::noinline]] void counted_work(bench::Work& work, std::uint64_t operations) { work.run(operations); }

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "usage: instructions CASE OPERATIONS\n";
    return 2;
  }
  const auto catalogue = bench::catalogue();
  const auto found = std::ranges::find(catalogue, std::string(argv[1]), &bench::Case::name);
  if (found == catalogue.end()) {
    std::cerr << "instructions: no case '" << argv[1] << "'\n";
    return 2;
  }
  const auto work = found->make();
  const auto operations = std::strtoull(argv[2], nullptr, 10);
  work->run(operations);  // once uncounted: queues and tables get to where they stay
  counted_work(*work, operations);
}
