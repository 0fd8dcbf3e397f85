// deny_io_uring PROGRAM ARGUMENT...: runs the program where io_uring_setup is refused with EPERM,
// as container runtimes do. Exit code 77 when this system lets us install no filter.
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>

namespace {

constexpr int kSkipped = 77;
constexpr int kNotStarted = 127;

bool install_filter() {
  // The numbers of io_uring's calls are the same on every architecture that we support.
  std::array<sock_filter, 4> program{{
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_io_uring_setup, 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  }};
  const sock_fprog filter{static_cast<unsigned short>(program.size()), program.data()};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) == 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 2) {
    std::fputs("usage: deny_io_uring PROGRAM ARGUMENT...\n", stderr);
    return 2;
  }
  if (!install_filter()) {
    std::perror("no seccomp filter can be installed");
    return kSkipped;
  }
  ::execvp(argv[1], argv + 1);
  std::perror(argv[1]);
  return kNotStarted;
}
