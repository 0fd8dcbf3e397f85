#include "engine_raw_ring.h"

#include "engine_loop.h"

namespace fb::bench {

std::expected<std::unique_ptr<RawRing>, std::string> RawRing::open() {
  io_uring ring{};
  io_uring_params params{};
  params.flags = IORING_SETUP_SINGLE_ISSUER | IORING_SETUP_DEFER_TASKRUN | IORING_SETUP_SUBMIT_ALL;
  constexpr unsigned kEntries = 256;
  const int error = -io_uring_queue_init_params(kEntries, &ring, &params);
  if (error != 0) return std::unexpected("io_uring_setup: " + engine::error_text(error));
  return std::unique_ptr<RawRing>(new RawRing(ring));
}

void RawRing::set_up(std::span<const int> sockets, uint16_t buffers, size_t room_bytes) {
  io_uring_register_ring_fd(&ring_);
  const auto count = static_cast<unsigned>(sockets.size());
  require(io_uring_register_files(&ring_, sockets.data(), count) == 0, "register_files");
  buffers_ = buffers;
  buffer_bytes_ = kHeadBytes + room_bytes;
  storage_.resize(buffers_ * buffer_bytes_);
  const size_t shared_bytes = buffers * sizeof(io_uring_buf);
  const size_t pages = (shared_bytes + kPageBytes - 1) / kPageBytes;
  shared_.reset(static_cast<uint8_t*>(std::aligned_alloc(kPageBytes, pages * kPageBytes)));
  shared().tail = 0;
  io_uring_buf_reg registration{};
  registration.ring_addr = reinterpret_cast<uint64_t>(shared_.get());
  registration.ring_entries = buffers_;
  require(io_uring_register_buf_ring(&ring_, &registration, 0) == 0, "register_buf_ring");
  for (uint16_t i = 0; i < buffers_; ++i) give_back(i);
  layout_.msg_namelen = sizeof(sockaddr_in);
  layout_.msg_controllen = engine::kReceiveControlBytes;
}

void RawRing::send(size_t socket, const msghdr& message) {
  io_uring_sqe* const entry = next_entry();
  io_uring_prep_sendmsg(entry, static_cast<int>(socket), &message, MSG_DONTWAIT);
  entry->flags |= IOSQE_FIXED_FILE | IOSQE_CQE_SKIP_SUCCESS;
  io_uring_sqe_set_data64(entry, kSend);
}

void RawRing::arm(size_t socket) {
  io_uring_sqe* const entry = next_entry();
  io_uring_prep_recvmsg_multishot(entry, static_cast<int>(socket), &layout_, 0);
  entry->flags |= IOSQE_FIXED_FILE | IOSQE_BUFFER_SELECT;
  io_uring_sqe_set_data64(entry, socket);
}

void RawRing::enter() {
  require(io_uring_submit_and_wait(&ring_, 1) >= 0, "io_uring_enter");
  ++calls_;
}

void RawRing::check_receive(const io_uring_cqe& completion) {
  require(completion.user_data != kSend, "sendmsg");
}

io_uring_sqe* RawRing::next_entry() {
  io_uring_sqe* const entry = io_uring_get_sqe(&ring_);
  if (entry != nullptr) return entry;
  require(io_uring_submit(&ring_) > 0, "io_uring_enter");
  ++calls_;
  return io_uring_get_sqe(&ring_);
}

void RawRing::give_back(uint16_t id) {
  auto* const entries = reinterpret_cast<io_uring_buf*>(shared_.get());
  io_uring_buf& entry = entries[shared().tail & (buffers_ - 1)];
  entry.addr = reinterpret_cast<uint64_t>(storage_.data() + id * buffer_bytes_);
  entry.len = static_cast<uint32_t>(buffer_bytes_);
  entry.bid = id;
  io_uring_buf_ring_advance(&shared(), 1);
}

}  // namespace fb::bench
