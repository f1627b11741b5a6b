// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/torrent/swarm/torrentdisk.hpp"

#include "elements/torrent/swarm/torrentfile.hpp"

#include <libtorrent/disk_interface.hpp>
#include <libtorrent/error_code.hpp>
#include <libtorrent/file_storage.hpp>
#include <libtorrent/hasher.hpp>
#include <libtorrent/performance_counters.hpp>
#include <libtorrent/posix_disk_io.hpp>
#include <libtorrent/settings_pack.hpp>
#include <libtorrent/storage_defs.hpp>

#include <algorithm>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

namespace kam::torrent {

namespace {

using lt::disk_job_flags_t;
using lt::storage_error;
using lt::storage_index_t;
using Priorities = lt::aux::vector<lt::download_priority_t, lt::file_index_t>;

constexpr int block_size = lt::default_block_size;

// The files of one torrent, and the one of them that is open.
class Files {
 public:
  explicit Files(const lt::storage_params &params)
      : files_{params.files},
        folder_{params.path},
        priorities_{params.priorities},
        can_keep_open_{!params.mapped_files}
  {
  }

  // Nothing stays open while somebody may rename, delete or look at the files.
  void close()
  {
    open_.reset();
    written_ = none;
  }
  void expect_priorities()
  {
    close();
    can_keep_open_ = false;
  }
  void set_priorities(const Priorities &priorities)
  {
    close();
    priorities_ = priorities;
    can_keep_open_ = true;
  }

  // The open file, if these bytes are all in it and belong there.
  const TorrentFile *at(lt::piece_index_t piece, int offset, int size)
  {
    const auto begin = position(piece, offset);
    const auto file = files_.file_index_at_offset(begin);
    if (!can_keep_open_ || file != written_ || begin + size > end_of(file))
      return nullptr;
    if (!open_)
      open_ = TorrentFile::open_to_write(folder_, files_.file_path(file));
    return open_ ? &*open_ : nullptr;
  }
  std::uint64_t offset_in_file(lt::piece_index_t piece, int offset) const
  {
    return static_cast<std::uint64_t>(position(piece, offset) - files_.file_offset(written_));
  }
  // libtorrent's own has written there, and made the file if there was none.
  void note_write(lt::piece_index_t piece, int offset)
  {
    const auto file = file_at(piece, offset);
    const bool is_in_parts =
        file < priorities_.end_index() && priorities_[file] == lt::dont_download;
    const bool is_link{files_.file_flags(file) & lt::file_storage::flag_symlink};
    if (file == written_)
      return;
    close();
    if (!is_in_parts && !is_link && !files_.pad_file_at(file))
      written_ = file;
  }
  lt::file_index_t file_at(lt::piece_index_t piece, int offset) const
  {
    return files_.file_index_at_offset(position(piece, offset));
  }
  int size_of(lt::piece_index_t piece) const { return files_.piece_size(piece); }
  // Who deletes a file while it is downloaded is to get it again.
  void close_if_deleted()
  {
    if (open_ && open_->is_deleted())
      close();
  }

 private:
  static constexpr lt::file_index_t none{-1};

  std::int64_t position(lt::piece_index_t piece, int offset) const
  {
    return std::int64_t{int(piece)} * files_.piece_length() + offset;
  }
  std::int64_t end_of(lt::file_index_t file) const
  {
    return files_.file_offset(file) + files_.file_size(file);
  }

  const lt::file_storage &files_;  // the torrent's, which outlives its storage
  std::string folder_;
  Priorities priorities_;
  bool can_keep_open_;
  lt::file_index_t written_ = none;  // the last one
  std::optional<TorrentFile> open_;
};

// All of it is called in libtorrent's thread.
class OpenFileDisk final : public lt::disk_interface {
 public:
  OpenFileDisk(std::unique_ptr<lt::disk_interface> posix,
               std::shared_ptr<glue::Guarded<StatesByHash>> states)
      : posix_{std::move(posix)}, states_{std::move(states)}
  {
  }

  lt::storage_holder new_torrent(const lt::storage_params &params,
                                 const std::shared_ptr<void> &torrent) override
  {
    auto holder = posix_->new_torrent(params, torrent);
    const storage_index_t index = holder;
    torrents_.emplace(index,
                      Torrent{std::move(holder), Files{params}, state_of(params.info_hash)});
    return {index, *this};
  }
  void remove_torrent(storage_index_t index) override { torrents_.erase(index); }

  bool async_write(storage_index_t index, const lt::peer_request &where, const char *bytes,
                   std::shared_ptr<lt::disk_observer> observer,
                   std::function<void(const storage_error &)> handler,
                   disk_job_flags_t flags) override
  {
    auto &files = files_of(index);
    const auto *file = files.at(where.piece, where.start, where.length);
    if (file && file->write(as_bytes(std::string_view{bytes, std::size_t(where.length)}),
                            files.offset_in_file(where.piece, where.start))) {
      post(index, where.piece, [handler = std::move(handler)] { handler({}); });
      return false;
    }
    files.note_write(where.piece, where.start);
    return posix_->async_write(index, where, bytes, std::move(observer), std::move(handler),
                               flags);
  }

  void async_read(storage_index_t index, const lt::peer_request &where,
                  std::function<void(lt::disk_buffer_holder, const storage_error &)> handler,
                  disk_job_flags_t flags) override
  {
    const auto &torrent = torrents_.at(index);
    const auto state = torrent.state.lock();
    if (!state || prove(*state, static_cast<std::uint32_t>(int(where.piece)))) {
      posix_->async_read(index, where, std::move(handler), flags);
      return;
    }
    const storage_error error{lt::errors::failed_hash_check,
                              torrent.files.file_at(where.piece, where.start),
                              lt::operation_t::file_read};
    post(index, where.piece, [handler = std::move(handler), error] { handler({}, error); });
  }

  void async_hash(
      storage_index_t index, lt::piece_index_t piece, lt::span<lt::sha256_hash> v2,
      disk_job_flags_t flags,
      std::function<void(lt::piece_index_t, const lt::sha1_hash &, const storage_error &)>
          handler) override
  {
    auto &files = files_of(index);
    files.close_if_deleted();
    const auto *file = files.at(piece, 0, files.size_of(piece));
    const bool has_v1{flags & v1_hash};
    if (const auto hash = file ? hash_of(*file, files, piece, v2, has_v1) : std::nullopt) {
      post(index, piece,
           [handler = std::move(handler), piece, hash = *hash] { handler(piece, hash, {}); });
      return;
    }
    posix_->async_hash(index, piece, v2, flags, std::move(handler));
  }

  void async_set_file_priority(
      storage_index_t index, Priorities priorities,
      std::function<void(const storage_error &, Priorities)> handler) override
  {
    files_of(index).expect_priorities();
    posix_->async_set_file_priority(index, std::move(priorities),
                                    [this, index, handler = std::move(handler)](
                                        const storage_error &error, Priorities priorities) {
                                      if (const auto found = torrents_.find(index);
                                          found != torrents_.end())
                                        found->second.files.set_priorities(priorities);
                                      handler(error, std::move(priorities));
                                    });
  }

  // --- what is no different, but for the open file ---
  void async_move_storage(
      storage_index_t index, std::string path, lt::move_flags_t flags,
      std::function<void(lt::status_t, const std::string &, const storage_error &)> handler)
      override
  {
    files_of(index).expect_priorities();
    posix_->async_move_storage(index, std::move(path), flags, std::move(handler));
  }
  void async_release_files(storage_index_t index, std::function<void()> handler) override
  {
    files_of(index).close();
    posix_->async_release_files(index, std::move(handler));
  }
  void async_check_files(
      storage_index_t index, const lt::add_torrent_params *resume_data,
      lt::aux::vector<std::string, lt::file_index_t> links,
      std::function<void(lt::status_t, const storage_error &)> handler) override
  {
    files_of(index).close();
    posix_->async_check_files(index, resume_data, std::move(links), std::move(handler));
  }
  void async_stop_torrent(storage_index_t index, std::function<void()> handler) override
  {
    files_of(index).close();
    posix_->async_stop_torrent(index, std::move(handler));
  }
  void async_rename_file(
      storage_index_t index, lt::file_index_t file, std::string name,
      std::function<void(const std::string &, lt::file_index_t, const storage_error &)> handler)
      override
  {
    files_of(index).expect_priorities();
    posix_->async_rename_file(index, file, std::move(name), std::move(handler));
  }
  void async_delete_files(storage_index_t index, lt::remove_flags_t options,
                          std::function<void(const storage_error &)> handler) override
  {
    files_of(index).close();
    posix_->async_delete_files(index, options, std::move(handler));
  }

  // --- what is no different ---
  void async_hash2(
      storage_index_t index, lt::piece_index_t piece, int offset, disk_job_flags_t flags,
      std::function<void(lt::piece_index_t, const lt::sha256_hash &, const storage_error &)>
          handler) override
  {
    posix_->async_hash2(index, piece, offset, flags, std::move(handler));
  }
  void async_clear_piece(storage_index_t index, lt::piece_index_t piece,
                         std::function<void(lt::piece_index_t)> handler) override
  {
    posix_->async_clear_piece(index, piece, std::move(handler));
  }
  void update_stats_counters(lt::counters &counters) const override
  {
    posix_->update_stats_counters(counters);
  }
  std::vector<lt::open_file_state> get_status(storage_index_t index) const override
  {
    return posix_->get_status(index);
  }
  void abort(bool wait) override { posix_->abort(wait); }
  void submit_jobs() override { posix_->submit_jobs(); }
  void settings_updated() override { posix_->settings_updated(); }

 private:
  struct Torrent {
    lt::storage_holder posix;
    Files files;
    std::weak_ptr<TorrentState> state;
  };

  std::weak_ptr<TorrentState> state_of(const lt::sha1_hash &info_hash) const
  {
    auto states = states_->lock();
    const auto found = states->find(info_hash);
    return found == states->end() ? std::weak_ptr<TorrentState>{} : found->second;
  }

  // Has it called when this call is over. libtorrent's own has nothing to wait for before that.
  void post(storage_index_t index, lt::piece_index_t piece, std::function<void()> handler)
  {
    posix_->async_clear_piece(index, piece,
                              [handler = std::move(handler)](lt::piece_index_t) { handler(); });
  }

  Files &files_of(storage_index_t index) { return torrents_.at(index).files; }

  // Version 1's hash if it is wanted, and those of version 2 into `v2` if they are.
  std::optional<lt::sha1_hash> hash_of(const TorrentFile &file, const Files &files,
                                       lt::piece_index_t piece, lt::span<lt::sha256_hash> v2,
                                       bool has_v1)
  {
    constexpr int at_once = 16 * block_size;
    buffer_.resize(at_once);
    lt::hasher whole;
    const auto size = files.size_of(piece);
    for (int offset = 0; offset < size; offset += at_once) {
      const auto length = std::min(at_once, size - offset);
      if (!file.read({buffer_.data(), std::size_t(length)},
                     files.offset_in_file(piece, offset)))
        return std::nullopt;
      const lt::span<const char> got{reinterpret_cast<const char *>(buffer_.data()), length};
      if (has_v1)
        whole.update(got);
      for (int at = 0; at < length && !v2.empty(); at += block_size)
        v2[(offset + at) / block_size] =
            lt::hasher256{got.subspan(at, std::min(block_size, length - at))}.final();
    }
    return has_v1 ? whole.final() : lt::sha1_hash{};
  }

  std::unique_ptr<lt::disk_interface> posix_;
  std::shared_ptr<glue::Guarded<StatesByHash>> states_;
  std::map<storage_index_t, Torrent> torrents_;
  ByteVector buffer_;
};

}  // namespace

lt::disk_io_constructor_type disk_io(std::shared_ptr<glue::Guarded<StatesByHash>> states)
{
  return
      [states = std::move(states)](lt::io_context &io, const lt::settings_interface &settings,
                                   lt::counters &counters) {
        return std::make_unique<OpenFileDisk>(
            lt::posix_disk_io_constructor(io, settings, counters), states);
      };
}

}  // namespace kam::torrent
