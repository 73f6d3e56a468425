/** Three digits that count; more would be noise. */
export function digits(value: number): string {
  return Number.isFinite(value) ? Number(value.toPrecision(3)).toLocaleString("en-US") : "–";
}
