#include "stack/tcp/send_queue.hpp"

#include <algorithm>
#include <cassert>

namespace backstop::tcp {

// Every block but the last is full, so the octet at offset o sits in the block that is (head_offset + o) / block_size
// steps down the chain. Blocks carry their running number as a tag; numbers wrap, and only differences are used.

std::size_t SendQueue::write(BlockPool& pool, Bytes text) {
  std::size_t written = 0;
  while (written < text.size()) {
    const MutableBytes room = space(pool);
    if (room.empty()) break;
    const std::size_t part = std::min(room.size(), text.size() - written);
    wire::copy(room.data(), text.data() + written, part);
    commit(static_cast<std::uint32_t>(part));
    written += part;
  }
  return written;
}

MutableBytes SendQueue::space(BlockPool& pool) {
  const std::uint32_t block_size = pool.block_size();
  const std::uint32_t end = head_offset_ + size_;
  const bool tail_is_full = tail_ == no_block || end == (pool.tag(tail_) - pool.tag(head_) + 1) * block_size;
  if (tail_is_full) {
    if (size_ > 0 && pool.is_scarce()) return {};
    const BlockId block = pool.take();
    if (block == no_block) return {};
    if (tail_ == no_block) {
      head_ = block;
    } else {
      pool.set_next(tail_, block);
      pool.set_tag(block, pool.tag(tail_) + 1);
    }
    tail_ = block;
  }
  const std::uint32_t used = pool.offset_in_block(head_offset_ + size_);
  return {pool.data(tail_) + used, block_size - used};
}

void SendQueue::trim(BlockPool& pool) {
  if (size_ == 0) clear(pool);
}

void SendQueue::drop_front(BlockPool& pool, std::uint32_t size) {
  assert(size <= size_);
  size_ -= size;
  if (size_ == 0) {
    clear(pool);
    return;
  }
  head_offset_ += size;
  while (head_offset_ >= pool.block_size()) {
    const BlockId done = head_;
    head_ = pool.next(done);
    if (cursor_ == done) cursor_ = no_block;
    pool.give_back(done);
    head_offset_ -= pool.block_size();
  }
}

void SendQueue::clear(BlockPool& pool) {
  while (head_ != no_block) {
    const BlockId next = pool.next(head_);
    pool.give_back(head_);
    head_ = next;
  }
  *this = SendQueue{};
}

BlockId SendQueue::block_at(BlockPool& pool, std::uint32_t index) const {
  BlockId block = head_;
  std::uint32_t at = 0;
  if (cursor_ != no_block && pool.tag(cursor_) - pool.tag(head_) <= index) {
    block = cursor_;
    at = pool.tag(cursor_) - pool.tag(head_);
  }
  for (; at < index; ++at) block = pool.next(block);
  return block;
}

std::size_t SendQueue::view(BlockPool& pool, std::uint32_t offset, std::uint32_t size, std::span<Bytes> pieces) const {
  assert(offset + size <= size_);
  if (size == 0) return 0;
  const std::uint32_t block_size = pool.block_size();
  std::uint32_t in_block = pool.offset_in_block(head_offset_ + offset);
  BlockId block = block_at(pool, pool.whole_blocks(head_offset_ + offset));
  std::size_t count = 0;
  for (;;) {
    const std::uint32_t part = std::min(size, block_size - in_block);
    pieces[count++] = Bytes{pool.data(block) + in_block, part};
    cursor_ = block;
    size -= part;
    if (size == 0) return count;
    block = pool.next(block);
    in_block = 0;
  }
}

}  // namespace backstop::tcp
