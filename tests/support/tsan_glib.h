/* SPDX-License-Identifier: LGPL-2.1-or-later
 * Tells ThreadSanitizer what GLib's locks do. It cannot see it itself: GLib is not
 * instrumented, and GMutex is a futex of GLib's own. Included before everything else in a
 * build with -Db_sanitize=thread; the core, which knows no GLib, is not touched. */
#pragma once

#if __has_include(<glib.h>)
#include <glib.h>

#ifdef __cplusplus
extern "C" {
#endif
void __tsan_acquire(void *address);
void __tsan_release(void *address);

/* A macro may not call itself, so each of them ends in the function of its name. */
static inline gboolean kam_tsan_taken(void *lock, gboolean taken)
{
  if (taken)
    __tsan_acquire(lock);
  return taken;
}
#ifdef __cplusplus
}
#endif

#define g_mutex_lock(m) (g_mutex_lock(m), __tsan_acquire(m))
#define g_mutex_trylock(m) kam_tsan_taken(m, g_mutex_trylock(m))
#define g_mutex_unlock(m) (__tsan_release(m), g_mutex_unlock(m))
#define g_rec_mutex_lock(m) (g_rec_mutex_lock(m), __tsan_acquire(m))
#define g_rec_mutex_trylock(m) kam_tsan_taken(m, g_rec_mutex_trylock(m))
#define g_rec_mutex_unlock(m) (__tsan_release(m), g_rec_mutex_unlock(m))
#define g_rw_lock_reader_lock(l) (g_rw_lock_reader_lock(l), __tsan_acquire(l))
#define g_rw_lock_reader_unlock(l) (__tsan_release(l), g_rw_lock_reader_unlock(l))
#define g_rw_lock_writer_lock(l) (g_rw_lock_writer_lock(l), __tsan_acquire(l))
#define g_rw_lock_writer_unlock(l) (__tsan_release(l), g_rw_lock_writer_unlock(l))
/* Waiting gives the lock back and takes it again. */
#define g_cond_wait(c, m) (__tsan_release(m), g_cond_wait(c, m), __tsan_acquire(m))
#define g_cond_wait_until(c, m, t) \
  (__tsan_release(m), kam_tsan_waited(m, g_cond_wait_until(c, m, t)))
static inline gboolean kam_tsan_waited(GMutex *m, gboolean signalled)
{
  __tsan_acquire(m);
  return signalled;
}
#endif
