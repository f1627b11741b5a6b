// SPDX-License-Identifier: LGPL-2.1-or-later
#include "elements/http/client/responsemeta.hpp"

#include "core/utf8.hpp"
#include "glue/headerfields.hpp"

#include <array>

namespace kam {
namespace {

void set_fields(GstStructure *structure, const Job &job)
{
  const auto &response = job.response;
  gst_structure_set(structure, "index", G_TYPE_UINT64, job.index, "request-uri", G_TYPE_STRING,
                    utf8_of(job.request.uri).c_str(), "uri", G_TYPE_STRING,
                    utf8_of(response.uri).c_str(), "status", G_TYPE_UINT, response.status,
                    "reason", G_TYPE_STRING, response.reason.c_str(), "redirects", G_TYPE_UINT,
                    response.redirects, nullptr);
  if (!response.error.empty())
    gst_structure_set(structure, "error", G_TYPE_STRING, response.error.c_str(), nullptr);
}

}  // namespace

void register_response_meta()
{
  static std::array<const char *, 1> tags{nullptr};
  gst_meta_register_custom(response_meta_name, tags.data(), nullptr, nullptr, nullptr);
}

void add_response_meta(GstBuffer *buffer, const Job &job)
{
  auto *meta = gst_buffer_add_custom_meta(buffer, response_meta_name);
  auto *structure = gst_custom_meta_get_structure(meta);
  set_fields(structure, job);
  const auto headers = glue::header_fields("headers", job.response.headers);
  gst_structure_set(structure, "headers", GST_TYPE_STRUCTURE, headers.get(), nullptr);
  glue::set_strings(structure, "header-lines", job.response.header_lines);
}

glue::StructurePtr response_structure(const char *name, const Job &job)
{
  glue::StructurePtr structure{gst_structure_new_empty(name)};
  set_fields(structure.get(), job);
  return structure;
}

}  // namespace kam
