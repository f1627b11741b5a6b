// SPDX-License-Identifier: LGPL-2.1-or-later
#include "glue/refs.hpp"

#include "glue/bytes.hpp"

#include <gst/gst.h>

#include <algorithm>
#include <string_view>
#include <utility>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail

using namespace kam;
using namespace kam::glue;

GST_START_TEST(adopts_and_shares_objects)
{
  auto *object = gst_object_ref_sink(gst_element_factory_make("identity", nullptr));
  ASSERT_OBJECT_REFCOUNT(object, "adopted", 1);
  {
    auto first = Ref<GstElement>::adopt(GST_ELEMENT(object));
    ASSERT_OBJECT_REFCOUNT(object, "adopted", 1);
    auto second = Ref<GstElement>::share(first.get());
    ASSERT_OBJECT_REFCOUNT(object, "shared", 2);
    auto third = second;
    ASSERT_OBJECT_REFCOUNT(object, "copied", 3);
    auto fourth = std::move(third);
    ASSERT_OBJECT_REFCOUNT(object, "moved", 3);
    ck_assert(!third);
    fourth = first;
    ASSERT_OBJECT_REFCOUNT(object, "assigned", 3);
    auto &same = fourth;
    fourth = same;
    ASSERT_OBJECT_REFCOUNT(object, "assigned to itself", 3);
    ck_assert(fourth == first);
    fourth = {};
    ASSERT_OBJECT_REFCOUNT(object, "emptied", 2);
    ck_assert_ptr_eq(first.release(), object);
    ck_assert(!first);
    ASSERT_OBJECT_REFCOUNT(object, "released", 2);
  }
  ASSERT_OBJECT_REFCOUNT(object, "gone", 1);
  gst_object_unref(object);
}
GST_END_TEST

GST_START_TEST(adopts_and_shares_mini_objects)
{
  auto *caps = gst_caps_new_empty_simple("a/b");
  {
    const auto first = Ref<GstCaps>::adopt(caps);
    const auto second = Ref<GstCaps>::share(caps);
    ASSERT_CAPS_REFCOUNT(caps, "shared", 2);
    const auto *kept = gst_caps_ref(caps);
    ck_assert_ptr_eq(kept, caps);
  }
  ASSERT_CAPS_REFCOUNT(caps, "gone", 1);
  gst_caps_unref(caps);

  auto *bytes = g_bytes_new_static("abc", 3);
  {
    const auto first = Ref<GBytes>::share(bytes);
    const auto second = first;
  }
  gsize size = 0;
  g_free(g_bytes_unref_to_data(bytes, &size));
  ck_assert_uint_eq(size, 3);

  auto *buffer = gst_buffer_new();
  {
    const BufferPtr owned{gst_buffer_ref(buffer)};
    ASSERT_BUFFER_REFCOUNT(buffer, "owned", 2);
  }
  ASSERT_BUFFER_REFCOUNT(buffer, "gone", 1);
  gst_buffer_unref(buffer);
}
GST_END_TEST

GST_START_TEST(nothing_is_shared_as_nothing)
{
  const auto nothing = Ref<GstCaps>::share(nullptr);
  const auto copy = nothing;
  ck_assert(!copy);
  ck_assert(copy == Ref<GstCaps>{});
}
GST_END_TEST

GST_START_TEST(maps_buffers_of_any_size)
{
  const BufferPtr empty{gst_buffer_new()};
  const ReadMap nothing{empty.get()};
  ck_assert(nothing);
  ck_assert_uint_eq(nothing.bytes().size(), 0);

  const BufferPtr buffer{gst_buffer_new_allocate(nullptr, 3, nullptr)};
  {
    const WriteMap map{buffer.get()};
    std::ranges::fill(map.bytes(), std::byte{'x'});
  }
  const ReadMap map{buffer.get()};
  ck_assert(as_text(map.bytes()) == "xxx");
}
GST_END_TEST

GST_START_TEST(wraps_and_cuts)
{
  const auto text = as_bytes("some bytes");
  const auto whole = wrap(ByteVector(text.begin(), text.end()));
  ck_assert_uint_eq(gst_buffer_get_size(whole.get()), text.size());
  ck_assert_uint_eq(gst_buffer_get_size(wrap({}).get()), 0);
  const ReadMap map{whole.get()};
  const auto part = region(whole.get(), map.bytes(), map.bytes().subspan(5, 4));
  const ReadMap part_map{part.get()};
  ck_assert(as_text(part_map.bytes()) == "byte");
  ck_assert_uint_eq(gst_buffer_get_size(region(whole.get(), map.bytes(), {}).get()), 0);

  const auto large = wrap(ByteVector(10000));
  const ReadMap large_map{large.get()};
  const auto shared =
      region(large.get(), large_map.bytes(), large_map.bytes().subspan(1, 9000));
  const ReadMap shared_map{shared.get()};
  ck_assert_ptr_eq(shared_map.bytes().data(), large_map.bytes().data() + 1);
}
GST_END_TEST

static Suite *refs_suite()
{
  Suite *suite = suite_create("refs");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, adopts_and_shares_objects);
  tcase_add_test(tc, adopts_and_shares_mini_objects);
  tcase_add_test(tc, nothing_is_shared_as_nothing);
  tcase_add_test(tc, maps_buffers_of_any_size);
  tcase_add_test(tc, wraps_and_cuts);
  return suite;
}

GST_CHECK_MAIN(refs)
