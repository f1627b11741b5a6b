// SPDX-License-Identifier: LGPL-2.1-or-later
#include "core/network/broken_network.hpp"
#include "elements/base/elements.hpp"
#include "glue/filter.hpp"
#include "glue/properties.hpp"
#include "glue/stats.hpp"

#include <atomic>
#include <random>

GST_DEBUG_CATEGORY_STATIC(brokennetwork_debug);
#define GST_CAT_DEFAULT brokennetwork_debug

namespace {

using namespace kam;
using glue::BufferPtr;
using Network = network::BrokenNetwork<BufferPtr>;

constexpr guint max_reorder_window = 4096;

GstStaticPadTemplate sink_template =
    GST_STATIC_PAD_TEMPLATE("sink", GST_PAD_SINK, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);
GstStaticPadTemplate src_template =
    GST_STATIC_PAD_TEMPLATE("src", GST_PAD_SRC, GST_PAD_ALWAYS, GST_STATIC_CAPS_ANY);

// Duplicate, Throwaway and Reorder of Kamaelia.Internet.Simulate.BrokenNetwork, in that order.
class BrokenNetworkElement final : public glue::Filter {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamBrokenNetwork";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass);

  struct Values {
    guint64 seed = 0;
    double duplicate_probability = 0.1;
    double drop_probability = 0.1;
    double corrupt_probability = 0.0;
    guint reorder_window = 8;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<BrokenNetworkElement, Values> &properties();

  explicit BrokenNetworkElement(GstElement *element) : Filter{element} {}
  glue::StructurePtr stats() const;

 private:
  void start() override;
  void stop() override;
  void handle_buffer(BufferPtr buffer) override;
  void drain() override;
  void flush() override { forget(); }

  void make_network();
  network::BrokenNetworkOptions options();
  void forget();
  void move_on();
  static BufferPtr with_bit_flipped(const BufferPtr &buffer, guint64 bit);

  std::optional<Network> network_;
  glue::Counter in_;
  glue::Counter out_;
  glue::Counter flushed_;
  std::atomic<guint64> seed_ = 0;
  struct {
    std::atomic<guint64> dropped, duplicated, reordered, corrupted, held;
  } published_{};
};

const glue::Properties<BrokenNetworkElement, BrokenNetworkElement::Values>
    &BrokenNetworkElement::properties()
{
  using glue::Mutable;
  static const auto table =
      glue::Properties<BrokenNetworkElement, Values>{}
          .add("seed", &Values::seed,
               "The same seed breaks the same data in the same way; 0 means another one each "
               "time (stats says which)",
               Mutable::in_ready)
          .add("duplicate-probability", &Values::duplicate_probability,
               "Probability that a buffer is sent twice", Mutable::in_playing, {0.0, 1.0})
          .add("drop-probability", &Values::drop_probability,
               "Probability that a buffer, or the second of a doubled one, is lost",
               Mutable::in_playing, {0.0, 1.0})
          .add("corrupt-probability", &Values::corrupt_probability,
               "Probability that one bit of a buffer is inverted", Mutable::in_playing,
               {0.0, 1.0})
          .add("reorder-window", &Values::reorder_window,
               "Number of buffers to gather before one of them, but the newest, is let go; 1 "
               "means no reordering",
               Mutable::in_playing, {1, max_reorder_window})
          .report<&BrokenNetworkElement::stats>(
              "stats",
              "The seed in use, and what passed since READY: buffers in and out; dropped, "
              "duplicated, corrupted; reordered, buffers that left after one that came "
              "later; flushed, buffers thrown away by a flush; held, buffers in the window "
              "now. in + duplicated = out + dropped + flushed + held");
  return table;
}

void BrokenNetworkElement::class_init(Class *klass)
{
  GST_DEBUG_CATEGORY_INIT(brokennetwork_debug, "brokennetwork", 0, "Broken network");
  properties().install(klass);
  glue::describe(
      klass, {"Broken network", "Filter/Network",
              "Doubles, loses, reorders and damages buffers, to test what has to "
              "cope with that",
              "gst-launch-1.0 audiotestsrc num-buffers=500 ! framer ! brokennetwork seed=1 ! "
              "deframer ! recoverorder ! fakesink"});
  gst_element_class_add_static_pad_template(klass, &sink_template);
  gst_element_class_add_static_pad_template(klass, &src_template);
}

glue::StructurePtr BrokenNetworkElement::stats() const
{
  return glue::stats_structure("application/x-brokennetwork-stats",
                               {{"seed", seed_},
                                {"in", in_.value()},
                                {"out", out_.value()},
                                {"dropped", published_.dropped},
                                {"duplicated", published_.duplicated},
                                {"reordered", published_.reordered},
                                {"corrupted", published_.corrupted},
                                {"flushed", flushed_.value()},
                                {"held", published_.held}});
}

network::BrokenNetworkOptions BrokenNetworkElement::options()
{
  using network::Chance;
  const auto &values = settings.current();
  return {Chance::from_probability(values.duplicate_probability),
          Chance::from_probability(values.drop_probability),
          Chance::from_probability(values.corrupt_probability), values.reorder_window};
}

void BrokenNetworkElement::start()
{
  for (auto *counter : {&in_, &out_, &flushed_})
    counter->reset();
  for (auto *published : {&published_.dropped, &published_.duplicated, &published_.reordered,
                          &published_.corrupted, &published_.held})
    *published = 0;
  (void)settings.changed();
  make_network();
}

// The seed holds from the first buffer on.
void BrokenNetworkElement::make_network()
{
  auto seed = settings.current().seed;
  constexpr unsigned half = 32;
  while (seed == 0)
    seed = (guint64{g_random_int()} << half) | g_random_int();
  GST_INFO_OBJECT(element(), "seed=%" G_GUINT64_FORMAT " repeats this run", seed);
  seed_ = seed;
  network_.emplace(options(), network::SeededDraws{seed}, [](const BufferPtr &buffer) {
    return BufferPtr{gst_buffer_copy(buffer.get())};
  });
}

void BrokenNetworkElement::stop()
{
  if (network_)
    forget();
}

void BrokenNetworkElement::handle_buffer(BufferPtr buffer)
{
  if (settings.changed()) {
    if (in_.value() == 0)
      make_network();
    else
      network_->configure(options());
  }
  in_.add();
  const auto size = gst_buffer_get_size(buffer.get());
  network_->handle_item(std::move(buffer), size);
  move_on();
}

void BrokenNetworkElement::move_on()
{
  while (auto out = network_->poll()) {
    auto buffer = std::move(out->item);
    if (out->flip_bit)
      buffer = with_bit_flipped(buffer, *out->flip_bit);
    out_.add();
    emit(std::move(buffer));
  }
  const auto &stats = network_->stats();
  published_.dropped = stats.dropped;
  published_.duplicated = stats.duplicated;
  published_.reordered = stats.reordered;
  published_.corrupted = stats.corrupted;
  published_.held = network_->size();
}

// Others may hold the same memory: they must not see the damage.
BufferPtr BrokenNetworkElement::with_bit_flipped(const BufferPtr &buffer, guint64 bit)
{
  BufferPtr damaged{gst_buffer_copy_deep(buffer.get())};
  if (const glue::WriteMap map{damaged.get()}; map) {
    constexpr guint64 bits_in_byte = 8;
    map.bytes()[bit / bits_in_byte] ^= std::byte{1} << (bit % bits_in_byte);
  }
  return damaged;
}

void BrokenNetworkElement::drain()
{
  if (!network_)
    return;
  network_->drain();
  move_on();
}

void BrokenNetworkElement::forget()
{
  flushed_.add(network_->reset());
  published_.held = 0;
}

}  // namespace

GST_ELEMENT_REGISTER_DEFINE(brokennetwork, "brokennetwork", GST_RANK_NONE,
                            glue::type_of<BrokenNetworkElement>())
