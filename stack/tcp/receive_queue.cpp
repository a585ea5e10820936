#include "stack/tcp/receive_queue.hpp"

#include <algorithm>
#include <cassert>

namespace backstop::tcp {
namespace {

// Why: a sender that makes more holes than this gains nothing, and a search through them stays short.
constexpr std::size_t most_ranges = 64;

bool touch(const wire::SackBlock& a, const wire::SackBlock& b) { return a.left <= b.right && b.left <= a.right; }

}  // namespace

// A block's tag is its number in sequence space: seq / block_size. Order among tags is order modulo 2^32 / block_size,
// so they are compared as sequence numbers of their first octets.

std::size_t ReceiveQueue::insert(BlockPool& pool, SeqNum seq, Bytes text) {
  assert(seq >= next_);
  if (text.empty()) return 0;
  const bool in_order = seq == next_;
  const wire::SackBlock all{seq, seq + static_cast<std::uint32_t>(text.size())};
  if (!in_order && !has_room_for_range(pool, all)) return 0;
  const std::size_t written = write(pool, seq, text);
  const SeqNum end = seq + static_cast<std::uint32_t>(written);
  if (!in_order) {
    if (written > 0) add_range(pool, {seq, end});
    if (range_count_ == 0) drop_ranges(pool);
    return written;
  }
  next_ = end;
  if (has_gaps()) advance_over_ranges(pool);
  return written;
}

// Stops where memory ends. Every block it takes holds an octet of text then, so none is held for nothing.
std::size_t ReceiveQueue::write(BlockPool& pool, SeqNum seq, Bytes text, wire::Checksum* sum) {
  const std::uint32_t block_size = pool.block_size();
  std::size_t written = 0;
  while (written < text.size()) {
    const std::uint32_t offset = pool.offset_in_block(seq.value());
    const BlockId block = find_or_insert(pool, seq.value() - offset);
    if (block == no_block) break;
    const std::size_t part = std::min<std::size_t>(text.size() - written, block_size - offset);
    std::byte* const to = pool.data(block) + offset;
    if (sum != nullptr) {
      sum->add_copying(text.subspan(written, part), to);
    } else {
      wire::copy(to, text.data() + written, part);
    }
    seq += static_cast<std::uint32_t>(part);
    written += part;
  }
  return written;
}

std::size_t ReceiveQueue::prepare(BlockPool& pool, std::uint32_t size, std::span<MutableBytes> pieces) {
  assert(!has_gaps());
  BlockId first = no_block;
  std::size_t count = 0;
  for (std::uint32_t done = 0; done < size;) {
    const SeqNum seq = next_ + done;
    const std::uint32_t offset = pool.offset_in_block(seq.value());
    const BlockId block = find_or_insert(pool, seq.value() - offset);
    assert(block != no_block);
    if (first == no_block) first = block;
    const std::uint32_t part = std::min(size - done, pool.block_size() - offset);
    pieces[count++] = {pool.data(block) + offset, part};
    done += part;
  }
  hint_ = first;  // What comes next is looked for from there.
  return count;
}

BlockId ReceiveQueue::find_or_insert(BlockPool& pool, std::uint32_t tag) {
  if (hint_ != no_block && pool.tag(hint_) == tag) return hint_;
  const SeqNum start{tag};
  BlockId before = no_block;
  BlockId at = head_;
  if (hint_ != no_block && SeqNum{pool.tag(hint_)} < start) {
    before = hint_;
    at = pool.next(hint_);
  }
  while (at != no_block && SeqNum{pool.tag(at)} < start) {
    before = at;
    at = pool.next(at);
  }
  if (at == no_block || pool.tag(at) != tag) {
    const BlockId fresh = pool.take_for_arrival();
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

bool ReceiveQueue::has_room_for_range(BlockPool& pool, wire::SackBlock range) {
  if (ranges_ == no_block) {
    ranges_ = pool.take_for_arrival();
    return ranges_ != no_block;
  }
  const auto all = ranges(pool);
  const auto known = all.first(range_count_);
  return range_count_ < all.size() ||
         std::any_of(known.begin(), known.end(), [&](const wire::SackBlock& other) { return touch(other, range); });
}

void ReceiveQueue::add_range(BlockPool& pool, wire::SackBlock range) {
  const auto all = ranges(pool);
  const auto kept = std::remove_if(all.begin(), all.begin() + range_count_, [&](const wire::SackBlock& other) {
    if (!touch(other, range)) return false;
    range = {min(range.left, other.left), max(range.right, other.right)};
    return true;
  });
  range_count_ = static_cast<std::uint32_t>(kept - all.begin());
  if (range_count_ == all.size()) return;  // memory ended before the range that it would have touched
  std::move_backward(all.begin(), all.begin() + range_count_, all.begin() + range_count_ + 1);
  all[0] = range;
  ++range_count_;
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
  const std::uint32_t offset = pool.offset_in_block(read_.value());
  return {pool.data(head_) + offset, std::min(readable(), pool.block_size() - offset)};
}

void ReceiveQueue::consume(BlockPool& pool, std::uint32_t size) {
  assert(size <= readable());
  read_ += size;
  give_back_before(pool, read_);
}

std::size_t ReceiveQueue::read(BlockPool& pool, MutableBytes buffer) {
  std::size_t taken = 0;
  while (taken < buffer.size() && readable() > 0) {
    const Bytes piece = peek(pool);
    const std::size_t part = std::min(piece.size(), buffer.size() - taken);
    wire::copy(buffer.data() + taken, piece.data(), part);
    consume(pool, static_cast<std::uint32_t>(part));
    taken += part;
  }
  return taken;
}

// Gives back every block that ends at or before `seq`, and the last one too when nothing else is expected in it.
void ReceiveQueue::give_back_before(BlockPool& pool, SeqNum seq) {
  const bool nothing_left = readable() == 0 && !has_gaps();
  while (head_ != no_block && (nothing_left || SeqNum{pool.tag(head_)} + pool.block_size() <= seq)) {
    const BlockId done = head_;
    head_ = pool.next(done);
    if (hint_ == done) hint_ = no_block;
    pool.give_back_arrival(done);
  }
}

void ReceiveQueue::drop_out_of_order(BlockPool& pool) {
  if (!has_gaps()) return;
  drop_ranges(pool);
  drop_beyond_next(pool);
}

void ReceiveQueue::drop_beyond_next(BlockPool& pool) {
  const bool ends_behind_hint = hint_ != no_block && SeqNum{pool.tag(hint_)} < next_;
  BlockId last = no_block;
  BlockId at = ends_behind_hint ? hint_ : head_;
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
    pool.give_back_arrival(at);
    at = next;
  }
  give_back_before(pool, read_);
}

void ReceiveQueue::drop_ranges(BlockPool& pool) {
  if (ranges_ != no_block) pool.give_back_arrival(ranges_);
  ranges_ = no_block;
  range_count_ = 0;
}

void ReceiveQueue::clear(BlockPool& pool) {
  drop_ranges(pool);
  read_ = next_;
  give_back_before(pool, next_);
}

wire::SackBlock ReceiveQueue::stored_part(const BlockPool& pool, SeqNum seq, Bytes text) const {
  const SeqNum end = seq + static_cast<std::uint32_t>(text.size());
  wire::SackBlock first{end, end};
  if (!has_gaps()) return first;
  const auto* all = reinterpret_cast<const wire::SackBlock*>(pool.data(ranges_));
  for (const wire::SackBlock& range : std::span{all, range_count_}) {
    const wire::SackBlock part{max(range.left, seq), min(range.right, end)};
    if (part.left < part.right && part.left < first.left) first = part;
  }
  return first;
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
