// The fixed-size blocks that all send and receive queues borrow from. A connection holds blocks only while it holds
// text, so an idle one costs none, and the sum of all queues can never pass the budget.
// Read next: send_queue.hpp, receive_queue.hpp.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory_resource>

namespace backstop::tcp {

using BlockId = std::uint32_t;
inline constexpr BlockId no_block = 0xffff'ffff;

class BlockPool {
 public:
  /// `block_size` is a power of two. Blocks that were never taken are never touched, so they cost no resident memory.
  BlockPool(std::uint32_t count, std::uint32_t block_size, std::pmr::memory_resource& memory);
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  /// A block with no successor, or no_block when all are taken.
  BlockId take();
  /// The same for text that arrives: the last eighth is left to text that leaves. Why: a user who answers what he reads
  /// could never answer, and so never read on, if what arrives were allowed to take every block.
  BlockId take_for_arrival() { return available() > reserve() ? take() : no_block; }
  /// Few blocks are left: a connection that holds text to send already waits, so that each can hold some. Why that is
  /// before arrivals must stop: were all blocks full of text to send, what arrives would find no place, and two such
  /// stacks would wait for each other for ever.
  [[nodiscard]] bool is_scarce() const { return available() <= 2 * reserve(); }
  void give_back(BlockId block);

  [[nodiscard]] std::byte* data(BlockId block) { return data_ + std::size_t{block} * block_size_; }
  [[nodiscard]] const std::byte* data(BlockId block) const { return data_ + std::size_t{block} * block_size_; }
  [[nodiscard]] BlockId next(BlockId block) const { return links_[block].next; }
  void set_next(BlockId block, BlockId next) { links_[block].next = next; }
  /// A number that the borrower keeps with the block.
  [[nodiscard]] std::uint32_t tag(BlockId block) const { return links_[block].tag; }
  void set_tag(BlockId block, std::uint32_t tag) { links_[block].tag = tag; }

  [[nodiscard]] std::uint32_t block_size() const { return block_size_; }
  [[nodiscard]] std::uint32_t in_use() const { return in_use_; }
  [[nodiscard]] std::uint32_t available() const { return count_ - in_use_; }
  [[nodiscard]] std::uint32_t available_for_arrival() const {
    return available() > reserve() ? available() - reserve() : 0;
  }

  static std::size_t required_memory(std::uint32_t count, std::uint32_t block_size);

 private:
  [[nodiscard]] std::uint32_t reserve() const { return count_ / 8; }

  struct Link {
    BlockId next;
    std::uint32_t tag;
  };

  std::pmr::memory_resource& memory_;
  std::uint32_t count_;
  std::uint32_t block_size_;
  std::byte* data_;
  Link* links_;
  BlockId free_ = no_block;    // blocks that were given back
  std::uint32_t touched_ = 0;  // blocks below this one have been taken at least once
  std::uint32_t in_use_ = 0;
};

}  // namespace backstop::tcp
