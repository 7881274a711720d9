/** Milliseconds since the page's time origin. */
export const now = (): number => performance.now();

/** The wall clock, in RFC 3339, of a moment since the time origin. It is the clock of now: the origin's may have been set since. */
export const wall = (moment: number): string => new Date(Date.now() - now() + moment).toISOString();
