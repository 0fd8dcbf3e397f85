// Tells the service manager how far we are (sd_notify(3)): datagrams to $NOTIFY_SOCKET. Does
// nothing where there is no such manager.
// Thread safety: any thread.
#pragma once

#include <string_view>

namespace fb::cli {

// "READY=1", "STOPPING=1", "STATUS=…"; several lines in one call are one message.
void service_notify(std::string_view state);
// RELOADING=1 with the time that the manager wants beside it.
void service_notify_reloading();

}  // namespace fb::cli
