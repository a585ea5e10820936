// Reads pcapng (draft-ietf-opsawg-pcapng): sections of either byte order, any number of interfaces.
// Why not libpcap: it gives up on a section whose interfaces differ in link type or snapshot length, which is what
// "capture on all interfaces" writes.
// Read next: frame_source.hpp.
#pragma once

#include <memory>

#include "stack/wire/bytes.hpp"
#include "tools/capture/frame_source.hpp"
#include "tools/capture/input.hpp"

namespace backstop::capture {

/// Whether a file that begins with these octets is pcapng.
bool is_pcapng(Bytes first_octets);

std::unique_ptr<FrameSource> open_pcapng(std::unique_ptr<Input> input);

}  // namespace backstop::capture
