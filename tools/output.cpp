#include "tools/output.hpp"

#include <sys/ioctl.h>
#include <unistd.h>

#include <cerrno>
#include <fstream>
#include <iostream>
#include <system_error>

namespace backstop::tools {

void write_output(const std::string& path, const std::function<void(std::ostream&)>& write) {
  if (path == "-") {
    write(std::cout);
    if (!std::cout.flush()) throw std::system_error(errno, std::generic_category(), "standard output");
    return;
  }
  std::ofstream file(path, std::ios::binary);
  if (!file) throw std::system_error(errno, std::generic_category(), path);
  write(file);
  file.close();
  if (!file) throw std::system_error(errno, std::generic_category(), path);
}

std::size_t width_of_terminal() {
  constexpr std::size_t usual = 100;
  winsize size{};
  return ::ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0 && size.ws_col > 0 ? size.ws_col : usual;
}

}  // namespace backstop::tools
