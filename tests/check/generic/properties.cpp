// SPDX-License-Identifier: LGPL-2.1-or-later
// Every property of every element says what it is, and takes what it says it takes.
#include "support/our_elements.hpp"
#include "support/warnings.hpp"

#include <gst/gst.h>

#include <array>
#include <cstring>
#include <fstream>
#include <limits>
#include <map>
#include <set>
#include <string>
#include <vector>

#include <gst/check/gstcheck.h>  // last: it defines a macro called fail

using namespace kam;
using namespace kam::test;

namespace {

// One of these says in which unit a number is, or what it counts.
constexpr std::array unit_words{
    "bytes",   "bit/s",   "bits",        "milliseconds", "microseconds", "nanoseconds",
    "seconds", " ms",     " ns",         "packets",      "items",        "buffers",
    "frames",  "chunks",  "number",      "probability",  "percent",      "seed",
    "times",   "clients", "connections", "port",         "rank",         "level"};

// A GValue that cleans up.
class Value {
 public:
  explicit Value(GType type) { g_value_init(&value_, type); }
  explicit Value(const GValue *other)
  {
    g_value_init(&value_, G_VALUE_TYPE(other));
    g_value_copy(other, &value_);
  }
  Value(const Value &other) : Value{other.get()} {}
  Value &operator=(const Value &) = delete;
  ~Value() { g_value_unset(&value_); }
  GValue *get() { return &value_; }
  const GValue *get() const { return &value_; }

 private:
  GValue value_ = G_VALUE_INIT;
};

std::string label(GstElement *element, const GParamSpec *spec)
{
  return std::string{GST_OBJECT_NAME(gst_element_get_factory(element))} + "." + spec->name;
}

bool is_number(const GParamSpec *spec)
{
  switch (G_TYPE_FUNDAMENTAL(spec->value_type)) {
  case G_TYPE_INT:
  case G_TYPE_UINT:
  case G_TYPE_INT64:
  case G_TYPE_UINT64:
  case G_TYPE_DOUBLE: return true;
  default: return false;
  }
}

Value read(GstElement *element, const GParamSpec *spec)
{
  Value value{spec->value_type};
  g_object_get_property(G_OBJECT(element), spec->name, value.get());
  return value;
}

bool is_same(const GParamSpec *spec, const Value &a, const Value &b)
{
  if (G_TYPE_FUNDAMENTAL(spec->value_type) == G_TYPE_STRING) {
    // Nothing and the empty string are the same to a property.
    const auto text = [](const Value &v) {
      const auto *words = g_value_get_string(v.get());
      return std::string{words ? words : ""};
    };
    return text(a) == text(b);
  }
  if (spec->value_type == G_TYPE_BYTES) {
    auto *left = static_cast<GBytes *>(g_value_get_boxed(a.get()));
    auto *right = static_cast<GBytes *>(g_value_get_boxed(b.get()));
    return left && right ? g_bytes_equal(left, right) : left == right;
  }
  if (spec->value_type == G_TYPE_STRV) {
    // Nothing and no strings are the same to a property.
    static constexpr std::array<char *, 1> none{};
    const auto strings = [](const Value &v) {
      auto *boxed = g_value_get_boxed(v.get());
      return static_cast<const char *const *>(boxed ? boxed : none.data());
    };
    return g_strv_equal(strings(a), strings(b));
  }
  if (spec->value_type == GST_TYPE_STRUCTURE) {
    const auto *left = gst_value_get_structure(a.get());
    const auto *right = gst_value_get_structure(b.get());
    return left && right ? gst_structure_is_equal(left, right) : left == right;
  }
  if (spec->value_type == GST_TYPE_CAPS)
    return gst_value_compare(a.get(), b.get()) == GST_VALUE_EQUAL;
  return g_param_values_cmp(const_cast<GParamSpec *>(spec), a.get(), b.get()) == 0;
}

// The least, the most and one between.
template <class Number, class Spec, class Set>
std::vector<Value> numbers(const GParamSpec *spec, const Spec *limits, Set set)
{
  std::vector<Value> values;
  for (const Number number : {limits->minimum, limits->maximum,
                              static_cast<Number>(limits->minimum / 2 + limits->maximum / 2)}) {
    Value value{spec->value_type};
    set(value.get(), number);
    values.push_back(value);
  }
  return values;
}

// One below the least and one above the most, where the type has them.
template <class Number, class Spec, class Set>
std::vector<Value> strangers(const GParamSpec *spec, const Spec *limits, Set set)
{
  std::vector<Value> values;
  const auto add = [&](Number number) {
    Value value{spec->value_type};
    set(value.get(), number);
    values.push_back(value);
  };
  if (limits->minimum > std::numeric_limits<Number>::lowest())
    add(limits->minimum - 1);
  if (limits->maximum < std::numeric_limits<Number>::max())
    add(limits->maximum + 1);
  return values;
}

std::vector<Value> inside(const GParamSpec *spec)
{
  switch (G_TYPE_FUNDAMENTAL(spec->value_type)) {
  case G_TYPE_INT: return numbers<gint>(spec, G_PARAM_SPEC_INT(spec), g_value_set_int);
  case G_TYPE_UINT: return numbers<guint>(spec, G_PARAM_SPEC_UINT(spec), g_value_set_uint);
  case G_TYPE_INT64: return numbers<gint64>(spec, G_PARAM_SPEC_INT64(spec), g_value_set_int64);
  case G_TYPE_UINT64:
    return numbers<guint64>(spec, G_PARAM_SPEC_UINT64(spec), g_value_set_uint64);
  case G_TYPE_DOUBLE:
    return numbers<gdouble>(spec, G_PARAM_SPEC_DOUBLE(spec), g_value_set_double);
  default: break;
  }
  std::vector<Value> values;
  const auto add = [&](auto set, auto content) {
    Value value{spec->value_type};
    set(value.get(), content);
    values.push_back(value);
  };
  if (spec->value_type == G_TYPE_BOOLEAN) {
    add(g_value_set_boolean, TRUE);
    add(g_value_set_boolean, FALSE);
  } else if (G_IS_PARAM_SPEC_ENUM(spec)) {
    const auto *klass = G_PARAM_SPEC_ENUM(spec)->enum_class;
    for (const auto &choice : std::span{klass->values, klass->n_values})
      add(g_value_set_enum, choice.value);
  } else if (G_IS_PARAM_SPEC_FLAGS(spec)) {
    const auto *klass = G_PARAM_SPEC_FLAGS(spec)->flags_class;
    for (const auto &flag : std::span{klass->values, klass->n_values})
      add(g_value_set_flags, flag.value);
    add(g_value_set_flags, klass->mask);
    add(g_value_set_flags, 0U);
  } else if (GST_IS_PARAM_SPEC_FRACTION(spec)) {
    const auto *limits = reinterpret_cast<const GstParamSpecFraction *>(spec);
    for (const auto &[num, den] :
         {std::pair{limits->min_num, limits->min_den}, {limits->max_num, limits->max_den}}) {
      Value value{spec->value_type};
      gst_value_set_fraction(value.get(), num, den);
      values.push_back(value);
    }
  }
  return values;
}

std::vector<Value> outside(const GParamSpec *spec)
{
  switch (G_TYPE_FUNDAMENTAL(spec->value_type)) {
  case G_TYPE_INT: return strangers<gint>(spec, G_PARAM_SPEC_INT(spec), g_value_set_int);
  case G_TYPE_UINT: return strangers<guint>(spec, G_PARAM_SPEC_UINT(spec), g_value_set_uint);
  case G_TYPE_INT64:
    return strangers<gint64>(spec, G_PARAM_SPEC_INT64(spec), g_value_set_int64);
  case G_TYPE_UINT64:
    return strangers<guint64>(spec, G_PARAM_SPEC_UINT64(spec), g_value_set_uint64);
  case G_TYPE_DOUBLE:
    return strangers<gdouble>(spec, G_PARAM_SPEC_DOUBLE(spec), g_value_set_double);
  default: return {};
  }
}

// Values that an element may refuse for what they mean.
std::vector<Value> arbitrary(const GParamSpec *spec)
{
  std::vector<Value> values;
  const auto add = [&](auto set, auto content) {
    Value value{spec->value_type};
    set(value.get(), content);
    values.push_back(value);
  };
  if (spec->value_type == G_TYPE_STRING) {
    for (const auto *words : {"kamaelia", "", "%", "grüße", "127.0.0.1", "/nowhere\n"})
      add(g_value_set_string, words);
    add(g_value_set_string, std::string(10000, 'y').c_str());
    add(g_value_set_string, static_cast<const char *>(nullptr));
  } else if (spec->value_type == GST_TYPE_CAPS) {
    for (const auto *caps : {"audio/x-raw, rate=8000", "ANY", "EMPTY", "a/b; c/d, e=[1,2]"})
      add(g_value_take_boxed, gst_caps_from_string(caps));
    add(g_value_take_boxed, nullptr);
  } else if (spec->value_type == G_TYPE_BYTES) {
    for (const gsize size : {gsize{0}, gsize{1}, gsize{3}, gsize{100000}})
      add(g_value_take_boxed, g_bytes_new_take(g_malloc0(size), size));
    add(g_value_take_boxed, nullptr);
  } else if (spec->value_type == GST_TYPE_STRUCTURE) {
    for (const auto *words :
         {"a", "a, b=(string)c", "a, b=(int)1, c=(string)< d, e >, F=(int)[ 1, 2 ]"})
      add(g_value_take_boxed, gst_structure_from_string(words, nullptr));
  } else if (spec->value_type == G_TYPE_STRV) {
    for (const auto *words : {"a", "", "a;b=c; path=/|grüße"})
      add(g_value_take_boxed, g_strsplit(words, "|", -1));
    add(g_value_take_boxed, nullptr);
  } else if (G_TYPE_IS_OBJECT(spec->value_type)) {
    add(g_value_set_object, nullptr);
  }
  return values;
}

bool is_settable(const GParamSpec *spec)
{
  return (spec->flags & G_PARAM_WRITABLE) && !(spec->flags & G_PARAM_CONSTRUCT_ONLY);
}

void expect_described(GstElement *element, const GParamSpec *spec)
{
  const auto name = label(element, spec);
  const auto *nick = g_param_spec_get_nick(const_cast<GParamSpec *>(spec));
  const auto *blurb = g_param_spec_get_blurb(const_cast<GParamSpec *>(spec));
  ck_assert_msg(nick && *nick, "%s has no nick", name.c_str());
  ck_assert_msg(blurb && std::strlen(blurb) >= 12, "%s has no blurb", name.c_str());
  constexpr int until =
      GST_PARAM_MUTABLE_READY | GST_PARAM_MUTABLE_PAUSED | GST_PARAM_MUTABLE_PLAYING;
  ck_assert_msg(!is_settable(spec) || (spec->flags & until),
                "%s does not say until which state it may be set", name.c_str());
  if (!is_number(spec))
    return;
  const glue::StringPtr lower{g_utf8_strdown(blurb, -1)};
  const std::string_view words{lower.get()};
  ck_assert_msg(std::ranges::any_of(unit_words,
                                    [words](const char *unit) {
                                      return words.find(unit) != std::string_view::npos;
                                    }),
                "%s: \"%s\" names no unit", name.c_str(), blurb);
}

}  // namespace

GST_START_TEST(elements_and_properties_are_described)
{
  const auto name = our_elements()[static_cast<std::size_t>(__i__)];
  const auto element = make_element(name);
  auto *klass = GST_ELEMENT_GET_CLASS(element.get());
  for (const auto *key : {GST_ELEMENT_METADATA_AUTHOR, GST_ELEMENT_METADATA_DESCRIPTION,
                          GST_ELEMENT_METADATA_KLASS, GST_ELEMENT_METADATA_LONGNAME}) {
    const auto *words = gst_element_class_get_metadata(klass, key);
    ck_assert_msg(words && *words, "%s has no %s", name.c_str(), key);
  }
  const std::string_view description =
      gst_element_class_get_metadata(klass, GST_ELEMENT_METADATA_DESCRIPTION);
  ck_assert_msg(!description.ends_with('.'), "%s: the description ends with a full stop",
                name.c_str());
  for (const auto *spec : our_properties(element.get()))
    expect_described(element.get(), spec);
}
GST_END_TEST

GST_START_TEST(defaults_are_what_they_say)
{
  const auto element = make_element(our_elements()[static_cast<std::size_t>(__i__)]);
  for (auto *spec : our_properties(element.get())) {
    if (!is_settable(spec) || !(spec->flags & G_PARAM_READABLE))
      continue;
    const Value said{g_param_spec_get_default_value(spec)};
    ck_assert_msg(is_same(spec, read(element.get(), spec), said),
                  "%s does not begin with its default", label(element.get(), spec).c_str());
    g_object_set_property(G_OBJECT(element.get()), spec->name, said.get());
    ck_assert(is_same(spec, read(element.get(), spec), said));
  }
}
GST_END_TEST

GST_START_TEST(values_in_range_are_kept)
{
  const auto element = make_element(our_elements()[static_cast<std::size_t>(__i__)]);
  for (const auto *spec : our_properties(element.get())) {
    if (!is_settable(spec))
      continue;
    for (const auto &value : inside(spec)) {
      g_object_set_property(G_OBJECT(element.get()), spec->name, value.get());
      const glue::StringPtr shown{g_strdup_value_contents(value.get())};
      ck_assert_msg(is_same(spec, read(element.get(), spec), value), "%s did not keep %s",
                    label(element.get(), spec).c_str(), shown.get());
    }
  }
}
GST_END_TEST

GST_START_TEST(values_out_of_range_are_refused)
{
  const auto element = make_element(our_elements()[static_cast<std::size_t>(__i__)]);
  Warnings warnings;
  for (const auto *spec : our_properties(element.get())) {
    if (!is_settable(spec))
      continue;
    auto values = outside(spec);
    if (spec->value_type == G_TYPE_DOUBLE) {
      values.emplace_back(G_TYPE_DOUBLE);
      g_value_set_double(values.back().get(), std::numeric_limits<double>::quiet_NaN());
    }
    const Value before = read(element.get(), spec);
    for (const auto &value : values) {
      g_object_set_property(G_OBJECT(element.get()), spec->name, value.get());
      ck_assert_msg(warnings.take() > 0, "%s: no warning", label(element.get(), spec).c_str());
      ck_assert_msg(is_same(spec, read(element.get(), spec), before), "%s was changed",
                    label(element.get(), spec).c_str());
    }
  }
}
GST_END_TEST

GST_START_TEST(other_values_are_kept_or_refused_with_a_warning)
{
  const auto element = make_element(our_elements()[static_cast<std::size_t>(__i__)]);
  Warnings warnings;
  for (const auto *spec : our_properties(element.get())) {
    if (!is_settable(spec))
      continue;
    for (const auto &value : arbitrary(spec)) {
      const Value before = read(element.get(), spec);
      g_object_set_property(G_OBJECT(element.get()), spec->name, value.get());
      const bool refused = warnings.take() > 0;
      const glue::StringPtr shown{g_strdup_value_contents(value.get())};
      ck_assert_msg(is_same(spec, read(element.get(), spec), refused ? before : value),
                    "%s: %s was neither kept nor refused", label(element.get(), spec).c_str(),
                    shown.get());
      // What was kept has to be usable.
      gst_element_set_state(element.get(), GST_STATE_PAUSED);
      gst_element_set_state(element.get(), GST_STATE_NULL);
    }
  }
}
GST_END_TEST

GST_START_TEST(everything_is_readable_in_every_state)
{
  const auto element = make_element(our_elements()[static_cast<std::size_t>(__i__)]);
  std::map<std::string, std::set<std::string>> first_fields;  // by property
  for (const auto state :
       {GST_STATE_NULL, GST_STATE_READY, GST_STATE_PAUSED, GST_STATE_PLAYING, GST_STATE_PAUSED,
        GST_STATE_READY, GST_STATE_PLAYING, GST_STATE_NULL}) {
    gst_element_set_state(element.get(), state);
    for (const auto *spec : our_properties(element.get())) {
      if (!(spec->flags & G_PARAM_READABLE))
        continue;
      const Value value = read(element.get(), spec);
      if (spec->value_type != GST_TYPE_STRUCTURE || is_settable(spec))
        continue;
      const auto *stats = gst_value_get_structure(value.get());
      ck_assert_msg(stats, "%s is null in %s", label(element.get(), spec).c_str(),
                    gst_element_state_get_name(state));
      std::set<std::string> fields;
      for (int i = 0; i < gst_structure_n_fields(stats); ++i)
        fields.insert(spec->name + std::string{"/"} +
                      gst_structure_nth_field_name(stats, static_cast<guint>(i)));
      for (const auto &field : fields)
        ck_assert_msg(field.find_first_of("_ ABCDEFGHIJKLMNOPQRSTUVWXYZ") == std::string::npos,
                      "%s is not kebab-case", field.c_str());
      const auto first = first_fields.try_emplace(spec->name, fields).first;
      ck_assert_msg(fields == first->second || spec->name != std::string{"stats"},
                    "%s changes its fields", label(element.get(), spec).c_str());
    }
  }
}
GST_END_TEST

// The words in backquotes of the first column, in the README's section "Elements".
static std::set<std::string> elements_in_readme()
{
  std::set<std::string> names;
  std::ifstream page{README};
  ck_assert_msg(page.is_open(), "cannot read %s", README);
  bool in_section = false;
  for (std::string line; std::getline(page, line);) {
    if (line.starts_with("## "))
      in_section = line == "## Elements";
    if (!in_section || !line.starts_with("| `"))
      continue;
    const auto column = line.substr(0, line.find('|', 1));
    for (auto at = column.find('`'); at != std::string::npos; at = column.find('`', at)) {
      const auto close = column.find('`', at + 1);
      names.insert(column.substr(at + 1, close - at - 1));
      at = close + 1;
    }
  }
  return names;
}

GST_START_TEST(readme_names_every_element)
{
  const auto written = elements_in_readme();
  const auto present = our_elements();
  for (const auto &name : present)
    ck_assert_msg(written.contains(name), "README.md does not name %s", name.c_str());
  if (!EVERY_PLUGIN)
    return;
  for (const auto &name : written)
    ck_assert_msg(std::ranges::find(present, name) != present.end(),
                  "README.md names %s, which is not there", name.c_str());
}
GST_END_TEST

static Suite *properties_suite()
{
  Suite *suite = suite_create("properties");
  TCase *tc = tcase_create("general");
  suite_add_tcase(suite, tc);
  const auto count = static_cast<int>(our_elements().size());
  g_assert_cmpint(count, >, 0);
  tcase_add_loop_test(tc, elements_and_properties_are_described, 0, count);
  tcase_add_loop_test(tc, defaults_are_what_they_say, 0, count);
  tcase_add_loop_test(tc, values_in_range_are_kept, 0, count);
  tcase_add_loop_test(tc, values_out_of_range_are_refused, 0, count);
  tcase_add_loop_test(tc, other_values_are_kept_or_refused_with_a_warning, 0, count);
  tcase_add_loop_test(tc, everything_is_readable_in_every_state, 0, count);
  tcase_add_test(tc, readme_names_every_element);
  return suite;
}

GST_CHECK_MAIN(properties)
