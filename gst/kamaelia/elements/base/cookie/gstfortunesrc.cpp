// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/cookie/chooser.hpp"
#include "core/cookie/pace.hpp"
#include "elements/base/cookie/cookiemessages.hpp"
#include "elements/base/cookie/cookieprogram.hpp"
#include "elements/base/cookie/fortunelibrary.hpp"
#include "elements/base/cookie/reactordrive.hpp"
#include "elements/base/elements.hpp"
#include "glue/bytes.hpp"
#include "glue/guarded.hpp"
#include "glue/properties.hpp"
#include "net/wait.hpp"

#include <gst/base/gstpushsrc.h>

#include <algorithm>
#include <array>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

GST_DEBUG_CATEGORY_STATIC(fortunesrc_debug);
#define GST_CAT_DEFAULT fortunesrc_debug

template <>
struct kam::glue::GTypeOf<kam::cookie::LineEnd> {
  static GType type()
  {
    using kam::cookie::LineEnd;
    static constexpr std::array<GEnumValue, 3> values{
        {{gint(LineEnd::lf), "A line feed, as files have it", "lf"},
         {gint(LineEnd::crlf), "Carriage return and line feed, as RFC 865 wants it", "crlf"},
         {0, nullptr, nullptr}}};
    static const GType type = register_enum("KamFortuneLineEnd", values.data());
    return type;
  }
};

namespace {

using namespace kam;
using glue::BufferPtr;

GstStaticPadTemplate src_template = GST_STATIC_PAD_TEMPLATE(
    "src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS("text/x-raw, format=(string)utf8"));

// Kamaelia's FortuneCookieProtocol: a cookie, at the pace of an old modem.
class FortuneSrc final : ReactorDrive::Source {
 public:
  using Base = GstPushSrc;
  using Class = GstPushSrcClass;
  static constexpr auto type_name = "KamFortuneSrc";
  static GType base_type() { return GST_TYPE_PUSH_SRC; }
  static void class_init(Class *klass);

  struct Values {
    std::string location;
    std::string command;
    guint command_timeout = 5000;
    guint max_bytes = 1U << 20U;
    bool offensive = true;
    guint bitrate = 320;
    guint chunk_rate = 40;
    gint num_cookies = 1;
    guint min_length = 0;
    guint max_length = 0;
    cookie::LineEnd eol = cookie::LineEnd::lf;
    std::string separator = "\n";
    guint64 seed = 0;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<FortuneSrc, Values> &properties();

  explicit FortuneSrc(Base *base);
  std::string last_pick() const { return *last_pick_.lock(); }

  GstStateChangeReturn change_state(GstStateChange change);
  gboolean start() { return begin(); }
  gboolean stop();
  gboolean unlock();
  gboolean unlock_stop();
  gboolean query(GstQuery *query);
  void get_times(GstBuffer *buffer, GstClockTime *start, GstClockTime *end);
  GstFlowReturn create(GstBuffer **buffer);

 private:
  bool begin() override;
  void end() override;
  Produced produce() override;

  GstElement *element() const { return GST_ELEMENT(base_); }
  GstBaseSrc *source() const { return GST_BASE_SRC(base_); }
  bool open();
  bool open_program(const std::string &command);
  // The next cookie into text_; nothing if that is done.
  std::optional<Produced> pick();
  std::optional<Produced> read_program();
  Produced fail(const CookieFault &fault);
  void take(std::string_view cookie, const CookiePick &pick);
  BufferPtr next_chunk();

  Base *base_;
  ReactorDrive drive_;
  // There is one only where a thread of our own waits for a program.
  std::unique_ptr<net::Waker> waker_;
  mutable glue::Guarded<std::string> last_pick_;

  // Since READY.
  std::shared_ptr<const Fortunes> fortunes_;
  std::string program_path_;
  std::vector<std::string> program_arguments_;

  // The streaming thread's, since PAUSED.
  Values values_;
  std::optional<cookie::Chooser> chooser_;
  cookie::Pace pace_{0, 0};
  std::optional<CookieProgram> program_;
  std::uint64_t program_deadline_ = 0;
  gint cookies_ = 0;      // that have been begun
  std::string text_;      // of the cookie that is being sent
  std::size_t sent_ = 0;  // of it
  guint64 bytes_ = 0;     // sent since the start
};

const glue::Properties<FortuneSrc, FortuneSrc::Values> &FortuneSrc::properties()
{
  using V = Values;
  using glue::Mutable;
  static const auto table =
      glue::Properties<FortuneSrc, V>{}
          .add("location", &V::location,
               "Databases, and folders of them, with colons in between; a name without a slash "
               "may be one of the system's. Unset for all that the system has",
               Mutable::in_ready)
          .add("command", &V::command,
               "Program to run for each cookie, with its arguments, instead of reading "
               "databases: it is started without a shell, and what it prints is the cookie",
               Mutable::in_ready)
          .add("command-timeout", &V::command_timeout,
               "How long the program may take, in milliseconds", Mutable::in_ready,
               {1, 3'600'000})
          .add("max-bytes", &V::max_bytes, "How many bytes the program may print",
               Mutable::in_ready, {1, 1U << 30U})
          .add("offensive", &V::offensive,
               "Pick from those too that not everybody finds funny, as fortune -a does",
               Mutable::in_ready)
          .add("bitrate", &V::bitrate,
               "How fast to send, in bit/s, live; 0 for as fast as it goes", Mutable::in_ready)
          .add("chunk-rate", &V::chunk_rate,
               "Number of buffers per second at the bitrate, which says how large they are; 0 "
               "for a buffer for each cookie, that lasts as long as it takes to send",
               Mutable::in_ready, {0, 1000})
          .add("num-cookies", &V::num_cookies,
               "Number of cookies to send before the stream ends; -1 for no end",
               Mutable::in_ready, {-1, G_MAXINT})
          .add("min-length", &V::min_length, "The smallest cookie to pick, in bytes",
               Mutable::in_ready)
          .add(
              "max-length", &V::max_length,
              "The largest cookie to pick, in bytes; 511 is what RFC 865 asks for, 0 means any",
              Mutable::in_ready)
          .add("eol", &V::eol, "What lines end with", Mutable::in_ready)
          .add("separator", &V::separator, "What is sent between two cookies",
               Mutable::in_ready)
          .add("seed", &V::seed,
               "Seed of what is picked: the same cookies from the same databases after each "
               "start; 0 for others each time",
               Mutable::in_ready)
          .report<&FortuneSrc::last_pick>(
              "last-pick",
              "Database and number of the cookie that was picked last, or program");
  return table;
}

void FortuneSrc::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(fortunesrc_debug, "fortunesrc", 0, "Fortune cookie source");
  properties().install(klass);
  glue::describe(klass, {"Fortune cookie source", "Source/Text",
                         "Sends a random cookie from fortune databases at the pace of an old "
                         "modem, or as fast as it goes",
                         "gst-launch-1.0 fortunesrc ! fdsink"});
  gst_element_class_add_static_pad_template(GST_ELEMENT_CLASS(klass), &src_template);
  GST_ELEMENT_CLASS(klass)->change_state = glue::vfunc<&FortuneSrc::change_state>;
  auto *base_class = GST_BASE_SRC_CLASS(klass);
  base_class->start = glue::vfunc<&FortuneSrc::start>;
  base_class->stop = glue::vfunc<&FortuneSrc::stop>;
  base_class->unlock = glue::vfunc<&FortuneSrc::unlock>;
  base_class->unlock_stop = glue::vfunc<&FortuneSrc::unlock_stop>;
  base_class->query = glue::vfunc<&FortuneSrc::query>;
  base_class->get_times = glue::vfunc<&FortuneSrc::get_times>;
  // Caps are set with the first buffer.
  base_class->negotiate = [](GstBaseSrc *) noexcept -> gboolean { return TRUE; };
  base_class->is_seekable = [](GstBaseSrc *) noexcept -> gboolean { return FALSE; };
  klass->create = glue::vfunc<&FortuneSrc::create>;
}

FortuneSrc::FortuneSrc(Base *base) : base_{base}, drive_{GST_BASE_SRC(base), *this}
{
  gst_base_src_set_format(source(), GST_FORMAT_TIME);
  gst_pad_set_activatemode_function(
      source()->srcpad,
      [](GstPad *pad, GstObject *parent, GstPadMode mode, gboolean active) noexcept {
        return glue::impl_of<FortuneSrc>(parent).drive_.activate(pad, parent, mode, active);
      });
}

// --- states -------------------------------------------------------------------------------

GstStateChangeReturn FortuneSrc::change_state(GstStateChange change)
{
  const auto go_on = [&] {
    return GST_ELEMENT_CLASS(glue::parent_class_of<FortuneSrc>(base_))
        ->change_state(element(), change);
  };
  switch (change) {
  case GST_STATE_CHANGE_NULL_TO_READY: return open() ? go_on() : GST_STATE_CHANGE_FAILURE;
  case GST_STATE_CHANGE_READY_TO_PAUSED:
    return drive_.go_to_paused(
        settings.read([](const Values &values) { return values.bitrate != 0; }), go_on);
  case GST_STATE_CHANGE_READY_TO_NULL: {
    const auto result = go_on();
    fortunes_.reset();
    return result;
  }
  default: return go_on();
  }
}

// Finds out what there is to pick from; the user is told why not.
bool FortuneSrc::open()
{
  (void)settings.changed();
  const auto &values = settings.current();
  if (!values.command.empty())
    return open_program(values.command);
  const auto max_length = values.max_length == 0 ? SIZE_MAX : values.max_length;
  auto opened = open_fortunes(
      {.location = values.location,
       .offensive = values.offensive,
       .selection = {
           .min_length = values.min_length, .max_length = max_length, .line_end = values.eol}});
  if (const auto *fault = std::get_if<CookieFault>(&opened)) {
    post_cookie_fault(element(), *fault);
    return false;
  }
  fortunes_ = *std::get_if<std::shared_ptr<const Fortunes>>(&opened);
  for (const auto &remark : fortunes_->remarks)
    GST_WARNING_OBJECT(base_, "%s", remark.c_str());
  GST_INFO_OBJECT(base_, "%zu cookies to pick from", fortunes_->jar.size());
  return true;
}

bool FortuneSrc::open_program(const std::string &command)
{
  fortunes_.reset();
  gint count = 0;
  gchar **words = nullptr;
  GError *error = nullptr;
  if (!g_shell_parse_argv(command.c_str(), &count, &words, &error)) {
    GST_ELEMENT_ERROR(element(), RESOURCE, SETTINGS,
                      ("The command cannot be understood: %s", error->message),
                      ("%s", command.c_str()));
    g_error_free(error);
    return false;
  }
  program_arguments_.assign(words, words + count);
  g_strfreev(words);
  auto found = CookieProgram::find(program_arguments_.front());
  if (const auto *fault = std::get_if<CookieFault>(&found)) {
    post_cookie_fault(element(), *fault);
    return false;
  }
  program_path_ = *std::get_if<std::string>(&found);
  return true;
}

bool FortuneSrc::begin()
{
  if (settings.changed() && !open())
    return false;
  values_ = settings.current();
  auto seed = drive_.seed() != 0 ? drive_.seed() : values_.seed;
  if (seed == 0)
    seed = guint64{g_random_int()} << 32U | g_random_int();
  chooser_.reset();
  if (fortunes_)
    chooser_.emplace(cookie::Order::random, fortunes_->jar.size(), seed);
  else if (!drive_.has_seat() && !waker_)
    waker_ = std::make_unique<net::Waker>();
  pace_ = {values_.bitrate, values_.chunk_rate};
  cookies_ = 0;
  text_.clear();
  sent_ = 0;
  bytes_ = 0;
  return true;
}

gboolean FortuneSrc::stop()
{
  end();
  return TRUE;
}

void FortuneSrc::end()
{
  program_.reset();
}

gboolean FortuneSrc::unlock()
{
  if (waker_)
    waker_->wake();
  return TRUE;
}

gboolean FortuneSrc::unlock_stop()
{
  if (waker_)
    waker_->clear();
  return TRUE;
}

gboolean FortuneSrc::query(GstQuery *query)
{
  return ReactorDrive::answer_scheduling(query, false) ||
         GST_BASE_SRC_CLASS(glue::parent_class_of<FortuneSrc>(base_))->query(source(), query);
}

// --- data ---------------------------------------------------------------------------------

void FortuneSrc::get_times(GstBuffer *buffer, GstClockTime *start, GstClockTime *end)
{
  *start = pace_.is_limited() ? GST_BUFFER_PTS(buffer) : GST_CLOCK_TIME_NONE;
  *end = GST_CLOCK_TIME_NONE;
}

GstFlowReturn FortuneSrc::create(GstBuffer **buffer)
{
  for (;;) {
    auto produced = produce();
    if (auto *made = std::get_if<BufferPtr>(&produced)) {
      *buffer = made->release();
      return GST_FLOW_OK;
    }
    if (const auto *flow = std::get_if<GstFlowReturn>(&produced))
      return *flow;
    const auto *const await = std::get_if<Await>(&produced);
    net::Watch watch{.fd = await->fd};
    if (net::wait({&watch, 1}, *waker_, await->deadline) == net::WaitResult::woken)
      return GST_FLOW_FLUSHING;
  }
}

Produced FortuneSrc::produce()
{
  if (bytes_ == 0 && cookies_ == 0) {
    const auto caps =
        glue::Ref<GstCaps>::adopt(gst_static_pad_template_get_caps(&src_template));
    gst_base_src_set_caps(source(), caps.get());
  }
  while (sent_ == text_.size()) {
    if (!program_ && values_.num_cookies >= 0 && cookies_ >= values_.num_cookies)
      return GST_FLOW_EOS;
    if (auto otherwise = program_ ? read_program() : pick())
      return std::move(*otherwise);
  }
  return next_chunk();
}

std::optional<Produced> FortuneSrc::pick()
{
  if (fortunes_) {
    const auto picked = fortunes_->jar[chooser_->next()];
    take(picked.text, {std::string{picked.source}, picked.number, picked.text.size()});
    return std::nullopt;
  }
  auto started = CookieProgram::start(program_path_, program_arguments_, values_.max_bytes);
  if (const auto *fault = std::get_if<CookieFault>(&started))
    return fail(*fault);
  program_ = std::move(*std::get_if<CookieProgram>(&started));
  program_deadline_ = net::now_ns() + values_.command_timeout * GST_MSECOND;
  return std::nullopt;
}

std::optional<Produced> FortuneSrc::read_program()
{
  using Progress = CookieProgram::Progress;
  using Kind = CookieFault::Kind;
  const auto quoted = "The program \"" + program_path_ + "\"";
  switch (program_->read()) {
  case Progress::waiting:
    if (net::now_ns() < program_deadline_)
      return Await{program_->fd(), program_deadline_};
    return fail({Kind::not_readable, quoted + " has not ended after " +
                                         std::to_string(values_.command_timeout) +
                                         " milliseconds."});
  case Progress::too_much:
    return fail({Kind::not_usable, quoted + " prints more than " +
                                       std::to_string(values_.max_bytes) + " bytes."});
  case Progress::failed: return fail(fault_of_errno("Cannot read from " + quoted));
  case Progress::finished: break;
  }
  const auto text = cookie::cookie_text(program_->text());
  program_.reset();
  if (text.empty())
    return fail({Kind::not_usable, quoted + " has printed nothing."});
  take(text, {program_path_, 0, text.size()});
  return std::nullopt;
}

Produced FortuneSrc::fail(const CookieFault &fault)
{
  program_.reset();
  post_cookie_fault(element(), fault);
  return GST_FLOW_ERROR;
}

void FortuneSrc::take(std::string_view cookie, const CookiePick &pick)
{
  text_ = cookie::with_line_ends(cookie, values_.eol);
  if (cookies_ > 0)
    text_.insert(0, values_.separator);
  sent_ = 0;
  if (cookies_ < G_MAXINT)
    ++cookies_;
  GST_DEBUG_OBJECT(base_, "picked %s", pick.name().c_str());
  *last_pick_.lock() = pick.name();
  post_cookie_picked(element(), pick);
}

// What is due at a time; a character stays whole, as the caps promise it.
BufferPtr FortuneSrc::next_chunk()
{
  const auto left = std::string_view{text_}.substr(sent_);
  auto size = std::min(pace_.chunk_size(), left.size());
  while (size < left.size() && (static_cast<unsigned char>(left[size]) & 0xc0U) == 0x80U)
    ++size;
  auto buffer = glue::copy(as_bytes(left.substr(0, size)));
  GST_BUFFER_PTS(buffer.get()) = pace_.duration_of(bytes_);
  GST_BUFFER_OFFSET(buffer.get()) = bytes_;
  sent_ += size;
  bytes_ += size;
  GST_BUFFER_OFFSET_END(buffer.get()) = bytes_;
  if (pace_.is_limited())
    GST_BUFFER_DURATION(buffer.get()) =
        pace_.duration_of(bytes_) - GST_BUFFER_PTS(buffer.get());
  return buffer;
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(fortunesrc, "fortunesrc", GST_RANK_NONE,
                            glue::type_of<FortuneSrc>())
