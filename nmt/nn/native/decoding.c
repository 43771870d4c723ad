/* The work of a decoding step between its matrix products, each part in one pass over memory instead of several.
 *
 * Plain C for the compiler to vectorise: no Python, no torch. All arrays are contiguous; rows
 * are independent of each other, and the order of summation does not depend on the batch.
 */
#include <math.h>
#include <stdint.h>
#include <string.h>

#include "clones.h"
#include "scratch.h"

#define INLINE static inline __attribute__((always_inline))

enum { INTERFACE = 1, BLOCK = 64, LANES = 16 };

/* Increased whenever the arguments or results of a function here or in product.c change. */
int32_t interface_number(void) { return INTERFACE; }

/* A number of weights rounded up to whole vectors. */
INLINE int64_t padded(int64_t count) { return (count + LANES - 1) / LANES * LANES; }

/* e^x with a relative error of 2e-7 for x <= 88; results below e^-87 are raised to it. */
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
    union { uint32_t i; float f; } power = {(uint32_t)((int32_t)n + 127) << 23};
    return p * power.f;
}

/* Turns the scores [count] of one head into unnormalised weights, in place; returns the factor that normalises them.
 *
 * They are padded to whole vectors with weights of next to nothing: the exponentials of an incomplete vector would take
 * longer than all others.
 */
INLINE float exponentials(float *scores, int64_t count) {
    float largest = -INFINITY, total = 0.0f;
    int64_t filled = padded(count);
    for (int64_t j = count; j < filled; j++) scores[j] = -INFINITY;
    for (int64_t start = 0; start < filled; start += LANES)
#pragma omp simd reduction(max : largest)
        for (int64_t j = start; j < start + LANES; j++) largest = scores[j] > largest ? scores[j] : largest;
    for (int64_t start = 0; start < filled; start += LANES)
#pragma omp simd reduction(+ : total)
        for (int64_t j = start; j < start + LANES; j++) {
            scores[j] = exponential(scores[j] - largest);
            total += scores[j];
        }
    return 1.0f / total;
}

/* The attention of one query [heads, size] to the `count` keys and values [..., heads, size] numbered in `entries`.
 *
 * scores: room for padded(count). This version works for any head size.
 */
INLINE void attend_any(
    const float *query, const float *keys, const float *values, const int64_t *entries, int64_t count, int64_t heads,
    int64_t size, float *scores, float *context
) {
    float factor = 1.0f / sqrtf((float)size);
    for (int64_t h = 0; h < heads; h++) {
        for (int64_t j = 0; j < count; j++) {
            const float *key = keys + (entries[j] * heads + h) * size;
            float sum = 0.0f;
            for (int64_t i = 0; i < size; i++) sum += query[h * size + i] * key[i];
            scores[j] = sum * factor;
        }
        float normalizer = exponentials(scores, count);
        for (int64_t i = 0; i < size; i++) {
            float sum = 0.0f;
            for (int64_t j = 0; j < count; j++) sum += scores[j] * values[(entries[j] * heads + h) * size + i];
            context[h * size + i] = sum * normalizer;
        }
    }
}

typedef float Vector __attribute__((vector_size(LANES * sizeof(float)), aligned(4), may_alias));

INLINE float sum_of(Vector x) {
    typedef float Half __attribute__((vector_size(32)));
    typedef float Quarter __attribute__((vector_size(16)));
    Half halves[2];
    memcpy(halves, &x, sizeof x);
    halves[0] += halves[1];
    Quarter quarters[2];
    memcpy(quarters, halves, sizeof quarters);
    quarters[0] += quarters[1];
    return (quarters[0][0] + quarters[0][1]) + (quarters[0][2] + quarters[0][3]);
}

/* The same for heads of `parts` vectors, a compile-time constant: query and context stay in registers. */
INLINE void attend_vectors(
    const float *query, const float *keys, const float *values, const int64_t *entries, int64_t count, int64_t heads,
    const int parts, float *scores, float *context
) {
    const int64_t width = heads * parts;
    float factor = 1.0f / sqrtf((float)(parts * LANES));
    const Vector *of_query = (const Vector *)query, *of_keys = (const Vector *)keys, *of_values = (const Vector *)values;
    for (int64_t h = 0; h < heads; h++) {
        Vector here[8], sum[8];
#pragma GCC unroll 8
        for (int p = 0; p < parts; p++) here[p] = of_query[h * parts + p] * factor;
        for (int64_t j = 0; j < count; j++) {
            const Vector *key = of_keys + entries[j] * width + h * parts;
            Vector product = here[0] * key[0];
#pragma GCC unroll 8
            for (int p = 1; p < parts; p++) product += here[p] * key[p];
            scores[j] = sum_of(product);
        }
        float normalizer = exponentials(scores, count);
#pragma GCC unroll 8
        for (int p = 0; p < parts; p++) sum[p] = (Vector){0};
        for (int64_t j = 0; j < count; j++) {
            const Vector *value = of_values + entries[j] * width + h * parts;
#pragma GCC unroll 8
            for (int p = 0; p < parts; p++) sum[p] += scores[j] * value[p];
        }
#pragma GCC unroll 8
        for (int p = 0; p < parts; p++) ((Vector *)context)[h * parts + p] = sum[p] * normalizer;
    }
}

INLINE void attend(
    const float *query, const float *keys, const float *values, const int64_t *entries, int64_t count, int64_t heads,
    int64_t size, float *scores, float *context
) {
    switch (size) {
    case 2 * LANES: attend_vectors(query, keys, values, entries, count, heads, 2, scores, context); break;
    case 4 * LANES: attend_vectors(query, keys, values, entries, count, heads, 4, scores, context); break;
    case 8 * LANES: attend_vectors(query, keys, values, entries, count, heads, 8, scores, context); break;
    default: attend_any(query, keys, values, entries, count, heads, size, scores, context);
    }
}

/* scores [B, K, length] = energy . tanh(query + key) for queries [B, K, size], keys [B, length, size], energy [size]. */
FOR_EACH_CPU int32_t additive_scores(
    const float *queries, const float *keys, const float *energy, int64_t sentences, int64_t beam, int64_t length,
    int64_t size, float *scores
) {
    for (int64_t b = 0; b < sentences; b++, keys += length * size)
        for (int64_t k = 0; k < beam; k++, queries += size)
            for (int64_t j = 0; j < length; j++) {
                float sum = 0.0f;
#pragma omp simd reduction(+ : sum)
                for (int64_t i = 0; i < size; i++) {
                    float x = 2.0f * (queries[i] + keys[j * size + i]);
                    x = x > 80.0f ? 80.0f : x; /* the exponential bounds it from below */
                    sum += energy[i] * (1.0f - 2.0f / (1.0f + exponential(x)));
                }
                *scores++ = sum;
            }
    return 0;
}

/* Self-attention of the newest position of each hypothesis, whose keys and values are written first.
 *
 * projected [B, K, 3, heads, size]: queries, keys, values. keys, values [B, room, heads, size]. own [B, K, count]: the
 * entries that each hypothesis attends to, the newest, start + k, last. context [B, K, heads, size]. Returns 0, or 1
 * if out of memory.
 */
FOR_EACH_CPU int32_t attend_to_own(
    const float *projected, float *keys, float *values, const int64_t *own, int64_t sentences, int64_t beam,
    int64_t heads, int64_t room, int64_t size, int64_t count, int64_t start, float *context
) {
    int64_t width = heads * size;
    float *scores = scratch(padded(count) * (int64_t)sizeof(float));
    if (!scores) return 1;
    for (int64_t b = 0; b < sentences; b++, keys += room * width, values += room * width) {
        const float *rows = projected + b * beam * 3 * width;
        for (int64_t k = 0; k < beam; k++) {
            memcpy(keys + (start + k) * width, rows + (3 * k + 1) * width, (size_t)width * sizeof(float));
            memcpy(values + (start + k) * width, rows + (3 * k + 2) * width, (size_t)width * sizeof(float));
        }
        for (int64_t k = 0; k < beam; k++, own += count, context += width)
            attend(rows + 3 * k * width, keys, values, own, count, heads, size, scores, context);
    }
    return 0;
}

/* Attention of K queries [B, K, heads, size] to their sentence's real tokens; keys, values [B, length, heads, size].
 *
 * mask [B, length]: 1 on real tokens. Returns 0, or 1 if out of memory.
 */
FOR_EACH_CPU int32_t attend_to_source(
    const float *queries, const float *keys, const float *values, const uint8_t *mask, int64_t sentences, int64_t beam,
    int64_t heads, int64_t length, int64_t size, float *context
) {
    int64_t width = heads * size;
    int64_t *entries = scratch(length * (int64_t)sizeof(int64_t) + padded(length) * (int64_t)sizeof(float));
    if (!entries) return 1;
    float *scores = (float *)(entries + length);
    for (int64_t b = 0; b < sentences; b++, keys += length * width, values += length * width) {
        int64_t count = 0;
        for (int64_t j = 0; j < length; j++)
            if (mask[b * length + j]) entries[count++] = j;
        for (int64_t k = 0; k < beam; k++, queries += width, context += width)
            attend(queries, keys, values, entries, count, heads, size, scores, context);
    }
    return 0;
}

/* Layer normalisation of x + update, [rows, size] each; weight and bias [size], or null for ones and zeros. */
FOR_EACH_CPU int32_t add_and_normalize(
    const float *x, const float *update, const float *weight, const float *bias, int64_t rows, int64_t size, float epsilon,
    float *y
) {
    for (int64_t row = 0; row < rows; row++, x += size, update += size, y += size) {
        float total = 0.0f, squares = 0.0f;
#pragma omp simd reduction(+ : total)
        for (int64_t i = 0; i < size; i++) {
            y[i] = x[i] + update[i];
            total += y[i];
        }
        float mean = total / (float)size;
#pragma omp simd reduction(+ : squares)
        for (int64_t i = 0; i < size; i++) squares += (y[i] - mean) * (y[i] - mean);
        float inverse = 1.0f / sqrtf(squares / (float)size + epsilon);
        if (weight) {
#pragma omp simd
            for (int64_t i = 0; i < size; i++) y[i] = (y[i] - mean) * inverse * weight[i] + bias[i];
        } else {
#pragma omp simd
            for (int64_t i = 0; i < size; i++) y[i] = (y[i] - mean) * inverse;
        }
    }
    return 0;
}

/* The largest value; also writes the maximum of each block (the last one may be shorter). */
INLINE float block_maxima(const float *x, int64_t size, float *maxima) {
    float largest = -INFINITY;
    for (int64_t start = 0, block = 0; start < size; start += BLOCK, block++) {
        int64_t end = start + BLOCK < size ? start + BLOCK : size;
        float of_block = -INFINITY;
#pragma omp simd reduction(max : of_block)
        for (int64_t i = start; i < end; i++) of_block = x[i] > of_block ? x[i] : of_block;
        maxima[block] = of_block;
        largest = of_block > largest ? of_block : largest;
    }
    return largest;
}

/* The log of the sum of e^x, from the largest x. */
INLINE float log_sum_exp(const float *x, int64_t size, float largest) {
    float total = 0.0f;
#pragma omp simd reduction(+ : total)
    for (int64_t i = 0; i < size; i++) total += exponential(x[i] - largest);
    return largest + logf(total);
}

/* The `count` best sums of live[b, k] + log softmax(logits[b, k])[v] of each sentence, best first; of live[b, k] +
 * logits[b, k, v] if `normalized`.
 *
 * logits [B, K, V]; live [B, K], -inf for none; `banned` tokens are never chosen, but count in the softmax. Of equal
 * sums the lower hypothesis, then the lower token comes first. If there are fewer than `count`, the remaining sums are
 * -inf and tokens 0. NaN logits give sums of -inf. Returns 0, or 1 if out of memory.
 */
FOR_EACH_CPU int32_t best_continuations(
    const float *logits, const float *live, int64_t sentences, int64_t beam, int64_t vocabulary, int64_t count,
    const int64_t *banned, int64_t bans, int64_t normalized, float *sums, int64_t *parents, int64_t *tokens
) {
    float *maxima = scratch((vocabulary / BLOCK + 1) * (int64_t)sizeof(float));
    if (!maxima) return 1;
    for (int64_t b = 0; b < sentences; b++, sums += count, parents += count, tokens += count) {
        for (int64_t j = 0; j < count; j++) sums[j] = -INFINITY, parents[j] = 0, tokens[j] = 0;
        for (int64_t k = 0; k < beam; k++) {
            if (!(live[b * beam + k] > -INFINITY)) continue;
            const float *row = logits + (b * beam + k) * vocabulary;
            float largest = block_maxima(row, vocabulary, maxima);
            float constant = live[b * beam + k] - (normalized ? 0.0f : log_sum_exp(row, vocabulary, largest));
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
    return 0;
}
