/** A whole number from 1, or undefined for anything else. */
export function positive(typed: string): number | undefined {
  const number = Math.floor(Number(typed));
  return number >= 1 ? number : undefined;
}
