// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/base/cookie/cookieprogram.hpp"

#include "glue/refs.hpp"

#include <fcntl.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <csignal>
#include <utility>

// NOLINTNEXTLINE(readability-redundant-declaration): not every libc declares it
extern char **environ;

namespace kam {
namespace {

// How posix_spawn() is to start it.
class Orders {
 public:
  explicit Orders(int output)
  {
    posix_spawn_file_actions_init(&actions_);
    posix_spawn_file_actions_addopen(&actions_, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions_, output, STDOUT_FILENO);
    // A client's connection that somebody has opened without O_CLOEXEC would stay open.
    posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    posix_spawnattr_init(&attributes_);
    posix_spawnattr_setflags(
        &attributes_, POSIX_SPAWN_SETPGROUP | POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
    posix_spawnattr_setpgroup(&attributes_, 0);
    sigset_t signals;
    sigemptyset(&signals);
    posix_spawnattr_setsigmask(&attributes_, &signals);
    sigaddset(&signals, SIGPIPE);
    posix_spawnattr_setsigdefault(&attributes_, &signals);
  }
  ~Orders()
  {
    posix_spawn_file_actions_destroy(&actions_);
    posix_spawnattr_destroy(&attributes_);
  }
  Orders(const Orders &) = delete;
  Orders &operator=(const Orders &) = delete;

  const posix_spawn_file_actions_t *actions() const { return &actions_; }
  const posix_spawnattr_t *attributes() const { return &attributes_; }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

bool is_program(const std::string &path)
{
  return access(path.c_str(), X_OK) == 0 && !is_folder(path);
}

}  // namespace

OrFault<std::string> CookieProgram::find(const std::string &name)
{
  if (name.find('/') != std::string::npos) {
    if (is_program(name))
      return name;
    return fault_of_errno("Cannot run the program \"" + name + "\"");
  }
  if (const glue::StringPtr found{g_find_program_in_path(name.c_str())})
    return std::string{found.get()};
  for (const std::string folder : {"/usr/games/", "/usr/local/games/"}) {
    if (is_program(folder + name))
      return folder + name;
  }
  return CookieFault{CookieFault::Kind::not_found,
                     "There is no program \"" + name + "\" in PATH, nor among the games."};
}

OrFault<CookieProgram> CookieProgram::start(const std::string &path,
                                            const std::vector<std::string> &arguments,
                                            std::size_t max_size)
{
  std::array<int, 2> ends{};
  if (pipe2(ends.data(), O_CLOEXEC) != 0)
    return fault_of_errno("Cannot run \"" + path + "\"");
  auto output = net::FileDescriptor::own(ends[0]);
  const auto input = net::FileDescriptor::own(ends[1]);
  fcntl(output.get(), F_SETFL, O_NONBLOCK);
  std::vector<char *> words;
  words.reserve(arguments.size() + 1);
  for (const auto &argument : arguments)
    words.push_back(const_cast<char *>(argument.c_str()));
  words.push_back(nullptr);
  const Orders orders{input.get()};
  pid_t process = -1;
  errno = posix_spawn(&process, path.c_str(), orders.actions(), orders.attributes(),
                      words.data(), environ);
  if (errno != 0)
    return fault_of_errno("Cannot run \"" + path + "\"");
  return CookieProgram{process, std::move(output), max_size};
}

CookieProgram &CookieProgram::operator=(CookieProgram other) noexcept
{
  std::swap(process_, other.process_);
  std::swap(output_, other.output_);
  std::swap(max_size_, other.max_size_);
  std::swap(text_, other.text_);
  return *this;
}

CookieProgram::Progress CookieProgram::read()
{
  std::array<char, 4096> space{};
  for (;;) {
    const auto got = ::read(output_.get(), space.data(), space.size());
    if (got == 0)
      return Progress::finished;
    if (got < 0 && errno == EINTR)
      continue;
    if (got < 0)
      return errno == EAGAIN ? Progress::waiting : Progress::failed;
    if (text_.size() + static_cast<std::size_t>(got) > max_size_)
      return Progress::too_much;
    text_.append(space.data(), static_cast<std::size_t>(got));
  }
}

void CookieProgram::end()
{
  if (process_ < 0)
    return;
  // The group lives on in what the program has started, even if the program itself has ended;
  // until it is waited for, its number belongs to nobody else.
  kill(-process_, SIGKILL);
  while (waitpid(process_, nullptr, 0) < 0 && errno == EINTR) {
  }
  process_ = -1;
}

}  // namespace kam
