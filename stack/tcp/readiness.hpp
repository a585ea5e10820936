// What may have changed about a connection or listener since its user last heard of it.
#pragma once

namespace backstop {

struct Readiness {
  bool established : 1 = false;     ///< the handshake ended well
  bool readable : 1 = false;        ///< text, the end of text, or an error is there to read
  bool writable : 1 = false;        ///< there is room again, or an error
  bool closed : 1 = false;          ///< the connection is gone: orderly, reset, refused or timed out
  bool acceptable : 1 = false;      ///< a listener has a connection to accept
  bool error_reported : 1 = false;  ///< ConnectionInfo::soft_error tells; the connection goes on
  bool urgent : 1 = false;          ///< the peer has sent urgent text, or more of it (MUST-32)

  [[nodiscard]] bool any() const {
    return established || readable || writable || closed || acceptable || error_reported || urgent;
  }
};

}  // namespace backstop
