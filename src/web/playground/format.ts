/** −0.734, 12.3, 1240, 1.50e−7: three digits that count, with a true minus sign. */
export function formatNumber(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? "not a number" : value > 0 ? "∞" : "−∞";
  const size = Math.abs(value);
  const isFar = size !== 0 && (size < 1e-3 || size >= 1e5);
  const text = isFar ? value.toExponential(2) : String(size < 100 ? Number(value.toPrecision(3)) : Math.round(value));
  return text.replaceAll("-", "−");
}

/** A whole number with commas. */
export const formatCount = (value: number): string => Math.round(value).toLocaleString("en");

export const formatPercent = (share: number): string => `${(100 * share).toFixed(share === 1 ? 0 : 1)} %`;
