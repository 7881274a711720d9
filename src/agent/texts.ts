/** Anything that can be written as an attribute. What is empty or 0 is left out: not known. */
export type Attributes = Record<string, string | number | boolean | null | undefined>;

/** Faro's attributes are texts; numbers are cut to a tenth. */
export const texts = (from: Attributes): Record<string, string> => {
  const written: Record<string, string> = {};
  for (const [key, value] of Object.entries(from)) {
    if (value || value === false) {
      written[key] = String(typeof value === 'number' ? Math.round(value * 10) / 10 : value);
    }
  }
  return written;
};
