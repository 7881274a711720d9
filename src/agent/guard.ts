/** Runs a function so that whatever goes wrong in it ends here: the agent never throws into the page. */
export const guard =
  <A extends unknown[], R>(run: (...args: A) => R) =>
  (...args: A): R | undefined => {
    try {
      return run(...args);
    } catch {
      return undefined;
    }
  };

/** Listens before the page's own handlers do, and whether or not they stop the event. */
export const on = (target: EventTarget, types: string, handler: (event: never) => void): void =>
  types.split(' ').forEach((type) => target.addEventListener(type, guard(handler as EventListener), { capture: true, passive: true }));

/** Watches one type of performance entries, those of before included. A browser that does not know it tells nothing. */
export const watch = guard((type: string, seen: (entry: never) => void) => {
  if (PerformanceObserver.supportedEntryTypes.includes(type)) {
    const each = guard(seen as (entry: PerformanceEntry) => void);
    new PerformanceObserver((list) => list.getEntries().forEach((entry) => each(entry))).observe({ type, buffered: true });
  }
});
