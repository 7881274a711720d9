import { guard } from './guard';
import { describe } from './meta';
import { options } from './options';
import { randomID } from './identity';
import { renew } from './session';
import type { Item, List } from './types';
import type { View } from './view';

interface Kept {
  list: List;
  json: string;
  view: View;
}

/** A beacon keeps its key when it is sent again, so that the collector takes it once. */
interface Beacon {
  body: string;
  key: string;
}

// Sizes in characters of JSON, times in ms. Browsers let 64 KiB of keepalive requests be under way.
const largestBeacon = 40_000;
const largestBuffer = 250_000;
const keepaliveBudget = 60_000;
const worthPacking = 8_000;
const patience = 2_000;
const minute = 60_000;

// The page may patch fetch later, and count what it then sees as its own.
const send = typeof fetch === 'function' ? fetch : undefined;

let kept: Kept[] = [];
let size = 0;
let again: Beacon[] = [];
let timer: number | undefined;
let underway = 0;
let waitUntil = 0;
let failures = 0;
let reached = false;

/** Keeps an item until the next beacon. When there is no more room, the oldest goes. */
export function add(list: List, item: Item, view: View): void {
  const json = JSON.stringify(item);
  kept.push({ list, json, view });
  size += json.length;
  while (size > largestBuffer) {
    size -= (kept.shift() as Kept).json.length;
  }
  schedule(size > largestBeacon / 2 ? 0 : patience);
}

const unsent = 'sightline-unsent';
const removeUnsent = guard(() => sessionStorage.removeItem(unsent));

/** Takes over what the page before could not send. */
export const takeUnsent = guard(() => {
  again.push(...(JSON.parse(sessionStorage.getItem(unsent) as string) as Beacon[]));
  schedule(0);
});

/** Leaves to the next page what this one can no longer send. Sent by both, it has the same keys and counts once. */
const leaveUnsent = guard(() => {
  while (kept.length) {
    again.push(takeBeacon());
  }
  sessionStorage.setItem(unsent, JSON.stringify(again));
});

/** Forgets everything that was not sent. */
export function clear(): void {
  kept = [];
  again = [];
  size = 0;
  removeUnsent();
}

function schedule(delay: number): void {
  timer ??= window.setTimeout(guard(() => {
    timer = undefined;
    flush();
  }), Math.max(delay, waitUntil - Date.now()));
}

/** Sends what is kept; a page that is being left cannot wait for anything. */
export const flush = guard((leaving?: boolean) => {
  const early = Date.now() < waitUntil;
  if (early || navigator.onLine === false) {
    if (leaving) {
      leaveUnsent();
    } else if (early) {
      schedule(0);
    }
    return; // when the network is back it is called again
  }
  removeUnsent();
  again.splice(0).forEach((beacon) => void post(beacon, leaving));
  while (kept.length) {
    void post(takeBeacon(), leaving);
  }
});

/** The next beacon: items of one view, because what is said of the page holds for all of them. */
function takeBeacon(): Beacon {
  const { view } = kept[0];
  const lists: Partial<Record<List, string[]>> = {};
  let length = 0;
  kept = kept.filter((item) => {
    if (item.view !== view || (length && length + item.json.length > largestBeacon)) {
      return true;
    }
    length += item.json.length;
    (lists[item.list] ??= []).push(item.json);
    return false;
  });
  size -= length;
  const body = `{"meta":${JSON.stringify(describe(view))}${Object.entries(lists)
    .map(([list, items]) => `,"${list}":[${items.join()}]`)
    .join('')}}`;
  return { body, key: randomID(8) };
}

const gzip = (text: string) => new Response(new Blob([text]).stream().pipeThrough(new CompressionStream('gzip'))).blob();

async function post(beacon: Beacon, leaving?: boolean): Promise<void> {
  const { body, key } = beacon;
  const url = `${options.collector}?sent_at=${Date.now()}&idempotency_key=${key}`;
  let retry: number | null = null;
  underway += body.length;
  try {
    if (send && !(leaving && !('keepalive' in Request.prototype))) {
      // Nothing may be waited for while the page is left.
      const pack = options.compress && !leaving && body.length > worthPacking && 'CompressionStream' in window;
      const answer = await send(url, {
        method: 'POST',
        credentials: 'omit',
        keepalive: underway < keepaliveBudget,
        // As plain text, it needs no preflight.
        headers: { 'Content-Type': 'text/plain', ...(pack && { 'Content-Encoding': 'gzip' }) },
        body: pack ? await gzip(body) : body,
      });
      reached = true;
      failures = 0;
      if (answer.headers.get('X-Faro-Session-Status') === 'invalid') {
        renew();
      }
      if (answer.status === 429 || answer.status > 499) {
        retry = Number(answer.headers.get('Retry-After')) * 1000 || 5000;
      }
    } else if (!navigator.sendBeacon(url, body)) {
      retry = 1000;
    }
  } catch {
    // Nothing was ever reached: something on this machine or page keeps the agent from it, and will go on doing so.
    if (++failures > 5 && !reached) {
      clear();
      return;
    }
    retry = Math.min(1000 * 2 ** failures, minute) * (0.5 + Math.random());
  } finally {
    underway -= body.length;
  }
  if (retry !== null) {
    again.push(beacon);
    while (again.length > largestBuffer / largestBeacon) {
      again.shift();
    }
    waitUntil = Math.ceil(Date.now() + retry);
    clearTimeout(timer);
    timer = undefined;
    schedule(0);
  }
}
