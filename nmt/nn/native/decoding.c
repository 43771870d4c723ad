/* What a step of decoding does between its matrix products, each in one pass over memory instead of several.
 *
 * Plain C for the compiler to vectorise: no Python, no torch. All arrays are contiguous but where a stride is given;
 * rows are independent of each other, and sums are taken in an order that does not depend on the batch.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__) && !defined(__clang__)
#define FOR_EACH_CPU __attribute__((target_clones("arch=x86-64-v4", "arch=x86-64-v3", "default")))
#else
#define FOR_EACH_CPU
#endif
#define INLINE static inline __attribute__((always_inline))

enum { BLOCK = 64 };

/* e^x to 2e-7 relative for x <= 88; what lies below e^-87 becomes that. */
INLINE float exponential(float x) {
    x = x < -87.0f ? -87.0f : x;
    float n = rintf(x * 1.44269504f);
    float r = (x - n * 0.693359375f) + n * 2.12194440e-4f;
    float p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * r * r + r + 1.0f;
    union { int32_t i; float f; } power = {((int32_t)n + 127) << 23};
    return p * power.f;
}

/* x [rows, columns] -> q + levels + 1 as bytes, and the scale of each row: x ~ q * scale. */
FOR_EACH_CPU void quantize_rows(const float *x, int64_t rows, int64_t columns, int32_t levels, uint8_t *q, float *scale) {
    for (int64_t row = 0; row < rows; row++, x += columns, q += columns) {
        float largest = 0.0f;
#pragma omp simd reduction(max : largest)
        for (int64_t i = 0; i < columns; i++) {
            float magnitude = fabsf(x[i]);
            largest = magnitude > largest ? magnitude : largest;
        }
        float of_row = largest * (1.0f / (float)levels) + 1e-37f;
        scale[row] = of_row;
#pragma omp simd
        for (int64_t i = 0; i < columns; i++) q[i] = (uint8_t)((int32_t)rintf(x[i] / of_row) + levels + 1);
    }
}

/* y = y * scale + bias in place, for y [rows, columns], a scale a row and a bias a column (or none). */
FOR_EACH_CPU void scale_rows(float *y, int64_t rows, int64_t columns, const float *scale, const float *bias) {
    for (int64_t row = 0; row < rows; row++, y += columns) {
        float of_row = scale[row];
        if (bias) {
#pragma omp simd
            for (int64_t i = 0; i < columns; i++) y[i] = y[i] * of_row + bias[i];
        } else {
#pragma omp simd
            for (int64_t i = 0; i < columns; i++) y[i] *= of_row;
        }
    }
}

/* The attention of one query [heads, size] to the `count` keys and values [..., heads, size] numbered in `entries`.
 *
 * Entry by entry, as they lie in memory: what is far apart is fetched once. weights: room for heads * count.
 */
INLINE void attend_one(
    const float *query, const float *keys, const float *values, const int64_t *entries, int64_t count, int64_t heads,
    int64_t size, float *weights, float *context
) {
    int64_t width = heads * size;
    float factor = 1.0f / sqrtf((float)size);
    for (int64_t j = 0; j < count; j++) {
        const float *key = keys + entries[j] * width;
        for (int64_t h = 0; h < heads; h++) {
            float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
            for (int64_t i = 0; i < size; i++) sum += query[h * size + i] * key[h * size + i];
            weights[h * count + j] = sum * factor;
        }
    }
    for (int64_t h = 0; h < heads; h++) {
        float *of_head = weights + h * count, largest = -INFINITY, total = 0.0f;
        for (int64_t j = 0; j < count; j++) largest = of_head[j] > largest ? of_head[j] : largest;
#pragma omp simd reduction(+ : total)
        for (int64_t j = 0; j < count; j++) {
            of_head[j] = exponential(of_head[j] - largest);
            total += of_head[j];
        }
        for (int64_t j = 0; j < count; j++) of_head[j] /= total;
    }
    memset(context, 0, (size_t)width * sizeof(float));
    for (int64_t j = 0; j < count; j++) {
        const float *value = values + entries[j] * width;
        for (int64_t h = 0; h < heads; h++) {
            float weight = weights[h * count + j];
#pragma omp simd
            for (int64_t i = 0; i < size; i++) context[h * size + i] += weight * value[h * size + i];
        }
    }
}

/* The same with the usual sizes of heads known to the compiler. */
INLINE void attend(
    const float *query, const float *keys, const float *values, const int64_t *entries, int64_t count, int64_t heads,
    int64_t size, float *weights, float *context
) {
    switch (size) {
    case 32: attend_one(query, keys, values, entries, count, heads, 32, weights, context); break;
    case 64: attend_one(query, keys, values, entries, count, heads, 64, weights, context); break;
    case 128: attend_one(query, keys, values, entries, count, heads, 128, weights, context); break;
    default: attend_one(query, keys, values, entries, count, heads, size, weights, context);
    }
}

/* Self-attention of the newest position of each hypothesis, whose keys and values are written first.
 *
 * projected [B, K, 3, heads, size]: queries, keys, values. keys, values [B, room, heads, size]. own [B, K, count]: the
 * entries that each hypothesis attends to, the newest, start + k, last. context [B, K, heads, size]. weights: room for
 * heads * count.
 */
FOR_EACH_CPU void attend_to_own(
    const float *projected, float *keys, float *values, const int64_t *own, int64_t sentences, int64_t beam,
    int64_t heads, int64_t room, int64_t size, int64_t count, int64_t start, float *weights, float *context
) {
    int64_t width = heads * size;
    for (int64_t b = 0; b < sentences; b++, keys += room * width, values += room * width) {
        const float *rows = projected + b * beam * 3 * width;
        for (int64_t k = 0; k < beam; k++) {
            memcpy(keys + (start + k) * width, rows + (3 * k + 1) * width, (size_t)width * sizeof(float));
            memcpy(values + (start + k) * width, rows + (3 * k + 2) * width, (size_t)width * sizeof(float));
        }
        for (int64_t k = 0; k < beam; k++, own += count, context += width)
            attend(rows + 3 * k * width, keys, values, own, count, heads, size, weights, context);
    }
}

/* Attention of K queries [B, K, heads, size] to their sentence's real tokens; keys, values [B, length, heads, size].
 *
 * mask [B, length]: 1 on real tokens. entries: room for `length`; weights: room for heads * length.
 */
FOR_EACH_CPU void attend_to_source(
    const float *queries, const float *keys, const float *values, const uint8_t *mask, int64_t sentences, int64_t beam,
    int64_t heads, int64_t length, int64_t size, int64_t *entries, float *weights, float *context
) {
    int64_t width = heads * size;
    for (int64_t b = 0; b < sentences; b++, keys += length * width, values += length * width) {
        int64_t count = 0;
        for (int64_t j = 0; j < length; j++)
            if (mask[b * length + j]) entries[count++] = j;
        for (int64_t k = 0; k < beam; k++, queries += width, context += width)
            attend(queries, keys, values, entries, count, heads, size, weights, context);
    }
}

/* log of the sum of e^x, and the largest x of each block (the last one may be shorter). */
INLINE float log_sum_exp(const float *x, int64_t size, float *maxima) {
    float largest = -INFINITY, total = 0.0f;
    for (int64_t start = 0, block = 0; start < size; start += BLOCK, block++) {
        int64_t end = start + BLOCK < size ? start + BLOCK : size;
        float of_block = -INFINITY;
#pragma omp simd reduction(max : of_block)
        for (int64_t i = start; i < end; i++) of_block = x[i] > of_block ? x[i] : of_block;
        maxima[block] = of_block;
        largest = of_block > largest ? of_block : largest;
    }
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < size; i++) total += exponential(x[i] - largest);
    return largest + logf(total);
}

/* The `count` best sums of live[b, k] + log softmax(logits[b, k])[v] of each sentence, best first.
 *
 * logits [B, K, V]; live [B, K], -inf for none; `banned` tokens are left out, but counted in the softmax. Of equal sums
 * the lower hypothesis, then the lower token comes first. Where there are fewer, sums are -inf and tokens 0. maxima: room
 * for a number per block of 64 tokens. Logits that are not numbers give sums of -inf.
 */
FOR_EACH_CPU void best_continuations(
    const float *logits, const float *live, int64_t sentences, int64_t beam, int64_t vocabulary, int64_t count,
    const int64_t *banned, int64_t bans, float *maxima, float *sums, int64_t *parents, int64_t *tokens
) {
    for (int64_t b = 0; b < sentences; b++, sums += count, parents += count, tokens += count) {
        for (int64_t j = 0; j < count; j++) sums[j] = -INFINITY, parents[j] = 0, tokens[j] = 0;
        for (int64_t k = 0; k < beam; k++) {
            if (!(live[b * beam + k] > -INFINITY)) continue;
            const float *row = logits + (b * beam + k) * vocabulary;
            float constant = live[b * beam + k] - log_sum_exp(row, vocabulary, maxima);
            for (int64_t start = 0, block = 0; start < vocabulary; start += BLOCK, block++) {
                if (!(maxima[block] + constant > sums[count - 1])) continue;
                int64_t end = start + BLOCK < vocabulary ? start + BLOCK : vocabulary;
                for (int64_t v = start; v < end; v++) {
                    float sum = row[v] + constant;
                    if (!(sum > sums[count - 1])) continue;
                    int out = 0;
                    for (int64_t i = 0; i < bans; i++) out |= banned[i] == v;
                    if (out) continue;
                    int64_t j = count - 1;
                    for (; j > 0 && sum > sums[j - 1]; j--)
                        sums[j] = sums[j - 1], parents[j] = parents[j - 1], tokens[j] = tokens[j - 1];
                    sums[j] = sum, parents[j] = k, tokens[j] = v;
                }
            }
        }
    }
}
