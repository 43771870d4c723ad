/* Scratch memory for one call, which each thread keeps for its next call until it ends. */
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>

static _Thread_local void *scratch_memory;
static _Thread_local int64_t scratch_size;

/* The system frees a thread's memory under this key when the thread ends. */
static pthread_key_t scratch_key;
static pthread_once_t scratch_once = PTHREAD_ONCE_INIT;
static int scratch_has_key;

static void scratch_make_key(void) { scratch_has_key = pthread_key_create(&scratch_key, free) == 0; }

/* At least `size` bytes, uninitialised; null if out of memory. */
static inline void *scratch(int64_t size) {
    if (size >= scratch_size) {
        free(scratch_memory);
        scratch_memory = malloc((size_t)size * 2 + 1024);
        scratch_size = scratch_memory ? size * 2 + 1024 : 0;
        pthread_once(&scratch_once, scratch_make_key);
        if (scratch_has_key) {
            pthread_setspecific(scratch_key, scratch_memory);
        }
    }
    return scratch_memory;
}
