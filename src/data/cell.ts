/** One cell as it was read: text from CSV and TSV, any scalar from JSON, `null` where there is nothing. */
export type Cell = string | number | boolean | null;

export const textOf = (cell: Cell): string => (typeof cell === "string" ? cell.trim() : String(cell));
