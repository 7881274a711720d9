import { guard } from './guard';
import { randomID } from './identity';
import { options } from './options';

interface Session {
  id: string;
  /** Unix ms. */
  start: number;
  last: number;
  /** The share of sessions that were sent when this one was drawn, 0 to 1. */
  rate: number;
  sampled: boolean;
}

const key = 'sightline';
const minute = 60_000;
let session: Session | undefined;
let saved = 0;
let begun = false;

// Only the tab's own storage is used, and without it the session lasts as long as the page.
const save = guard(() => sessionStorage.setItem(key, JSON.stringify(session)));
const load = guard(() => {
  const kept = JSON.parse(sessionStorage.getItem(key) as string) as Session;
  return kept.id && kept.start && kept.last ? kept : undefined;
});

/** The session that is on: a new one after 30 min without anything, and after 4 h in any case. */
export function current(): Session {
  const at = Date.now();
  session ??= load();
  if (!session || at - session.last > 30 * minute || at - session.start > 240 * minute) {
    const rate = options.sample ?? 1;
    session = { id: randomID(16), start: at, last: at, rate, sampled: Math.random() < rate };
    saved = 0;
    begun = true;
  }
  session.last = at;
  if (at - saved > 5000) {
    saved = at;
    save();
  }
  return session;
}

/** Whether the session began since it was last asked. */
export function hasBegun(): boolean {
  const before = begun;
  begun = false;
  return before;
}

/** Ends the session and forgets it. */
export function forget(): void {
  session = undefined;
  guard(() => sessionStorage.removeItem(key))();
}

/** Begins another session, as the collector asked for. */
export function renew(): void {
  forget();
  current();
}
