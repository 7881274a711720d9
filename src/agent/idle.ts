import { guard } from './guard';
import { whenLeaving } from './leaving';

type Part = (this: void) => void;

/** How much of an idle period must be left for another part, ms. A part takes a few on a slow phone. */
const enough = 10;

/** Safari has no idle time to give. */
const whenIdle = (run: (idle?: IdleDeadline) => void) =>
  'requestIdleCallback' in window ? requestIdleCallback(run, { timeout: 500 }) : setTimeout(run);

/**
 * Does one part after another when the page has nothing else to do, and all the same within half a second each: all at
 * once they would keep a slow phone from answering. What is left is done when the page is left.
 */
export function oneByOne(parts: Part[]): void {
  const next = (idle?: IdleDeadline) => {
    do {
      guard(() => parts.shift()?.())();
    } while (parts.length && idle && idle.timeRemaining() > enough);
    if (parts.length) {
      whenIdle(next);
    }
  };
  whenLeaving(() => parts.splice(0).forEach((part) => guard(part)()));
  whenIdle(next);
}
