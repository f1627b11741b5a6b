// SPDX-License-Identifier: LGPL-2.1-or-later
#pragma once

#include "core/cookie/chooser.hpp"
#include "core/cookie/pace.hpp"
#include "elements/base/cookie/cookiemessages.hpp"
#include "elements/base/cookie/medialibrary.hpp"
#include "elements/base/cookie/reactordrive.hpp"
#include "glue/guarded.hpp"

#include <gst/base/gstbasesrc.h>

#include <memory>
#include <optional>
#include <string>

namespace kam {

// What the user sets on a source of sounds or films.
struct MediaCookieValues {
  std::string location;
  std::string pattern;
  guint bitrate = 0;
  guint chunk_rate = 0;
  cookie::Order pick = cookie::Order::random;
  gint num_cookies = 1;
  guint64 seed = 0;

  // One file, as fast as it goes: then it can be read from anywhere.
  bool is_seekable() const { return bitrate == 0 && num_cookies == 1; }
};

// What audiocookiesrc and videocookiesrc have in common: random files out of a folder.
class MediaCookies : ReactorDrive::Source {
 public:
  // Of the element, in the thread that changes its state or streams.
  class Settings {
   public:
    virtual const MediaCookieValues &current() = 0;
    // Whether anything was set since it was last asked.
    virtual bool changed() = 0;

   protected:
    ~Settings() = default;
  };

  MediaCookies(GstBaseSrc *base, Settings &settings);
  MediaCookies(const MediaCookies &) = delete;
  MediaCookies &operator=(const MediaCookies &) = delete;

  std::string last_pick() const { return *last_pick_.lock(); }
  ReactorDrive &drive() { return drive_; }

  // Virtual functions of the base class, which is `parent`.
  GstStateChangeReturn change_state(GstStateChange change, GstElementClass *parent);
  bool begin() override;
  void end() override;
  bool is_seekable() const { return values_.is_seekable(); }
  std::optional<guint64> size() const;
  void get_times(GstBuffer *buffer, GstClockTime *start, GstClockTime *end) const;
  // If the source is not seekable.
  GstFlowReturn create(GstBuffer **buffer);
  // If it is.
  GstFlowReturn fill(guint64 offset, guint size, GstBuffer *buffer);

 private:
  Produced produce() override;
  GstElement *element() const { return GST_ELEMENT(base_); }
  bool open();
  bool pick();
  // Fewer bytes than `size` only at the end of the file; nothing if it cannot be read.
  std::optional<std::size_t> read(guint64 offset, std::size_t size, GstBuffer *buffer);
  std::optional<Produced> next_chunk();

  GstBaseSrc *base_;
  Settings &settings_;
  ReactorDrive drive_;
  mutable glue::Guarded<std::string> last_pick_;

  std::shared_ptr<const MediaFolder> folder_;  // since READY

  // The streaming thread's, since PAUSED.
  MediaCookieValues values_;
  std::optional<cookie::Chooser> chooser_;
  cookie::Pace pace_{0, 0};
  std::shared_ptr<const MediaFile> file_;
  gint cookies_ = 0;      // that have been begun
  guint64 position_ = 0;  // in the file
  guint64 bytes_ = 0;     // sent since the start
};

}  // namespace kam
