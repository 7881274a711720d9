import { guard, on } from './guard';

type Step = (this: void, gone: boolean) => void;

const steps: Step[] = [];

/** Does something each time the page is hidden or left; gone tells that it is left, perhaps to come back from the cache. */
export const whenLeaving = (step: Step): void => void steps.push(guard(step));

/** Begins to wait for it. web-vitals, which reports then too, listens on the window: what it says comes before. The last step sends. */
export function observeLeaving(last: () => void): void {
  const leave = (gone: boolean) => {
    // A step may add others, which are still to be done.
    for (const step of steps) {
      step(gone);
    }
    last();
  };
  on(document, 'visibilitychange', () => document.visibilityState === 'hidden' && leave(false));
  on(window, 'pagehide', () => leave(true));
}
