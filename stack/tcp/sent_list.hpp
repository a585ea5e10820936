// What is in flight: one record for each segment sent and not acknowledged, in the order of sequence numbers, with when
// it was sent and what is known of it. It is the retransmission queue of RFC 9293 section 3.10.7.4, the scoreboard of
// RFC 6675 and the per-segment state of RFC 8985 in one. SYN and FIN have records like text.
// Read next: loss_detection.hpp, which marks records lost; output.cpp, which sends them again.
#pragma once

#include <cstdint>
#include <memory_resource>

#include "stack/tcp/places.hpp"
#include "stack/tcp/time.hpp"
#include "stack/wire/seq.hpp"

namespace backstop::tcp {

using RecordId = std::uint32_t;
inline constexpr RecordId no_record = 0xffff'ffff;

struct SentRecord {
  Instant sent_at;  ///< of the last transmission
  SeqNum seq;
  SeqNum end;  ///< behind the last octet
  RecordId next = no_record;
  bool sacked : 1 = false;         ///< the peer has it, out of order
  bool lost : 1 = false;           ///< deemed lost and not sent again since
  bool retransmitted : 1 = false;  ///< sent more than once
  bool push : 1 = false;           ///< it carries PSH, each time it is sent

  [[nodiscard]] std::uint32_t length() const { return end - seq; }
};

/// The records of all connections, bounded. One record is kept free for each connection that holds none, so that every
/// connection can always send something.
class SentPool {
 public:
  SentPool(std::uint32_t count, std::uint32_t connections, std::pmr::memory_resource& memory);

  /// `first`: the list that asks is empty, and so has a right to one. no_record when the rest is taken.
  RecordId take(bool first);
  void give_back(RecordId record, bool last);
  [[nodiscard]] SentRecord& operator[](RecordId record) { return records_[record]; }
  [[nodiscard]] std::uint32_t in_use() const { return in_use_; }

  static std::size_t required_memory(std::uint32_t count) { return Records::required_memory(count); }

 private:
  using Records = Places<SentRecord, 26>;

  Records records_;
  std::uint32_t count_;
  std::uint32_t without_record_;  // connections that hold no record
  RecordId free_ = no_record;
  std::uint32_t touched_ = 0;
  std::uint32_t in_use_ = 0;
};

/// The records of one connection, with running sums over them.
class SentList {
 public:
  [[nodiscard]] RecordId head() const { return head_; }
  [[nodiscard]] RecordId tail() const { return tail_; }
  [[nodiscard]] bool empty() const { return head_ == no_record; }
  [[nodiscard]] std::uint32_t sacked_bytes() const { return sacked_bytes_; }
  [[nodiscard]] std::uint32_t lost_bytes() const { return lost_bytes_; }

  /// A segment was sent for the first time. Without memory for a record the newest one is stretched over it.
  void append(SentPool& pool, SeqNum seq, SeqNum end, Instant now, bool push = false);

  /// Takes the first record off, or the part of it before `una`.
  void drop_front(SentPool& pool, SeqNum una);
  void clear(SentPool& pool);

  [[gnu::cold]] void mark_sacked(SentPool& pool, RecordId record);
  [[gnu::cold]] void mark_lost(SentPool& pool, RecordId record);
  [[gnu::cold]] void mark_resent(SentPool& pool, RecordId record, Instant now);
  /// After a timeout: everything that is not SACKed is lost (RFC 6298 (5.4), RFC 8985 section 6.3).
  [[gnu::cold]] void mark_all_lost(SentPool& pool);
  /// The peer has thrown away text that it had reported (RFC 2018 section 8).
  [[gnu::cold]] void forget_sacks(SentPool& pool);
  /// The losses were none: what was deemed lost is in flight again.
  [[gnu::cold]] void forget_losses(SentPool& pool);
  /// The first record that is lost and not sent again, or no_record.
  [[nodiscard]] RecordId first_lost(SentPool& pool) const;

  /// Cuts a record in two at `at`, which lies inside it. False when there is no memory for the second one.
  [[gnu::cold]] bool split(SentPool& pool, RecordId record, SeqNum at);

 private:
  [[gnu::cold]] void stretch_newest(SentPool& pool, SeqNum end, Instant now, bool push);

  RecordId head_ = no_record;
  RecordId tail_ = no_record;
  std::uint32_t sacked_bytes_ = 0;
  std::uint32_t lost_bytes_ = 0;
};

}  // namespace backstop::tcp
