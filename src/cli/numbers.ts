/** `1,204` */
export const grouped = (value: number): string => Math.round(value).toLocaleString("en-US");

/** Four digits, the least that still tell a training apart from a stuck one: `0.01320`, `1.2e-7`. */
export function short(value: number): string {
  const size = Math.abs(value);
  if (value === 0 || (size >= 1e-4 && size < 1e6)) return String(Number(value.toPrecision(4)));
  return value.toExponential(1);
}

/** `98.5 %` */
export const percent = (share: number): string => `${(share * 100).toFixed(1)} %`;

/** `1 row`, `2 rows` */
export const counted = (count: number, noun: string): string => `${grouped(count)} ${noun}${count === 1 ? "" : "s"}`;

/** `908 B`, `1.2 kB`, `3.4 MB` */
export function byteSize(bytes: number): string {
  const units = ["B", "kB", "MB", "GB", "TB"];
  const power = bytes < 1000 ? 0 : Math.min(units.length - 1, Math.floor(Math.log10(bytes) / 3));
  return power === 0 ? `${bytes} B` : `${(bytes / 1000 ** power).toFixed(1)} ${units[power]}`;
}

/** `0:42`, `12:03`, `3:00:07` */
export function duration(ms: number): string {
  const seconds = Math.max(0, Math.ceil(ms / 1000));
  const two = (value: number): string => String(value).padStart(2, "0");
  const minutes = Math.floor(seconds / 60);
  if (minutes < 60) return `${minutes}:${two(seconds % 60)}`;
  return `${Math.floor(minutes / 60)}:${two(minutes % 60)}:${two(seconds % 60)}`;
}
