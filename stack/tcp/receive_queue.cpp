#include "stack/tcp/receive_queue.hpp"

#include <algorithm>
#include <cassert>
#include <cstring>

namespace backstop::tcp {
namespace {

// Why: a sender that makes more holes than this gains nothing, and a search through them stays short.
constexpr std::size_t most_ranges = 64;

bool touch(const wire::SackBlock& a, const wire::SackBlock& b) { return a.left <= b.right && b.left <= a.right; }

}  // namespace

// A block's tag is its number in sequence space: seq / block_size. Order among tags is order modulo 2^32 / block_size,
// so they are compared as sequence numbers of their first octets.

bool ReceiveQueue::insert(BlockPool& pool, SeqNum seq, Bytes text) {
  assert(seq >= next_);
  if (text.empty()) return true;
  const SeqNum end = seq + static_cast<std::uint32_t>(text.size());
  if (!write(pool, seq, text)) return false;
  if (seq > next_) return add_range(pool, seq, end);
  next_ = end;
  if (has_gaps()) advance_over_ranges(pool);
  return true;
}

bool ReceiveQueue::write(BlockPool& pool, SeqNum seq, Bytes text) {
  const std::uint32_t block_size = pool.block_size();
  while (!text.empty()) {
    const std::uint32_t offset = seq.value() % block_size;
    const BlockId block = find_or_insert(pool, seq.value() - offset);
    if (block == no_block) return false;
    const std::size_t part = std::min<std::size_t>(text.size(), block_size - offset);
    std::memcpy(pool.data(block) + offset, text.data(), part);
    seq += static_cast<std::uint32_t>(part);
    text = text.subspan(part);
  }
  return true;
}

BlockId ReceiveQueue::find_or_insert(BlockPool& pool, std::uint32_t tag) {
  const SeqNum start{tag};
  BlockId before = no_block;
  BlockId at = head_;
  if (hint_ != no_block && SeqNum{pool.tag(hint_)} <= start) {
    if (pool.tag(hint_) == tag) return hint_;
    before = hint_;
    at = pool.next(hint_);
  }
  while (at != no_block && SeqNum{pool.tag(at)} < start) {
    before = at;
    at = pool.next(at);
  }
  if (at == no_block || pool.tag(at) != tag) {
    const BlockId fresh = pool.take();
    if (fresh == no_block) return no_block;
    pool.set_tag(fresh, tag);
    pool.set_next(fresh, at);
    if (before == no_block) {
      head_ = fresh;
    } else {
      pool.set_next(before, fresh);
    }
    at = fresh;
  }
  hint_ = at;
  return at;
}

std::span<wire::SackBlock> ReceiveQueue::ranges(BlockPool& pool) const {
  const std::size_t room = std::min(most_ranges, pool.block_size() / sizeof(wire::SackBlock));
  return {reinterpret_cast<wire::SackBlock*>(pool.data(ranges_)), room};
}

bool ReceiveQueue::add_range(BlockPool& pool, SeqNum left, SeqNum right) {
  if (ranges_ == no_block) {
    ranges_ = pool.take();
    if (ranges_ == no_block) return false;
    range_count_ = 0;
  }
  const auto all = ranges(pool);
  wire::SackBlock merged{left, right};
  const auto kept = std::remove_if(all.begin(), all.begin() + range_count_, [&](const wire::SackBlock& other) {
    if (!touch(other, merged)) return false;
    merged = {min(merged.left, other.left), max(merged.right, other.right)};
    return true;
  });
  range_count_ = static_cast<std::uint32_t>(kept - all.begin());
  if (range_count_ == all.size()) return false;
  std::move_backward(all.begin(), all.begin() + range_count_, all.begin() + range_count_ + 1);
  all[0] = merged;
  ++range_count_;
  return true;
}

void ReceiveQueue::advance_over_ranges(BlockPool& pool) {
  const auto all = ranges(pool);
  const auto in_order = [&](const wire::SackBlock& range) { return range.left <= next_; };
  for (auto end = all.begin() + range_count_;;) {
    const auto found = std::find_if(all.begin(), end, in_order);
    if (found == end) break;
    next_ = max(next_, found->right);
    end = std::move(found + 1, end, found);
    --range_count_;
  }
  if (range_count_ == 0) drop_ranges(pool);
}

Bytes ReceiveQueue::peek(const BlockPool& pool) const {
  if (readable() == 0) return {};
  const std::uint32_t offset = read_.value() % pool.block_size();
  return {pool.data(head_) + offset, std::min(readable(), pool.block_size() - offset)};
}

void ReceiveQueue::consume(BlockPool& pool, std::uint32_t size) {
  assert(size <= readable());
  read_ += size;
  give_back_before(pool, read_);
}

// Gives back every block that ends at or before `seq`, and the last one too when nothing else is expected in it.
void ReceiveQueue::give_back_before(BlockPool& pool, SeqNum seq) {
  const bool nothing_left = readable() == 0 && !has_gaps();
  while (head_ != no_block && (nothing_left || SeqNum{pool.tag(head_)} + pool.block_size() <= seq)) {
    const BlockId done = head_;
    head_ = pool.next(done);
    if (hint_ == done) hint_ = no_block;
    pool.give_back(done);
  }
}

void ReceiveQueue::drop_out_of_order(BlockPool& pool) {
  if (!has_gaps()) return;
  drop_ranges(pool);
  BlockId last = no_block;
  BlockId at = head_;
  while (at != no_block && SeqNum{pool.tag(at)} < next_) {
    last = at;
    at = pool.next(at);
  }
  if (last == no_block) {
    head_ = no_block;
  } else {
    pool.set_next(last, no_block);
  }
  hint_ = last;
  while (at != no_block) {
    const BlockId next = pool.next(at);
    pool.give_back(at);
    at = next;
  }
  give_back_before(pool, read_);
}

void ReceiveQueue::drop_ranges(BlockPool& pool) {
  if (ranges_ != no_block) pool.give_back(ranges_);
  ranges_ = no_block;
  range_count_ = 0;
}

void ReceiveQueue::clear(BlockPool& pool) {
  drop_ranges(pool);
  read_ = next_;
  give_back_before(pool, next_);
}

wire::SackBlocks ReceiveQueue::sack_blocks(const BlockPool& pool) const {
  wire::SackBlocks blocks;
  if (!has_gaps()) return blocks;
  const auto* all = reinterpret_cast<const wire::SackBlock*>(pool.data(ranges_));
  for (std::uint32_t i = 0; i < std::min<std::uint32_t>(range_count_, wire::SackBlocks::capacity); ++i) {
    blocks.push_back(all[i]);
  }
  return blocks;
}

}  // namespace backstop::tcp
