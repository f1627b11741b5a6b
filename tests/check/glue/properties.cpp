// SPDX-License-Identifier: LGPL-2.1-or-later
#include "glue/properties.hpp"

#include "glue/stats.hpp"
#include "support/our_elements.hpp"
#include "support/warnings.hpp"

#include <gst/gst.h>

#include <limits>
#include <string>
#include <vector>

namespace {
enum class Colour { red, green, blue };
enum class Bits : guint { none = 0, one = 1, two = 2 };
}  // namespace

template <>
struct kam::glue::GTypeOf<Colour> {
  static GType type()
  {
    static const GEnumValue values[] = {{gint(Colour::red), "As fire", "red"},
                                        {gint(Colour::green), "As grass", "green"},
                                        {gint(Colour::blue), "As the sky", "blue"},
                                        {0, nullptr, nullptr}};
    static const GType type = register_enum("KamTestColour", values);
    return type;
  }
};

template <>
struct kam::glue::GTypeOf<Bits> {
  static GType type()
  {
    static const GFlagsValue values[] = {{guint(Bits::one), "One", "one"},
                                         {guint(Bits::two), "Two", "two"},
                                         {0, nullptr, nullptr}};
    static const GType type = register_flags("KamTestBits", values);
    return type;
  }
};

template <>
struct kam::glue::GTypeOf<GstElement> {
  static GType type() { return GST_TYPE_ELEMENT; }
};

namespace {

using namespace kam;
using glue::Mutable;

// An element that does nothing but have one property of every kind.
class TestElement {
 public:
  using Base = GstElement;
  using Class = GstElementClass;
  static constexpr auto type_name = "KamTestProperties";
  static GType base_type() { return GST_TYPE_ELEMENT; }
  static void class_init(Class *klass)
  {
    properties().install(klass);
    glue::describe(klass, {"Test", "Generic", "Has properties", nullptr});
  }

  struct Values {
    bool boolean = true;
    int integer = -3;
    guint unsigned_integer = 3;
    gint64 integer64 = -(gint64{1} << 40U);
    guint64 unsigned_integer64 = guint64{1} << 63U;
    double real = 0.25;
    std::string text = "hello";
    std::string no_text;
    Colour colour = Colour::green;
    Bits bits = Bits::two;
    glue::Fraction fraction{25, 1};
    glue::Ref<GstCaps> caps;
    glue::Ref<GBytes> bytes;
    glue::SharedStructure structure;
    std::vector<std::string> strings;
    glue::Ref<GstElement> object;
    int at_construction = 5;
    int even = 2;
  };
  glue::Settings<Values> settings;
  static const glue::Properties<TestElement, Values> &properties();

  explicit TestElement(GstElement *) {}
  glue::StructurePtr stats() const { return glue::stats_structure("stats", {{"changes", 1}}); }
  guint64 changes() const { return static_cast<guint64>(changes_); }
  Colour reported_colour() const { return Colour::blue; }
  std::string reported_text() const { return {}; }
  glue::Ref<GstCaps> reported_caps() const { return settings.snapshot().caps; }
  // Deadlocks if a lock is held.
  void settings_changed()
  {
    ++changes_;
    settings.read([](const Values &values) { return values.integer; });
    settings.write([](Values &) {});
  }

 private:
  int changes_ = 0;
};

const glue::Properties<TestElement, TestElement::Values> &TestElement::properties()
{
  using V = Values;
  static const auto table =
      glue::Properties<TestElement, V>{}
          .add("boolean", &V::boolean, "A boolean", Mutable::in_ready)
          .add("int", &V::integer, "A number", Mutable::in_paused, {-10, 10})
          .add("uint", &V::unsigned_integer, "A number", Mutable::in_playing, {1, 10})
          .add("int64", &V::integer64, "A number", Mutable::in_ready)
          .add("uint64", &V::unsigned_integer64, "A number", Mutable::in_ready)
          .add("double", &V::real, "A number", Mutable::in_ready, {0.0, 1.0})
          .add("string", &V::text, "A text", Mutable::in_ready)
          .add("no-string", &V::no_text, "A text", Mutable::in_ready)
          .add("enum", &V::colour, "A colour", Mutable::in_ready)
          .add("flags", &V::bits, "Some bits", Mutable::in_ready)
          .add("fraction", &V::fraction, "A fraction", Mutable::in_ready, {{1, 1}, {100, 1}})
          .add("caps", &V::caps, "Some caps", Mutable::in_ready)
          .add("bytes", &V::bytes, "Some bytes", Mutable::in_ready)
          .add("structure", &V::structure, "A structure", Mutable::in_ready)
          .add("strings", &V::strings, "Some texts", Mutable::in_ready)
          .add("object", &V::object, "An element", Mutable::in_ready)
          .add("at-construction", &V::at_construction, "A number", Mutable::construct_only)
          .add_checked("even", &V::even, "An even number", Mutable::in_ready,
                       [](int value) { return value % 2 == 0; })
          .report<&TestElement::stats>("stats", "Statistics")
          .report<&TestElement::changes>("changes", "Number of changes")
          .report<&TestElement::reported_colour>("reported-colour", "A colour")
          .report<&TestElement::reported_text>("reported-text", "A text")
          .report<&TestElement::reported_caps>("reported-caps", "The caps");
  return table;
}

}  // namespace

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail

using kam::test::ElementPtr;
using kam::test::Warnings;

namespace {

ElementPtr make(const char *property = nullptr, int value = 0)
{
  return ElementPtr{GST_ELEMENT(gst_object_ref_sink(
      g_object_new(glue::type_of<TestElement>(), property, value, nullptr)))};
}

template <class Value>
Value get(const ElementPtr &element, const char *name)
{
  Value value{};
  g_object_get(element.get(), name, &value, nullptr);
  return value;
}

GParamFlags flags_of(const ElementPtr &element, const char *name)
{
  return g_object_class_find_property(G_OBJECT_GET_CLASS(element.get()), name)->flags;
}

}  // namespace

GST_START_TEST(begins_with_the_defaults)
{
  const auto element = make();
  ck_assert_int_eq(get<gboolean>(element, "boolean"), TRUE);
  ck_assert_int_eq(get<gint>(element, "int"), -3);
  ck_assert_uint_eq(get<guint>(element, "uint"), 3);
  ck_assert_int_eq(get<gint64>(element, "int64"), -(gint64{1} << 40U));
  ck_assert_uint_eq(get<guint64>(element, "uint64"), guint64{1} << 63U);
  ck_assert(get<gdouble>(element, "double") == 0.25);
  const glue::StringPtr text{get<gchar *>(element, "string")};
  ck_assert_str_eq(text.get(), "hello");
  ck_assert(get<gchar *>(element, "no-string") == nullptr);
  ck_assert_int_eq(get<gint>(element, "enum"), gint(Colour::green));
  ck_assert_uint_eq(get<guint>(element, "flags"), guint(Bits::two));
  ck_assert(get<GstCaps *>(element, "caps") == nullptr);
  ck_assert(get<GBytes *>(element, "bytes") == nullptr);
  ck_assert(get<GstStructure *>(element, "structure") == nullptr);
  ck_assert(get<char **>(element, "strings") == nullptr);
  ck_assert(get<GstElement *>(element, "object") == nullptr);
  ck_assert_int_eq(get<gint>(element, "at-construction"), 5);
  gint num = 0;
  gint den = 0;
  g_object_get(element.get(), "fraction", &num, &den, nullptr);
  ck_assert_int_eq(num, 25);
  ck_assert_int_eq(den, 1);
}
GST_END_TEST

GST_START_TEST(keeps_what_is_set)
{
  const auto element = make();
  const auto other = make();
  const auto caps = glue::Ref<GstCaps>::adopt(gst_caps_from_string("audio/x-raw, rate=8000"));
  const auto bytes = glue::Ref<GBytes>::adopt(g_bytes_new_static("ab\0c", 4));
  g_object_set(element.get(), "boolean", FALSE, "int", 10, "uint", 10U, "int64", G_MININT64,
               "uint64", G_MAXUINT64, "double", 1.0, "string", nullptr, "no-string", "text",
               "enum", gint(Colour::blue), "flags", 3U, "fraction", 30000, 1001, "caps",
               caps.get(), "bytes", bytes.get(), "object", other.get(), nullptr);
  ck_assert_int_eq(get<gboolean>(element, "boolean"), FALSE);
  ck_assert_int_eq(get<gint>(element, "int"), 10);
  ck_assert_uint_eq(get<guint>(element, "uint"), 10);
  ck_assert_int_eq(get<gint64>(element, "int64"), G_MININT64);
  ck_assert_uint_eq(get<guint64>(element, "uint64"), G_MAXUINT64);
  ck_assert(get<gdouble>(element, "double") == 1.0);
  ck_assert(get<gchar *>(element, "string") == nullptr);
  const glue::StringPtr text{get<gchar *>(element, "no-string")};
  ck_assert_str_eq(text.get(), "text");
  ck_assert_int_eq(get<gint>(element, "enum"), gint(Colour::blue));
  ck_assert_uint_eq(get<guint>(element, "flags"), 3);
  gint num = 0;
  gint den = 0;
  g_object_get(element.get(), "fraction", &num, &den, nullptr);
  ck_assert_int_eq(num, 30000);
  ck_assert_int_eq(den, 1001);
  const auto got_caps = glue::Ref<GstCaps>::adopt(get<GstCaps *>(element, "caps"));
  ck_assert(gst_caps_is_equal(got_caps.get(), caps.get()));
  const auto reported = glue::Ref<GstCaps>::adopt(get<GstCaps *>(element, "reported-caps"));
  ck_assert(gst_caps_is_equal(reported.get(), caps.get()));
  const auto got_bytes = glue::Ref<GBytes>::adopt(get<GBytes *>(element, "bytes"));
  ck_assert(g_bytes_equal(got_bytes.get(), bytes.get()));
  const auto got_object = glue::Ref<GstElement>::adopt(get<GstElement *>(element, "object"));
  ck_assert_ptr_eq(got_object.get(), other.get());
}
GST_END_TEST

GST_START_TEST(keeps_structures_and_strings)
{
  const auto element = make();
  const glue::StructurePtr structure{gst_structure_from_string("s, a=(string)b", nullptr)};
  const char *const strings[] = {"one", "", "three", nullptr};
  const char *const no_strings[] = {nullptr};
  g_object_set(element.get(), "structure", structure.get(), "strings", strings, nullptr);
  const glue::StructurePtr got{get<GstStructure *>(element, "structure")};
  ck_assert(gst_structure_is_equal(got.get(), structure.get()));
  const glue::Owned<char *, g_strfreev> got_strings{get<char **>(element, "strings")};
  ck_assert(g_strv_equal(got_strings.get(), strings));
  g_object_set(element.get(), "structure", nullptr, "strings", no_strings, nullptr);
  ck_assert(get<GstStructure *>(element, "structure") == nullptr);
  ck_assert(get<char **>(element, "strings") == nullptr);
  g_object_set(element.get(), "strings", nullptr, nullptr);
  ck_assert(get<char **>(element, "strings") == nullptr);
}
GST_END_TEST

// What an element holds it lets go, when it is told to and when it ends.
GST_START_TEST(lets_go_of_what_it_held)
{
  const auto held = make();
  auto *caps = gst_caps_new_empty_simple("a/b");
  {
    const auto element = make();
    g_object_set(element.get(), "object", held.get(), "caps", caps, nullptr);
    ASSERT_OBJECT_REFCOUNT(held.get(), "held", 2);
    g_object_set(element.get(), "object", nullptr, nullptr);
    ASSERT_OBJECT_REFCOUNT(held.get(), "let go", 1);
    g_object_set(element.get(), "object", held.get(), nullptr);
  }
  ASSERT_OBJECT_REFCOUNT(held.get(), "its holder is gone", 1);
  ASSERT_CAPS_REFCOUNT(caps, "its holder is gone", 1);
  gst_caps_unref(caps);
}
GST_END_TEST

GST_START_TEST(says_when_it_may_change)
{
  const auto element = make();
  ck_assert(flags_of(element, "boolean") & GST_PARAM_MUTABLE_READY);
  ck_assert(flags_of(element, "int") & GST_PARAM_MUTABLE_PAUSED);
  ck_assert(flags_of(element, "uint") & GST_PARAM_MUTABLE_PLAYING);
  ck_assert(flags_of(element, "at-construction") & G_PARAM_CONSTRUCT_ONLY);
  ck_assert(!(flags_of(element, "stats") & G_PARAM_WRITABLE));
  ck_assert(!(flags_of(element, "changes") & G_PARAM_WRITABLE));
}
GST_END_TEST

GST_START_TEST(is_set_at_construction_only)
{
  const auto element = make("at-construction", 9);
  ck_assert_int_eq(get<gint>(element, "at-construction"), 9);
  Warnings warnings;
  g_log_set_always_fatal(GLogLevelFlags(G_LOG_LEVEL_ERROR | G_LOG_FLAG_RECURSION));
  g_object_set(element.get(), "at-construction", 10, nullptr);
  ck_assert_int_eq(get<gint>(element, "at-construction"), 9);
}
GST_END_TEST

GST_START_TEST(refuses_what_is_out_of_range)
{
  const auto element = make();
  Warnings warnings;
  g_object_set(element.get(), "int", 11, nullptr);
  ck_assert_int_eq(warnings.take(), 1);
  ck_assert_int_eq(get<gint>(element, "int"), -3);
  g_object_set(element.get(), "uint", 0U, nullptr);
  ck_assert_int_eq(warnings.take(), 1);
  ck_assert_uint_eq(get<guint>(element, "uint"), 3);
  g_object_set(element.get(), "double", 1.5, nullptr);
  ck_assert_int_eq(warnings.take(), 1);
  g_object_set(element.get(), "enum", 17, nullptr);
  ck_assert_int_eq(warnings.take(), 1);
  ck_assert_int_eq(get<gint>(element, "enum"), gint(Colour::green));
  g_object_set(element.get(), "fraction", 101, 1, nullptr);
  ck_assert_int_eq(warnings.take(), 1);
  // What is no number is in no range.
  g_object_set(element.get(), "double", std::numeric_limits<double>::quiet_NaN(), nullptr);
  ck_assert_int_eq(warnings.take(), 1);
  ck_assert(get<gdouble>(element, "double") == 0.25);
  ck_assert_uint_eq(get<guint64>(element, "changes"), 1);
}
GST_END_TEST

GST_START_TEST(refuses_what_the_element_cannot_use)
{
  const auto element = make();
  g_object_set(element.get(), "even", 4, nullptr);
  ck_assert_int_eq(get<gint>(element, "even"), 4);
  const auto changes = get<guint64>(element, "changes");
  g_test_expect_message(nullptr, G_LOG_LEVEL_WARNING, "*\"even\" cannot be used*");
  g_object_set(element.get(), "even", 5, nullptr);
  g_test_assert_expected_messages();
  ck_assert_int_eq(get<gint>(element, "even"), 4);
  ck_assert_uint_eq(get<guint64>(element, "changes"), changes);
}
GST_END_TEST

GST_START_TEST(tells_the_element_of_changes)
{
  const auto element = make();
  // Once, for the property of the construction.
  ck_assert_uint_eq(get<guint64>(element, "changes"), 1);
  g_object_set(element.get(), "int", 1, "string", "x", nullptr);
  ck_assert_uint_eq(get<guint64>(element, "changes"), 3);
}
GST_END_TEST

GST_START_TEST(reports)
{
  const auto element = make();
  const glue::StructurePtr stats{get<GstStructure *>(element, "stats")};
  ck_assert_str_eq(gst_structure_get_name(stats.get()), "stats");
  guint64 changes = 0;
  ck_assert(gst_structure_get_uint64(stats.get(), "changes", &changes));
  ck_assert_uint_eq(changes, 1);
  ck_assert_int_eq(get<gint>(element, "reported-colour"), gint(Colour::blue));
  ck_assert(get<gchar *>(element, "reported-text") == nullptr);
}
GST_END_TEST

GST_START_TEST(parses_from_a_launch_line)
{
  const auto element = make();
  for (const auto &[name, value] : {std::pair{"enum", "blue"},
                                    {"flags", "one+two"},
                                    {"fraction", "1/1"},
                                    {"caps", "audio/x-raw, rate=8000"},
                                    {"boolean", "no"},
                                    {"uint64", "1"}})
    gst_util_set_object_arg(G_OBJECT(element.get()), name, value);
  ck_assert_int_eq(get<gint>(element, "enum"), gint(Colour::blue));
  ck_assert_uint_eq(get<guint>(element, "flags"), 3);
  ck_assert_uint_eq(get<guint64>(element, "uint64"), 1);
}
GST_END_TEST

static Suite *properties_suite()
{
  Suite *suite = suite_create("properties");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  tcase_add_test(tc, begins_with_the_defaults);
  tcase_add_test(tc, keeps_what_is_set);
  tcase_add_test(tc, keeps_structures_and_strings);
  tcase_add_test(tc, lets_go_of_what_it_held);
  tcase_add_test(tc, says_when_it_may_change);
  tcase_add_test(tc, is_set_at_construction_only);
  tcase_add_test(tc, refuses_what_is_out_of_range);
  tcase_add_test(tc, refuses_what_the_element_cannot_use);
  tcase_add_test(tc, tells_the_element_of_changes);
  tcase_add_test(tc, reports);
  tcase_add_test(tc, parses_from_a_launch_line);
  return suite;
}

GST_CHECK_MAIN(properties)
