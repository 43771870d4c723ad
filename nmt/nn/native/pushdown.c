/* A step of nondeterministic stacks, forwards and backwards; nmt/nn/pushdown/sequence.py defines it and names the
 * arrays. All are contiguous, of doubles; sequences are independent of each other.
 */
#include <stdint.h>
#include <string.h>

#include "clones.h"
#include "scratch.h"

#define INLINE static inline __attribute__((always_inline))

enum { INTERFACE = 1, MOST_STATES = 16 };

/* Increased whenever the arguments or results of a function here change. */
int32_t interface_number(void) { return INTERFACE; }

/* The sizes of the arrays, in the order of `_Tape._sizes`. */
struct sizes {
    int64_t rows, symbols, states, most, steps; /* B, S, Q, the most entries, T */
    int64_t time, first, entries, dropped;      /* of this step; entries before it, and whether it drops the first */
};

static const double LEAST = 1e-150;

INLINE double inverse(double x) { return x > 0.0 ? 1.0 / x : 0.0; }

INLINE double product(const double *a, const double *b, int64_t count) {
    double sum = 0.0;
#pragma omp simd reduction(+ : sum)
    for (int64_t j = 0; j < count; j++) sum += a[j] * b[j];
    return sum;
}

INLINE void add_scaled(double *to, const double *x, double factor, int64_t count) {
#pragma omp simd
    for (int64_t j = 0; j < count; j++) to[j] += factor * x[j];
}

/* Adds what is exposed by the pops of one sequence to `after` [entries, C, C].
 *
 * below: [S, most, C, most, Q] of the sequence; popped: [S, most, Q, T, Q]; gathered: room for Q * entries * Q.
 */
INLINE void expose(const struct sizes *n, const double *below, const double *popped, double *gathered, double *after) {
    int64_t Q = n->states, S = n->symbols, C = Q * S, pops = n->entries - 1;
    for (int64_t y = 0; y < S; y++) {
        const double *of_symbol = popped + (y * n->most + n->first) * Q * n->steps * Q + n->time * Q;
        for (int64_t k = 0; k < pops * Q; k++)
            for (int64_t r = 0; r < Q; r++) gathered[r * pops * Q + k] = of_symbol[k * n->steps * Q + r];
        for (int64_t i = 0; i < pops; i++)
            for (int64_t c = 0; c < C; c++) {
                const double *row = below + (((y * n->most + n->first + i) * C + c) * n->most + n->first) * Q;
                for (int64_t r = 0; r < Q; r++)
                    after[(i * C + c) * C + r * S + y] +=
                        product(row + i * Q, gathered + r * pops * Q + i * Q, (pops - i) * Q);
            }
    }
}

/* Moves one sequence: fills `after` [entries + 1, C, C], and writes to the tape. */
INLINE void move_one(
    const struct sizes *n, const double *weights, const double *top, const double *shares, double *below,
    double *popped, double *gathered, double *after
) {
    int64_t Q = n->states, S = n->symbols, C = Q * S, width = 2 * C + Q, last = n->first + n->entries - 1;
    for (int64_t p = 0; p < n->entries; p++)
        for (int64_t c = 0; c < C; c++) {
            const double *from = shares + (p * C + c) * C;
            double *to = after + (p * C + c) * C;
            int64_t pop = (((c % S) * n->most + n->first + p - 1) * Q + c / S) * n->steps * Q + n->time * Q;
            double popping[MOST_STATES];
            memset(to, 0, (size_t)C * sizeof(double));
            for (int64_t r = 0; r < Q; r++) popping[r] = 0.0;
            for (int64_t d = 0; d < C; d++) {
                add_scaled(to, weights + d * width + C, from[d], C);
                for (int64_t r = 0; r < Q; r++) popping[r] += from[d] * weights[d * width + 2 * C + r];
                below[((((d % S) * n->most + n->first + p) * C + c) * n->most + last) * Q + d / S] =
                    from[d] * inverse(top[d]);
            }
            if (p > 0) memcpy(popped + pop, popping, (size_t)Q * sizeof(double));
        }
    if (n->entries > 1) expose(n, below, popped, gathered, after);
    for (int64_t c = 0; c < C; c++)
        for (int64_t d = 0; d < C; d++)
            after[(n->entries * C + c) * C + d] = top[c] * weights[c * width + d];
}

/* One step: weights [B, C, 2C + Q], top [B, C], shares [B, n, C, C]; after [B, n + 1 - dropped, C, C], total [B],
 * next [B, C]. Returns whether memory ran out.
 */
FOR_EACH_CPU int32_t step_forward(
    const struct sizes *n, const double *weights, const double *top, const double *shares, double *below,
    double *popped, double *after, double *total, double *next
) {
    int64_t Q = n->states, S = n->symbols, C = Q * S, each = C * C, kept = n->entries + 1 - n->dropped;
    double *gathered = scratch((int64_t)sizeof(double) * ((n->entries + 1) * (each + Q * Q)));
    if (!gathered) return 1;
    double *moved = gathered + (n->entries + 1) * Q * Q;
    for (int64_t b = 0; b < n->rows; b++) {
        double *own = after + b * kept * each, sum = 0.0;
        move_one(
            n, weights + b * C * (2 * C + Q), top + b * C, shares + b * n->entries * each,
            below + b * S * n->most * C * n->most * Q, popped + b * S * n->most * Q * n->steps * Q, gathered, moved
        );
        const double *from = moved + n->dropped * each;
#pragma omp simd reduction(+ : sum)
        for (int64_t j = 0; j < kept * each; j++) sum += from[j];
        double factor = inverse(sum);
        for (int64_t j = 0; j < kept * each; j++) own[j] = from[j] * factor > LEAST ? from[j] * factor : 0.0;
        total[b] = sum;
        memset(next + b * C, 0, (size_t)C * sizeof(double));
        for (int64_t j = 0; j < kept * C; j++) add_scaled(next + b * C, own + j * C, 1.0, C);
    }
    return 0;
}

/* The gradient of what the pops of one sequence move, [S, entries - 1, Q, Q] by y, k, r, u: `gradient` [S, Q, pops, Q].
 *
 * found: [entries + 1, C, C], the gradient of `after` before it was divided.
 */
INLINE void pops_backward(
    const struct sizes *n, const double *below, const double *found, double *of_exposed, double *gradient
) {
    int64_t Q = n->states, S = n->symbols, C = Q * S, pops = n->entries - 1;
    memset(gradient, 0, (size_t)(S * Q * pops * Q) * sizeof(double));
    for (int64_t y = 0; y < S; y++)
        for (int64_t i = 0; i < pops; i++)
            for (int64_t c = 0; c < C; c++) {
                int64_t row = (y * n->most + n->first + i) * C + c;
                for (int64_t r = 0; r < Q; r++) {
                    double slope = found[(i * C + c) * C + r * S + y];
                    of_exposed[(row * n->steps + n->time) * Q + r] = slope;
                    add_scaled(
                        gradient + ((y * Q + r) * pops + i) * Q, below + (row * n->most + n->first + i) * Q, slope,
                        (pops - i) * Q
                    );
                }
            }
}

/* Adds the gradient through what is below the last entry of one sequence, which later pops expose. */
INLINE void below_backward(
    const struct sizes *n, int64_t upper, const double *top, const double *shares, const double *popped,
    const double *of_exposed, const double *of_below, double *before, double *of_shares
) {
    int64_t Q = n->states, S = n->symbols, C = Q * S, last = n->first + n->entries - 1;
    int64_t later = (n->time + 1) * Q, count = upper * Q - later;
    for (int64_t y = 0; y < S; y++)
        for (int64_t i = 0; i < n->entries; i++)
            for (int64_t c = 0; c < C; c++) {
                int64_t row = (y * n->most + n->first + i) * C + c;
                for (int64_t u = 0; u < Q; u++) {
                    int64_t d = u * S + y, entry = (i * C + c) * C + d;
                    double slope = of_below ? of_below[(row * n->most + last) * Q + u] : 0.0;
                    slope += product(
                        of_exposed + row * n->steps * Q + later,
                        popped + ((y * n->most + last) * Q + u) * n->steps * Q + later, count
                    );
                    slope *= inverse(top[d]);
                    of_shares[entry] += slope;
                    before[d] -= slope * shares[entry] * inverse(top[d]);
                }
            }
}

/* The gradient of one sequence's step: of_weights [C, 2C + Q], before [C], of_shares [entries, C, C]. */
INLINE void move_one_backward(
    const struct sizes *n, const double *weights, const double *top, const double *shares, const double *below,
    const double *found, double *of_exposed, double *gradient, double *of_weights, double *before, double *of_shares
) {
    int64_t Q = n->states, S = n->symbols, C = Q * S, width = 2 * C + Q, pops = n->entries - 1;
    const double *pushed = found + n->entries * C * C;
    memset(of_weights, 0, (size_t)(C * width) * sizeof(double));
    for (int64_t c = 0; c < C; c++) {
        before[c] = product(pushed + c * C, weights + c * width, C);
        add_scaled(of_weights + c * width, pushed + c * C, top[c], C);
    }
    if (pops > 0) pops_backward(n, below, found, of_exposed, gradient);
    for (int64_t p = 0; p < n->entries; p++)
        for (int64_t c = 0; c < C; c++) {
            const double *kept = found + (p * C + c) * C, *from = shares + (p * C + c) * C;
            double popping[MOST_STATES];
            for (int64_t r = 0; r < Q; r++)
                popping[r] = p > 0 ? gradient[(((c % S) * Q + r) * pops + p - 1) * Q + c / S] : 0.0;
            for (int64_t d = 0; d < C; d++) {
                const double *now = weights + d * width + C;
                double *of_now = of_weights + d * width + C;
                double slope = product(kept, now, C) + product(popping, now + C, Q);
                add_scaled(of_now, kept, from[d], C);
                add_scaled(of_now + C, popping, from[d], Q);
                of_shares[(p * C + c) * C + d] = slope;
            }
        }
}

/* The gradients of one step: of_weights [B, C, 2C + Q], of the logarithms; before [B, C], of_shares [B, n, C, C].
 *
 * of_next, of_after and of_below may be null. Returns whether memory ran out.
 */
FOR_EACH_CPU int32_t step_backward(
    const struct sizes *n, int64_t upper, const double *weights, const double *top, const double *shares,
    const double *after, const double *total, const double *below, const double *popped, const double *of_next,
    const double *of_after, const double *of_below, double *of_exposed, double *of_weights, double *before,
    double *of_shares
) {
    int64_t Q = n->states, S = n->symbols, C = Q * S, width = 2 * C + Q, each = C * C;
    int64_t kept = n->entries + 1 - n->dropped, tape = S * n->most * C;
    double *found = scratch((int64_t)sizeof(double) * ((n->entries + 1) * (each + C * Q)));
    if (!found) return 1;
    double *gradient = found + (n->entries + 1) * each;
    for (int64_t b = 0; b < n->rows; b++) {
        double factor = inverse(total[b]);
        memset(found, 0, (size_t)(n->dropped * each) * sizeof(double));
        for (int64_t j = 0; j < kept * each; j++) {
            double slope = (of_after ? of_after[b * kept * each + j] : 0.0) + (of_next ? of_next[b * C + j % C] : 0.0);
            found[n->dropped * each + j] = after[b * kept * each + j] > 0.0 ? slope * factor : 0.0;
        }
        const double *own_shares = shares + b * n->entries * each;
        double *exposed = of_exposed + b * tape * n->steps * Q, *own = of_weights + b * C * width;
        double *own_before = before + b * C, *own_of_shares = of_shares + b * n->entries * each;
        move_one_backward(
            n, weights + b * C * width, top + b * C, own_shares, below + b * tape * n->most * Q, found, exposed,
            gradient, own, own_before, own_of_shares
        );
        if (n->entries > 0)
            below_backward(
                n, upper, top + b * C, own_shares, popped + b * S * n->most * Q * n->steps * Q, exposed,
                of_below ? of_below + b * tape * n->most * Q : 0, own_before, own_of_shares
            );
        for (int64_t j = 0; j < C * width; j++) own[j] *= weights[b * C * width + j];
    }
    return 0;
}
