// Text that has arrived and the user has not read: a sparse chain of blocks in which every octet stands at the place
// that its sequence number gives it, so text that came out of order is written once and never moved (SHLD-31).
// Which octets beyond RCV.NXT are there is kept as ranges, most recent first, as RFC 2018 section 4 reports them.
// Read next: segment_arrives.cpp, seventh_process_segment_text.
#pragma once

#include <cstdint>
#include <span>

#include "stack/tcp/block_pool.hpp"
#include "stack/wire/bytes.hpp"
#include "stack/wire/checksum.hpp"
#include "stack/wire/seq.hpp"
#include "stack/wire/tcp_options.hpp"

namespace backstop::tcp {

class ReceiveQueue {
 public:
  /// Empties the queue; the next octet expected and the next one to read are `next`.
  void start(SeqNum next) { read_ = next_ = next; }

  /// Octets in order that the user has not read.
  [[nodiscard]] std::uint32_t readable() const { return next_ - read_; }
  /// The next octet that the user reads.
  [[nodiscard]] SeqNum front() const { return read_; }
  /// The next octet expected: RCV.NXT as far as text goes.
  [[nodiscard]] SeqNum next() const { return next_; }
  [[nodiscard]] bool has_gaps() const { return ranges_ != no_block; }

  /// Puts `text` at `seq`, which is not before next(), and moves next() over what is in order now. Returns how many of
  /// its first octets there was memory for.
  std::size_t insert(BlockPool& pool, SeqNum seq, Bytes text);

  /// The same for text in order while nothing is out of order, in two steps: copied to its place, and where there is a
  /// sum to add to, summed on the way; then accepted, or refused. There must be room for it.
  void place(BlockPool& pool, Bytes text, wire::Checksum* sum) { write(pool, next_, text, sum); }
  void accept(std::uint32_t size) { next_ += size; }
  void refuse(BlockPool& pool) { drop_beyond_next(pool); }

  /// The same for text that somebody else writes to its place, before anybody knows whether it is that text: takes
  /// blocks for `size` octets and tells where they go. Then accept() of as many as came; refuse() gives back the rest.
  /// Returns the number of pieces.
  std::size_t prepare(BlockPool& pool, std::uint32_t size, std::span<MutableBytes> pieces);
  /// What prepare() took is still there.
  [[nodiscard]] bool is_prepared() const { return hint_ != no_block; }

  /// The first part of `text` at `seq` that is there already, out of order; empty (both edges equal) when none is.
  [[nodiscard]] wire::SackBlock stored_part(const BlockPool& pool, SeqNum seq, Bytes text) const;

  /// The first readable octets in one piece.
  [[nodiscard]] Bytes peek(const BlockPool& pool) const;
  /// Takes octets off the front; blocks that are read through go back to the pool.
  void consume(BlockPool& pool, std::uint32_t size);
  /// Moves readable octets to `buffer`, as many as it holds, and returns how many.
  std::size_t read(BlockPool& pool, MutableBytes buffer);
  /// Throws away what is out of order: it was never acknowledged, so the peer still has it.
  void drop_out_of_order(BlockPool& pool);
  void clear(BlockPool& pool);

  /// The ranges beyond next(), most recent first, as many as fit.
  [[nodiscard]] wire::SackBlocks sack_blocks(const BlockPool& pool) const;

 private:
  [[nodiscard]] std::span<wire::SackBlock> ranges(BlockPool& pool) const;
  bool has_room_for_range(BlockPool& pool, wire::SackBlock range);
  void add_range(BlockPool& pool, wire::SackBlock range);
  void advance_over_ranges(BlockPool& pool);
  std::size_t write(BlockPool& pool, SeqNum seq, Bytes text, wire::Checksum* sum = nullptr);
  BlockId find_or_insert(BlockPool& pool, std::uint32_t tag);
  void give_back_before(BlockPool& pool, SeqNum seq);
  void drop_ranges(BlockPool& pool);
  void drop_beyond_next(BlockPool& pool);

  SeqNum read_;
  SeqNum next_;
  BlockId head_ = no_block;
  BlockId hint_ = no_block;    // the block written last: arrivals mostly go forward
  BlockId ranges_ = no_block;  // a borrowed block that holds the ranges, while there are any
  std::uint32_t range_count_ = 0;
};

}  // namespace backstop::tcp
