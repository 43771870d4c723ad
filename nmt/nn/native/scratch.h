/* Memory for what is needed within a call, kept by each thread for the next one. */
#include <stdint.h>
#include <stdlib.h>

static _Thread_local void *scratch_memory;
static _Thread_local int64_t scratch_size;

/* At least so many bytes, of any content; null if there are none. */
static inline void *scratch(int64_t size) {
    if (size >= scratch_size) {
        free(scratch_memory);
        scratch_memory = malloc((size_t)size * 2 + 1024);
        scratch_size = scratch_memory ? size * 2 + 1024 : 0;
    }
    return scratch_memory;
}
