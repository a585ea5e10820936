#include "stack/tcp/sent_list.hpp"

#include <cassert>
#include <memory>
#include <utility>

namespace backstop::tcp {

SentPool::SentPool(std::uint32_t count, std::uint32_t connections, std::pmr::memory_resource& memory)
    : records_(count, memory), count_(count), without_record_(connections) {
  assert(count >= connections);
}

RecordId SentPool::take(bool first) {
  if (!first && count_ - in_use_ <= without_record_) return no_record;
  RecordId record = free_;
  if (record != no_record) {
    free_ = records_[record].next;
  } else if (touched_ < count_) {
    record = touched_++;
  } else {
    return no_record;
  }
  ++in_use_;
  if (first) --without_record_;
  return record;
}

void SentPool::give_back(RecordId record, bool last) {
  records_[record].next = free_;
  free_ = record;
  --in_use_;
  if (last) ++without_record_;
}

void SentList::append(SentPool& pool, SeqNum seq, SeqNum end, Instant now, bool push) {
  const RecordId record = pool.take(empty());
  if (record == no_record) return stretch_newest(pool, end, now, push);
  std::construct_at(&pool[record], now, seq, end, no_record, false, false, false, push);
  if (empty()) {
    head_ = record;
  } else {
    pool[tail_].next = record;
  }
  tail_ = record;
}

// One record for two segments can only say what holds for both: that the first one was SACKed is forgotten, and when it
// was lost the second one counts as lost too.
void SentList::stretch_newest(SentPool& pool, SeqNum end, Instant now, bool push) {
  SentRecord& newest = pool[tail_];
  if (newest.sacked) sacked_bytes_ -= newest.length();
  newest.sacked = false;
  if (newest.lost) lost_bytes_ += end - newest.end;
  newest.end = end;
  newest.sent_at = now;
  newest.push = push;
}

void SentList::drop_front(SentPool& pool, SeqNum una) {
  SentRecord& front = pool[head_];
  const std::uint32_t gone = min(una, front.end) - front.seq;
  if (front.sacked) sacked_bytes_ -= gone;
  if (front.lost) lost_bytes_ -= gone;
  front.seq += gone;
  if (front.seq != front.end) return;
  const RecordId done = head_;
  head_ = front.next;
  if (empty()) tail_ = no_record;
  pool.give_back(done, empty());
}

void SentList::clear(SentPool& pool) {
  while (!empty()) {
    const RecordId done = std::exchange(head_, pool[head_].next);
    pool.give_back(done, empty());
  }
  *this = SentList{};
}

void SentList::mark_sacked(SentPool& pool, RecordId id) {
  SentRecord& record = pool[id];
  if (record.sacked) return;
  if (record.lost) lost_bytes_ -= record.length();
  record.lost = false;
  record.sacked = true;
  sacked_bytes_ += record.length();
}

void SentList::mark_lost(SentPool& pool, RecordId id) {
  SentRecord& record = pool[id];
  if (record.lost || record.sacked) return;
  record.lost = true;
  lost_bytes_ += record.length();
}

void SentList::mark_resent(SentPool& pool, RecordId id, Instant now) {
  SentRecord& record = pool[id];
  if (record.lost) lost_bytes_ -= record.length();
  record.lost = false;
  record.retransmitted = true;
  record.sent_at = now;
}

void SentList::mark_all_lost(SentPool& pool) {
  for (RecordId id = head_; id != no_record; id = pool[id].next) mark_lost(pool, id);
}

void SentList::forget_sacks(SentPool& pool) {
  for (RecordId id = head_; id != no_record; id = pool[id].next) pool[id].sacked = false;
  sacked_bytes_ = 0;
}

void SentList::forget_losses(SentPool& pool) {
  for (RecordId id = head_; id != no_record; id = pool[id].next) pool[id].lost = false;
  lost_bytes_ = 0;
}

RecordId SentList::first_lost(SentPool& pool) const {
  if (lost_bytes_ == 0) return no_record;
  RecordId id = head_;
  while (id != no_record && !pool[id].lost) id = pool[id].next;
  return id;
}

bool SentList::split(SentPool& pool, RecordId id, SeqNum at) {
  const RecordId second = pool.take(false);
  if (second == no_record) return false;
  SentRecord& record = pool[id];
  assert(record.seq < at && at < record.end);
  pool[second] = record;
  pool[second].seq = at;
  record.end = at;
  record.push = false;  // the octet that was to be pushed stands at the end
  record.next = second;
  if (tail_ == id) tail_ = second;
  return true;
}

}  // namespace backstop::tcp
