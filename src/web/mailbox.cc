#include "web/mailbox.h"

#include <utility>

#include <boost/asio/io_context.hpp>
#include <boost/asio/post.hpp>

namespace fb::web {

void Mailbox::post(std::move_only_function<void()> task) {
  const std::lock_guard lock(mutex_);
  if (loop_ != nullptr) boost::asio::post(*loop_, std::move(task));
}

void Mailbox::close() {
  const std::lock_guard lock(mutex_);
  loop_ = nullptr;
}

}  // namespace fb::web
