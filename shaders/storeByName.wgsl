// How tiledMatmul.wgsl stores its sums where they may be short: picking rows from an array would take longer than they do.

#import tiledMatmul

fn storeTile(to: Destination, s: TileSums) {
  storeRow(to, 0u, s.r0);
  storeRow(to, 1u, s.r1);
  storeRow(to, 2u, s.r2);
  storeRow(to, 3u, s.r3);
  storeRow(to, 4u, s.r4);
  storeRow(to, 5u, s.r5);
  storeRow(to, 6u, s.r6);
  storeRow(to, 7u, s.r7);
  storeRow(to, 8u, s.r8);
  storeRow(to, 9u, s.r9);
  storeRow(to, 10u, s.r10);
  storeRow(to, 11u, s.r11);
  storeRow(to, 12u, s.r12);
  storeRow(to, 13u, s.r13);
  storeRow(to, 14u, s.r14);
  storeRow(to, 15u, s.r15);
}
