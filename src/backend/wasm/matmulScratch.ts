// The memory in which a thread packs matrices: a pool allocates it before any product is written.

/** Products of a sum that are added in registers; the sums of such blocks are added in order. It decides the bits of a product. */
export const blockDepth = 256;
/** Rows of a that are packed at once: 128 KiB, so that they stay in a second-level cache beside the panels of b. */
export const blockRows = 128;
/** Most columns of a block. */
export const mostColumns = 512;

/** One row of the widest strip. */
export const spillBytes = 128;
export const aBytes = 4 * blockRows * blockDepth;
const bBytes = 4 * mostColumns * blockDepth;
/** Memory that a thread needs for itself. */
export const matmulScratchBytes = spillBytes + aBytes + bBytes;
