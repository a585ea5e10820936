// The fixed-size blocks that all send and receive queues borrow from. A connection holds blocks only while it holds
// text, so an idle one costs none, and the sum of all queues can never pass the budget.
// Read next: send_queue.hpp, receive_queue.hpp.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory_resource>

#include "stack/tcp/places.hpp"

namespace backstop::tcp {

using BlockId = std::uint32_t;
inline constexpr BlockId no_block = 0xffff'ffff;

class BlockPool {
 public:
  /// `block_size` is a power of two. Blocks that were never taken are never touched, so they cost no resident memory.
  BlockPool(std::uint32_t count, std::uint32_t block_size, std::pmr::memory_resource& memory);

  // Text that leaves and text that arrives each leave the last eighth of all blocks to the other. Why: a user who
  // answers what he reads could never answer, and so never read on, if what arrives were allowed every block; and two
  // stacks whose blocks were all full of text to send could not take each other's, and would wait for ever.

  /// A block with no successor, or no_block when text that leaves has its share.
  BlockId take() { return in_use_ - arrivals_ < share_ ? take_any() : no_block; }
  /// The same for text that arrives; give_back_arrival() returns it.
  BlockId take_for_arrival();
  /// Whether `size` octets in order certainly find blocks, one of them begun and one of them not ended.
  [[nodiscard]] bool have_room_for_arrival(std::size_t size) const {
    return available_for_arrival() > (size >> block_bits_) + 1;
  }
  /// Few blocks are left: a connection that holds text to send already waits, so that each can hold some.
  [[nodiscard]] bool is_scarce() const { return available() <= 2 * (count_ - share_); }
  void give_back(BlockId block);
  void give_back_arrival(BlockId block);

  [[nodiscard]] std::byte* data(BlockId block) { return &data_[std::size_t{block} * block_size_]; }
  [[nodiscard]] const std::byte* data(BlockId block) const { return &data_[std::size_t{block} * block_size_]; }
  [[nodiscard]] BlockId next(BlockId block) const { return links_[block].next; }
  void set_next(BlockId block, BlockId next) { links_[block].next = next; }
  /// A number that the borrower keeps with the block.
  [[nodiscard]] std::uint32_t tag(BlockId block) const { return links_[block].tag; }
  void set_tag(BlockId block, std::uint32_t tag) { links_[block].tag = tag; }

  [[nodiscard]] std::uint32_t block_size() const { return block_size_; }
  /// octets % block_size() and octets / block_size(). Why: a division by a number unknown to the compiler is slow.
  [[nodiscard]] std::uint32_t offset_in_block(std::uint32_t octets) const { return octets & (block_size_ - 1); }
  [[nodiscard]] std::uint32_t whole_blocks(std::uint32_t octets) const { return octets >> block_bits_; }
  [[nodiscard]] std::uint32_t in_use() const { return in_use_; }
  [[nodiscard]] std::uint32_t available() const { return count_ - in_use_; }
  [[nodiscard]] std::uint32_t available_for_arrival() const { return std::min(available(), share_ - arrivals_); }

  static std::size_t required_memory(std::uint32_t count, std::uint32_t block_size);

 private:
  BlockId take_any();

  struct Link {
    BlockId next;
    std::uint32_t tag;
  };
  using Octets = Places<std::byte, 0>;
  using Links = Places<Link, 28>;

  std::uint32_t count_;
  std::uint32_t share_;  // most blocks that text that leaves, or that arrives, may have
  std::uint32_t block_size_;
  std::uint32_t block_bits_;  // the logarithm of the size
  Octets data_;
  Links links_;
  BlockId free_ = no_block;    // blocks that were given back
  std::uint32_t touched_ = 0;  // blocks below this one have been taken at least once
  std::uint32_t in_use_ = 0;
  std::uint32_t arrivals_ = 0;  // of those, with text that arrived
};

}  // namespace backstop::tcp
