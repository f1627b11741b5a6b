// SPDX-License-Identifier: LGPL-2.1-or-later
// One file of a torrent inside a bin: a torrentsrc, and a typefind that says what it is.
#pragma once

#include "core/torrent/contents.hpp"
#include "glue/refs.hpp"

#include <gst/gst.h>

#include <functional>
#include <memory>

namespace kam {

class TorrentBranch {
 public:
  // In a streaming thread, once: the pad at which the file comes, whose caps are known.
  using Found = std::function<void(TorrentBranch &)>;

  // Its elements are added to `bin`, in NULL, with those of the bin's properties that
  // torrentsrc has too. `stream` is what its data is called downstream. Not if there is an
  // element missing.
  static std::unique_ptr<TorrentBranch> make(GstBin *bin, GBytes *metainfo, std::size_t index,
                                             GstStream *stream, Found found);
  // Stops it and takes its elements out of the bin.
  ~TorrentBranch();
  TorrentBranch(const TorrentBranch &) = delete;
  TorrentBranch &operator=(const TorrentBranch &) = delete;

  void start();
  // For good. Nothing of it runs any more then. Not from its own streaming thread.
  void stop();
  // A new pad for the outside; of the bin as soon as somebody adds it.
  GstPad *make_pad(const char *name, GstPadTemplate *templ);
  // Whether a message is about it.
  bool has(GstObject *object) const;

  std::size_t index() const { return index_; }
  GstStream *stream() const { return stream_.get(); }
  GstPad *pad() const { return pad_.get(); }  // null before make_pad()

  // For its owner to note, under its lock.
  bool is_found = false;  // the pad is the bin's
  bool is_left_out = false;

 private:
  TorrentBranch(GstBin *bin, std::size_t index, GstStream *stream, Found found);
  void name_stream(GstPadProbeInfo *info) const;

  GstBin *bin_;
  std::size_t index_;
  glue::Ref<GstStream> stream_;
  Found found_;
  glue::Ref<GstElement> source_;
  glue::Ref<GstElement> typefind_;
  glue::Ref<GstPad> pad_;
};

// Sets on `to` what is set on `from`, property by property, as far as both have it.
void copy_properties(GstElement *from, GstElement *to);

}  // namespace kam
