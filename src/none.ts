/**
 * The list of nothing. Frozen, so that all who have nothing can give the same.
 *
 * Layer 0.
 */
export const none: readonly never[] = Object.freeze([])
