import { now } from './clock';
import { guard, on } from './guard';
import { whenLeaving } from './leaving';

/** What waits for the page to come to rest. */
interface Waiting {
  start: number;
  /** The last change, 0 when nothing has changed. */
  last: number;
  done(this: void, last: number): void;
}

// ms. A page that changes all the time, as one with a clock does, is not waited for longer than the limit.
const nothing = 1000;
const rest = 300;
const limit = 10_000;

const waiting = new Set<Waiting>();
let requests = 0;
let timer: number | undefined;
let mutations: MutationObserver | undefined;

/** Notes that the page has changed: its content, its scroll position, its address, or what it asks the server for. */
export const changed = (): void => {
  const at = now();
  waiting.forEach((one) => (one.last = at));
};

/** Counts requests that are under way: while there are any, the page is not at rest. */
export const requesting = (more: 1 | -1): void => {
  requests += more;
  changed();
};

/**
 * Calls back when the page has come to rest, with the time of its last change. When nothing changes within a second of
 * the start, that time is 0. The document is watched only meanwhile.
 */
export function whenQuiet(start: number, done: (last: number) => void): () => void {
  const one = { start, last: 0, done };
  waiting.add(one);
  mutations ??= new MutationObserver(changed);
  mutations.observe(document, { subtree: true, childList: true, attributes: true, characterData: true });
  timer ??= window.setInterval(guard(check), 100);
  return () => settle(one);
}

function check(): void {
  const at = now();
  waiting.forEach((one) => {
    const quiet = one.last ? at - one.last > rest : at - one.start > nothing;
    if ((quiet && !requests) || at - one.start > limit) {
      settle(one);
    }
  });
}

function settle(one: Waiting): void {
  if (!waiting.delete(one)) {
    return;
  }
  if (!waiting.size) {
    mutations?.disconnect();
    clearInterval(timer);
    timer = undefined;
  }
  guard(one.done)(one.last);
}

/** Watches what changes a page beside its content; all that waits ends when the page is left. */
export function observeQuiet(): void {
  on(document, 'scroll input toggle selectionchange', changed);
  on(window, 'blur resize', changed);
  whenLeaving(() => {
    changed();
    waiting.forEach(settle);
  });
}
