/* y = x W' for fp32 rows x and 8-bit W: quantises the rows, multiplies in int32 and scales, in one call.
 *
 * For x86-64 with AVX512-VNNI; on other CPUs `has_product` is 0 and nothing else here may be called. A row of y
 * depends on its row of x alone.
 */
#include <stdint.h>
#include <string.h>

#if defined(__x86_64__) && defined(__GNUC__)
#include <immintrin.h>
#include <math.h>

#include "scratch.h"

#define ON_VNNI __attribute__((target("avx512f,avx512bw,avx512vl,avx512dq,avx512vnni")))
#define INLINE static inline __attribute__((always_inline)) ON_VNNI

enum { LANES = 16, PARTS = 4, WIDTH = LANES * PARTS, ROWS = 5, LEVELS = 127 };

int32_t has_product(void) {
    return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
           __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("avx512dq") &&
           __builtin_cpu_supports("avx512vnni");
}

/* W [outputs, inputs] -> [outputs / 64, inputs / 4, 64, 4], padded with zeros, and -128 times the sum of each row. */
int32_t pack(const int8_t *weight, int64_t outputs, int64_t inputs, int8_t *packed, int32_t *offset) {
    int64_t fours = (inputs + 3) / 4, panels = (outputs + WIDTH - 1) / WIDTH;
    memset(packed, 0, (size_t)(panels * fours * WIDTH * 4));
    memset(offset, 0, (size_t)(panels * WIDTH) * sizeof(int32_t));
    for (int64_t o = 0; o < outputs; o++) {
        int8_t *panel = packed + (o / WIDTH) * fours * WIDTH * 4 + (o % WIDTH) * 4;
        for (int64_t i = 0; i < inputs; i++) {
            panel[(i / 4) * WIDTH * 4 + i % 4] = weight[o * inputs + i];
            offset[o] -= 128 * weight[o * inputs + i];
        }
    }
    return 0;
}

/* Quantises a row to bytes q + 128, padded with zeros to `room`; returns its scale. */
INLINE float quantize(const float *x, int64_t inputs, int64_t room, uint8_t *q) {
    float largest = 0.0f, poison = 0.0f;
#pragma omp simd reduction(max : largest) reduction(+ : poison)
    for (int64_t i = 0; i < inputs; i++) {
        float magnitude = fabsf(x[i]);
        largest = magnitude > largest ? magnitude : largest;
        poison += x[i] * 0.0f; /* carries NaN and infinity, which comparisons would miss */
    }
    float scale = largest * (1.0f / LEVELS) + 1e-37f + poison;
#pragma omp simd
    for (int64_t i = 0; i < inputs; i++) q[i] = (uint8_t)((int32_t)rintf(x[i] / scale) + LEVELS + 1);
    memset(q + inputs, 0, (size_t)(room - inputs));
    return scale;
}

/* `rows` rows times a panel of 64 outputs, of which `left` are needed.
 *
 * The number of rows is a compile-time constant and all loops over registers are unrolled; otherwise the sums would be
 * in memory. 5 rows by 4 registers: one more row does not fit and halves the speed; 8 by 2 and 4 by 4 are as fast.
 */
INLINE void tile(
    const int rows, const uint8_t *q, const float *scales, int64_t fours, const int8_t *panel, const int32_t *offset,
    const float *column_scale, const float *bias, int64_t outputs, int64_t left, float *y
) {
    __m512i sums[ROWS][PARTS];
#pragma GCC unroll 8
    for (int p = 0; p < PARTS; p++) {
        __m512i start = _mm512_loadu_si512(offset + p * LANES);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) sums[r][p] = start;
    }
    for (int64_t k = 0; k < fours; k++) {
        __m512i weights[PARTS];
#pragma GCC unroll 8
        for (int p = 0; p < PARTS; p++) weights[p] = _mm512_loadu_si512(panel + (k * PARTS + p) * LANES * 4);
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            int32_t four;
            memcpy(&four, q + (r * fours + k) * 4, 4);
            __m512i x = _mm512_set1_epi32(four);
#pragma GCC unroll 8
            for (int p = 0; p < PARTS; p++) sums[r][p] = _mm512_dpbusd_epi32(sums[r][p], x, weights[p]);
        }
    }
#pragma GCC unroll 8
    for (int p = 0; p < PARTS; p++) {
        int64_t here = left - p * LANES;
        if (here <= 0) continue;
        __mmask16 mask = here >= LANES ? 0xffff : (__mmask16)((1u << here) - 1u);
        __m512 scale = _mm512_maskz_loadu_ps(mask, column_scale + p * LANES);
        __m512 constant = bias ? _mm512_maskz_loadu_ps(mask, bias + p * LANES) : _mm512_setzero_ps();
#pragma GCC unroll 8
        for (int r = 0; r < rows; r++) {
            __m512 sum = _mm512_mul_ps(_mm512_cvtepi32_ps(sums[r][p]), scale);
            sum = _mm512_fmadd_ps(sum, _mm512_set1_ps(scales[r]), constant);
            _mm512_mask_storeu_ps(y + r * outputs + p * LANES, mask, sum);
        }
    }
}

/* x [rows, inputs] -> y [rows, outputs] = (x W') + bias; a null bias adds nothing.
 *
 * packed, offset: as from `pack`. column_scale [outputs]. Returns 0, or 1 if out of memory.
 */
ON_VNNI int32_t multiply(
    const float *x, int64_t rows, int64_t inputs, const int8_t *packed, const int32_t *offset,
    const float *column_scale, const float *bias, int64_t outputs, float *y
) {
    int64_t fours = (inputs + 3) / 4;
    float *scales = scratch(rows * (int64_t)sizeof(float) + rows * fours * 4);
    if (!scales) return 1;
    uint8_t *q = (uint8_t *)(scales + rows);
    for (int64_t row = 0; row < rows; row++)
        scales[row] = quantize(x + row * inputs, inputs, fours * 4, q + row * fours * 4);
    for (int64_t o = 0; o < outputs; o += WIDTH) {
        const int8_t *panel = packed + o * fours * 4;
        const float *add = bias ? bias + o : 0;
        for (int64_t row = 0; row < rows; row += ROWS) {
#define TILE(R)                                                                                                        \
    tile(R, q + row * fours * 4, scales + row, fours, panel, offset + o, column_scale + o, add, outputs, outputs - o,  \
         y + row * outputs + o)
            switch (rows - row) {
            case 1: TILE(1); break;
            case 2: TILE(2); break;
            case 3: TILE(3); break;
            case 4: TILE(4); break;
            default: TILE(5);
            }
        }
    }
    return 0;
}
#else
int32_t has_product(void) { return 0; }
int32_t pack(void) { return 1; }
int32_t multiply(void) { return 1; } /* not reached */
#endif
