// How tiledMatmul.wgsl stores its sums where much is done with each: the code is in the kernel 8 times, not 128 times.

#import tiledMatmul

fn storeTile(to: Destination, s: TileSums) {
  var rows = array<RowSums, TILE>(
    s.r0, s.r1, s.r2, s.r3, s.r4, s.r5, s.r6, s.r7, s.r8, s.r9, s.r10, s.r11, s.r12, s.r13, s.r14, s.r15,
  );
  for (var i = 0u; i < TILE; i++) {
    storeRow(to, i, rows[i]);
  }
}
