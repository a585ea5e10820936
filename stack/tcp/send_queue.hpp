// Text that the user has written and the peer has not acknowledged: a chain of blocks, the front one at SND.UNA.
// Read next: sent_list.hpp, which knows what of it was sent when.
#pragma once

#include <cstdint>
#include <span>

#include "stack/tcp/block_pool.hpp"
#include "stack/wire/bytes.hpp"

namespace backstop::tcp {

class SendQueue {
 public:
  [[nodiscard]] std::uint32_t size() const { return size_; }

  /// Appends as much of `text` as blocks can be had for; returns how much.
  std::size_t write(BlockPool& pool, Bytes text);
  /// Room behind the last octet, in one piece; empty when no block can be had. commit() appends what was written there.
  MutableBytes space(BlockPool& pool);
  void commit(std::uint32_t size) { size_ += size; }
  /// Gives a block back that space() took and commit() did not use.
  void trim(BlockPool& pool);

  /// Forgets the first `size` octets: they are acknowledged.
  void drop_front(BlockPool& pool, std::uint32_t size);
  void clear(BlockPool& pool);

  /// Fills `pieces` with views of `size` octets from `offset` on; returns how many views.
  std::size_t view(BlockPool& pool, std::uint32_t offset, std::uint32_t size, std::span<Bytes> pieces) const;

 private:
  BlockId block_at(BlockPool& pool, std::uint32_t index) const;

  BlockId head_ = no_block;
  BlockId tail_ = no_block;
  std::uint32_t head_offset_ = 0;  // of the first octet in the head block
  std::uint32_t size_ = 0;
  // The block that view() touched last: sending goes forward, so the walk along the chain starts there.
  mutable BlockId cursor_ = no_block;
};

}  // namespace backstop::tcp
