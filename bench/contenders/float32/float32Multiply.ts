/** c += a · b: c [rows, columns] lies densely, a and b with strides, so that either may be a transpose. */
export interface Product {
  readonly a: Float32Array;
  readonly b: Float32Array;
  readonly c: Float32Array;
  rows: number;
  readonly columns: number;
  /** Terms of each sum. */
  sums: number;
  /** From a[row, k] to a[row + 1, k], and to a[row, k + 1]. */
  readonly aRow: number;
  readonly aSum: number;
  /** From b[k, column] to b[k + 1, column], and to b[k, column + 1]. */
  readonly bSum: number;
  readonly bColumn: number;
}

/** Terms that are summed at a time: a panel of them stays in the first-level cache. */
const blockSums = 512;
/** Multiplications below which packing costs more than it saves. */
const leastPacked = 256;
const panelColumns = 4;

/** Four columns of b, one behind the other term by term, as doubles: converted once, used for every row. */
class Panel {
  readonly values = new Float64Array(panelColumns * blockSums);
  terms = 0;
  /** Columns that count; the others are 0. */
  columns = 0;

  /** @param first index of the first term in the first column */
  pack({ b, bSum, bColumn }: Product, first: number, terms: number, columns: number): void {
    const { values } = this;
    this.terms = terms;
    this.columns = Math.min(panelColumns, columns);
    for (let k = 0, at = first; k < terms; k++, at += bSum) {
      const to = panelColumns * k;
      values[to] = b[at]!;
      values[to + 1] = columns > 1 ? b[at + bColumn]! : 0;
      values[to + 2] = columns > 2 ? b[at + 2 * bColumn]! : 0;
      values[to + 3] = columns > 3 ? b[at + 3 * bColumn]! : 0;
    }
  }
}

const panel = new Panel();

/** Adds one row of a times the panel to c. */
function multiplyRow({ a, c, aSum }: Product, first: number, out: number): void {
  const { values, terms, columns } = panel;
  let s0 = 0;
  let s1 = 0;
  let s2 = 0;
  let s3 = 0;
  for (let k = 0, at = first; k < terms; k++, at += aSum) {
    const from = panelColumns * k;
    const x = a[at]!;
    s0 += x * values[from]!;
    s1 += x * values[from + 1]!;
    s2 += x * values[from + 2]!;
    s3 += x * values[from + 3]!;
  }
  c[out]! += s0;
  if (columns > 1) c[out + 1]! += s1;
  if (columns > 2) c[out + 2]! += s2;
  if (columns > 3) c[out + 3]! += s3;
}

/** Adds three rows of a times the panel: 12 sums are as many as stay in registers, and hide each other's latency. */
function multiplyThreeRows({ a, c, aRow, aSum, columns: cRow }: Product, first: number, out: number): void {
  const { values, terms, columns } = panel;
  let s00 = 0;
  let s01 = 0;
  let s02 = 0;
  let s03 = 0;
  let s10 = 0;
  let s11 = 0;
  let s12 = 0;
  let s13 = 0;
  let s20 = 0;
  let s21 = 0;
  let s22 = 0;
  let s23 = 0;
  for (let k = 0, at = first; k < terms; k++, at += aSum) {
    const from = panelColumns * k;
    const b0 = values[from]!;
    const b1 = values[from + 1]!;
    const b2 = values[from + 2]!;
    const b3 = values[from + 3]!;
    const x = a[at]!;
    const y = a[at + aRow]!;
    const z = a[at + 2 * aRow]!;
    s00 += x * b0;
    s01 += x * b1;
    s02 += x * b2;
    s03 += x * b3;
    s10 += y * b0;
    s11 += y * b1;
    s12 += y * b2;
    s13 += y * b3;
    s20 += z * b0;
    s21 += z * b1;
    s22 += z * b2;
    s23 += z * b3;
  }
  const out1 = out + cRow;
  const out2 = out1 + cRow;
  c[out]! += s00;
  c[out1]! += s10;
  c[out2]! += s20;
  if (columns < 2) return;
  c[out + 1]! += s01;
  c[out1 + 1]! += s11;
  c[out2 + 1]! += s21;
  if (columns < 3) return;
  c[out + 2]! += s02;
  c[out1 + 2]! += s12;
  c[out2 + 2]! += s22;
  if (columns < 4) return;
  c[out + 3]! += s03;
  c[out1 + 3]! += s13;
  c[out2 + 3]! += s23;
}

/** Where a stretch of terms begins in each matrix. */
interface Places {
  a: number;
  b: number;
  c: number;
}

/** One stretch of terms, panel by panel. */
function multiplyPacked(product: Product, { a, b, c }: Places, terms: number): void {
  const { rows, columns, aRow, bColumn } = product;
  for (let column = 0; column < columns; column += panelColumns) {
    panel.pack(product, b + column * bColumn, terms, columns - column);
    let row = 0;
    for (; row + 2 < rows; row += 3) multiplyThreeRows(product, a + row * aRow, c + row * columns + column);
    for (; row < rows; row++) multiplyRow(product, a + row * aRow, c + row * columns + column);
  }
}

/** One stretch of terms, sum by sum. */
function multiplyPlain(product: Product, places: Places, terms: number): void {
  const { a, b, c, rows, columns, aRow, aSum, bSum, bColumn } = product;
  for (let row = 0; row < rows; row++) {
    for (let column = 0; column < columns; column++) {
      let sum = 0;
      let atB = places.b + column * bColumn;
      for (let k = 0, atA = places.a + row * aRow; k < terms; k++, atA += aSum, atB += bSum) sum += a[atA]! * b[atB]!;
      c[places.c + row * columns + column]! += sum;
    }
  }
}

const places: Places = { a: 0, b: 0, c: 0 };

/** Adds a · b to c, each from an index of its array on. Sums are taken in double precision, stretch by stretch. */
export function multiply(product: Product, aFirst: number, bFirst: number, cFirst: number): void {
  const { rows, columns, sums, aSum, bSum } = product;
  const packs = rows > 2 && rows * columns * sums >= leastPacked;
  places.c = cFirst;
  for (let k = 0; k < sums; k += blockSums) {
    places.a = aFirst + k * aSum;
    places.b = bFirst + k * bSum;
    const terms = Math.min(blockSums, sums - k);
    if (packs) multiplyPacked(product, places, terms);
    else multiplyPlain(product, places, terms);
  }
}
