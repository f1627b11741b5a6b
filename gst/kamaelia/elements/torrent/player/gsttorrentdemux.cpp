// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/elements.hpp"
#include "elements/torrent/player/torrentbranch.hpp"
#include "elements/torrent/player/torrentsrcvalues.hpp"
#include "glue/guarded.hpp"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

GST_DEBUG_CATEGORY_STATIC(torrentdemux_debug);
#define GST_CAT_DEFAULT torrentdemux_debug

namespace {

using namespace kam;
using torrent::Failure;
using torrent::TorrentSpec;

GstStaticPadTemplate sink_template = GST_STATIC_PAD_TEMPLATE(
    "sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS("application/x-bittorrent"));
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("file_%u", GST_PAD_SRC, GST_PAD_SOMETIMES, GST_STATIC_CAPS_ANY);

// A .torrent file in, the files that it names out, each at a pad of its own, while they are
// downloaded: what playbin needs to play a .torrent file as any other.
class TorrentDemux final {
 public:
  using Base = GstBin;
  using Class = GstBinClass;
  static constexpr auto type_name = "KamTorrentDemux";
  static GType base_type() { return GST_TYPE_BIN; }
  static void class_init(Class *klass);

  struct Values : TorrentPlayValues {
    std::string file_path;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<TorrentDemux, Values> &properties();

  explicit TorrentDemux(Base *base);

 private:
  using Branches = std::vector<std::unique_ptr<TorrentBranch>>;
  struct State {
    glue::Ref<GstStreamCollection> collection;  // of all files that can be played
    glue::Ref<GBytes> metainfo;
    Branches branches;
    bool is_choosing = false;  // which branches there are
    bool is_complete = false;  // each has its pad, or never gets one
  };

  GstFlowReturn chain(GstBuffer *buffer);
  bool sink_event(GstEvent *event);
  GstStateChangeReturn change_state(GstStateChange transition);
  gboolean send_event(GstEvent *event);
  void handle_message(GstMessage *message);

  bool begin();
  bool select(const std::vector<std::size_t> &files);
  bool select_streams(GstEvent *event);
  void found(TorrentBranch &branch);
  void tell_if_complete();
  void drop_pad(const TorrentBranch &branch);
  bool gives_up_a_side(GstMessage *message);
  void close();
  std::string id_of(std::size_t file) const;
  GstElement *element() const { return GST_ELEMENT(base_); }

  Base *base_;
  ByteVector metainfo_;    // as far as it has come; the streaming thread's
  std::string info_hash_;  // the streaming thread's, before there are branches
  mutable glue::Guarded<State> state_;
};

const glue::Properties<TorrentDemux, TorrentDemux::Values> &TorrentDemux::properties()
{
  static const auto table = [] {
    glue::Properties<TorrentDemux, Values> properties;
    properties.add(
        "file-path", &Values::file_path,
        "Path of the file to play in the torrent, or of several: * ? and [a-z] stand "
        "for others; unset for the largest that is sound or video, and its subtitles",
        glue::Mutable::in_ready);
    add_torrent_play(properties);
    return properties;
  }();
  return table;
}

void TorrentDemux::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(torrentdemux_debug, "torrentdemux", 0, "BitTorrent demuxer");
  properties().install(klass);
  glue::describe(
      klass,
      {"BitTorrent demuxer", "Codec/Demuxer/Network",
       "Gives the files that a .torrent file names, while they download",
       "gst-launch-1.0 filesrc location=film.torrent ! torrentdemux ! decodebin ! fakesink"});
  auto *element_class = GST_ELEMENT_CLASS(klass);
  gst_element_class_add_static_pad_template(element_class, &sink_template);
  gst_element_class_add_static_pad_template(element_class, &src_template);
  element_class->change_state = glue::vfunc<&TorrentDemux::change_state>;
  element_class->send_event = glue::vfunc<&TorrentDemux::send_event>;
  klass->handle_message = glue::vfunc<&TorrentDemux::handle_message>;
}

TorrentDemux::TorrentDemux(Base *base) : base_{base}
{
  auto *pad = gst_pad_new_from_static_template(&sink_template, "sink");
  gst_pad_set_chain_function(
      pad, [](GstPad *, GstObject *parent, GstBuffer *buffer) -> GstFlowReturn {
        return glue::impl_of<TorrentDemux>(parent).chain(buffer);
      });
  gst_pad_set_event_function(pad, [](GstPad *, GstObject *parent, GstEvent *event) -> gboolean {
    return glue::impl_of<TorrentDemux>(parent).sink_event(event);
  });
  gst_element_add_pad(GST_ELEMENT(base), pad);
  // A torrentsrc inside does not make it a source.
  gst_bin_set_suppressed_flags(base, GST_ELEMENT_FLAG_SOURCE);
}

// --- the .torrent file
// ------------------------------------------------------------------------

GstFlowReturn TorrentDemux::chain(GstBuffer *buffer)
{
  const glue::BufferPtr owned{buffer};
  const glue::ReadMap map{buffer};
  if (metainfo_.size() + map.bytes().size() > TorrentSpec::largest_metainfo) {
    post_failure(element(),
                 {Failure::Kind::format, "The torrent's metadata is too large.", ""});
    return GST_FLOW_ERROR;
  }
  metainfo_.insert(metainfo_.end(), map.bytes().begin(), map.bytes().end());
  return GST_FLOW_OK;
}

// The files have streams of their own: nothing of the .torrent file's goes on to them.
bool TorrentDemux::sink_event(GstEvent *event)
{
  const auto type = GST_EVENT_TYPE(event);
  gst_event_unref(event);
  if (type == GST_EVENT_FLUSH_STOP)
    metainfo_.clear();
  return type != GST_EVENT_EOS || begin();
}

bool TorrentDemux::begin()
{
  if (state_.lock()->collection)
    return true;
  const auto parsed = TorrentSpec::from_metainfo(metainfo_);
  if (const auto *failure = std::get_if<Failure>(&parsed)) {
    post_failure(element(), *failure);
    return false;
  }
  const auto &spec = *std::get_if<TorrentSpec>(&parsed);
  const auto contents = spec.contents();
  info_hash_ = spec.info_hash();
  auto *collection = gst_stream_collection_new(info_hash_.c_str());
  for (std::size_t i = 0; i < contents->files.size(); ++i) {
    const auto &file = contents->files[i];
    if (file.size == 0 || file.is_link)
      continue;
    auto *stream =
        gst_stream_new(id_of(i).c_str(), nullptr,
                       torrent::looks_like_subtitles(file.path) ? GST_STREAM_TYPE_TEXT
                                                                : GST_STREAM_TYPE_CONTAINER,
                       GST_STREAM_FLAG_NONE);
    const glue::Owned<GstTagList, gst_tag_list_unref> tags{
        gst_tag_list_new(GST_TAG_TITLE, file.path.c_str(), nullptr)};
    gst_stream_set_tags(stream, tags.get());
    gst_stream_collection_add_stream(collection, stream);
  }
  {
    auto state = state_.lock();
    state->collection = glue::Ref<GstStreamCollection>::adopt(collection);
    state->metainfo = glue::Ref<GBytes>::adopt(g_bytes_new(metainfo_.data(), metainfo_.size()));
  }
  gst_element_post_message(element(),
                           gst_message_new_stream_collection(GST_OBJECT(base_), collection));
  const auto files = torrent::choose_files(*contents, settings.snapshot().file_path);
  if (files.empty())
    post_failure(element(),
                 {Failure::Kind::not_found, "There is no such file in the torrent.",
                  contents->name + ": " + std::to_string(contents->files.size()) + " files"});
  return !files.empty() && select(files);
}

std::string TorrentDemux::id_of(std::size_t file) const
{
  return info_hash_ + '/' + std::to_string(file);
}

// --- which files
// ------------------------------------------------------------------------------

// Begins to play those that are not played, and ends the others.
bool TorrentDemux::select(const std::vector<std::size_t> &files)
{
  const auto is_wanted = [&](const auto &branch) {
    return std::ranges::find(files, branch->index()) != files.end();
  };
  Branches ended;
  std::vector<TorrentBranch *> begun;
  {
    auto state = state_.lock();
    state->is_choosing = true;
    const auto from =
        std::stable_partition(state->branches.begin(), state->branches.end(), is_wanted);
    std::move(from, state->branches.end(), std::back_inserter(ended));
    state->branches.erase(from, state->branches.end());
  }
  for (auto &branch : ended) {
    drop_pad(*branch);  // so that it does not wait for who is behind it
    branch->stop();
    drop_pad(*branch);  // if it was found just then
    branch.reset();
  }
  for (const auto file : files) {
    glue::Ref<GstStreamCollection> collection;
    glue::Ref<GBytes> metainfo;
    {
      auto state = state_.lock();
      if (std::ranges::any_of(state->branches,
                              [&](const auto &one) { return one->index() == file; }))
        continue;
      collection = state->collection;
      metainfo = state->metainfo;
    }
    GstStream *stream = nullptr;
    for (guint i = 0; i < gst_stream_collection_get_size(collection.get()); ++i)
      if (auto *one = gst_stream_collection_get_stream(collection.get(), i);
          id_of(file) == gst_stream_get_stream_id(one))
        stream = one;
    auto branch = stream ? TorrentBranch::make(base_, metainfo.get(), file, stream,
                                               [this](TorrentBranch &it) { found(it); })
                         : nullptr;
    if (!branch) {
      state_.lock()->is_choosing = false;
      post_failure(element(), {Failure::Kind::settings, "A GStreamer plugin is missing.",
                               "torrentsrc or typefind"});
      return false;
    }
    begun.push_back(branch.get());
    auto state = state_.lock();
    state->branches.push_back(std::move(branch));
    state->is_complete = false;
  }
  for (auto *branch : begun)
    branch->start();
  state_.lock()->is_choosing = false;
  tell_if_complete();
  return true;
}

void TorrentDemux::drop_pad(const TorrentBranch &branch)
{
  glue::Ref<GstPad> pad;
  {
    const auto state = state_.lock();
    pad = glue::Ref<GstPad>::share(branch.pad());
  }
  if (!pad || GST_OBJECT_PARENT(pad.get()) != GST_OBJECT(base_))
    return;
  gst_pad_set_active(pad.get(), FALSE);
  gst_element_remove_pad(element(), pad.get());
}

bool TorrentDemux::select_streams(GstEvent *event)
{
  GList *ids = nullptr;
  gst_event_parse_select_streams(event, &ids);
  std::vector<std::size_t> files;
  for (const auto *id = ids; id; id = id->next) {
    const std::string text = static_cast<const char *>(id->data);
    if (const auto slash = text.rfind('/');
        slash != std::string::npos && text.substr(0, slash) == info_hash_)
      files.push_back(g_ascii_strtoull(text.c_str() + slash + 1, nullptr, 10));
  }
  g_list_free_full(ids, g_free);
  // Somebody else's streams.
  if (files.empty() || !state_.lock()->collection)
    return false;
  return select(files);
}

gboolean TorrentDemux::send_event(GstEvent *event)
{
  if (GST_EVENT_TYPE(event) == GST_EVENT_SELECT_STREAMS && select_streams(event)) {
    gst_event_unref(event);
    return TRUE;
  }
  return GST_ELEMENT_CLASS(glue::parent_class_of<TorrentDemux>(base_))
      ->send_event(element(), event);
}

// --- what comes of them
// -----------------------------------------------------------------------

void TorrentDemux::found(TorrentBranch &branch)
{
  auto *templ = gst_element_class_get_pad_template(GST_ELEMENT_GET_CLASS(element()), "file_%u");
  GstPad *pad = nullptr;
  {
    const auto state = state_.lock();  // others look whether there is one
    pad = branch.make_pad(("file_" + std::to_string(branch.index())).c_str(), templ);
  }
  gst_pad_set_active(pad, TRUE);
  gst_element_add_pad(element(), pad);
  {
    const auto state = state_.lock();
    branch.is_found = true;
  }
  tell_if_complete();
}

void TorrentDemux::tell_if_complete()
{
  {
    auto state = state_.lock();
    const auto is_done = [](const auto &one) { return one->is_found || one->is_left_out; };
    if (state->is_complete || state->is_choosing ||
        !std::ranges::all_of(state->branches, is_done))
      return;
    state->is_complete = true;
  }
  gst_element_no_more_pads(element());
}

// Subtitles that cannot be had do not end a film.
bool TorrentDemux::gives_up_a_side(GstMessage *message)
{
  if (GST_MESSAGE_TYPE(message) != GST_MESSAGE_ERROR)
    return false;
  {
    auto state = state_.lock();
    const auto is_about = [&](const auto &one) { return one->has(GST_MESSAGE_SRC(message)); };
    const auto found = std::ranges::find_if(state->branches, is_about);
    if (found == state->branches.end() || found == state->branches.begin() || (*found)->pad())
      return false;
    if (std::exchange((*found)->is_left_out, true))
      return true;
  }
  GError *error = nullptr;
  gst_message_parse_error(message, &error, nullptr);
  const glue::Owned<GError, g_error_free> owned{error};
  GST_ELEMENT_WARNING(base_, STREAM, TYPE_NOT_FOUND, ("A file of the torrent is left out."),
                      ("%s", owned->message));
  tell_if_complete();
  return true;
}

void TorrentDemux::handle_message(GstMessage *message)
{
  if (gives_up_a_side(message)) {
    gst_message_unref(message);
    return;
  }
  glue::parent_class_of<TorrentDemux>(base_)->handle_message(base_, message);
}

void TorrentDemux::close()
{
  Branches branches;
  {
    auto state = state_.lock();
    branches.swap(state->branches);
    *state = {};
  }
  for (const auto &branch : branches)
    drop_pad(*branch);
  branches.clear();
  metainfo_.clear();
}

GstStateChangeReturn TorrentDemux::change_state(GstStateChange transition)
{
  const auto result = GST_ELEMENT_CLASS(glue::parent_class_of<TorrentDemux>(base_))
                          ->change_state(element(), transition);
  if (transition == GST_STATE_CHANGE_PAUSED_TO_READY)
    close();
  return result;
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(torrentdemux, "torrentdemux", GST_RANK_PRIMARY,
                            glue::type_of<TorrentDemux>())
