// What is thrown when a capture cannot be read: it names the file, what is wrong with it, and the cure where there is
// one.
#pragma once

#include <stdexcept>

namespace backstop::capture {

/// The file is missing, is no capture, is damaged, or has a link type that is not known here.
class UnreadableCapture : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace backstop::capture
