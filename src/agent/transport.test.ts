import { afterEach, beforeEach, expect, test, vi } from 'vitest';

import type { Item } from './types';

interface Sent {
  url: URL;
  body: { meta: { page: { url: string }; session: { id: string } }; events: Item[] };
}

/** A collector that answers as it is told, in turn, and takes everything once it has been told nothing more. */
const answers: Array<() => Response> = [];
const sent: Sent[] = [];
const collector = vi.fn((url: string, { body }: { body: string }): Promise<Response> => {
  sent.push({ url: new URL(url), body: JSON.parse(body) as Sent['body'] });
  return new Promise((resolve) => resolve((answers.shift() ?? (() => new Response('{}', { status: 202 })))()));
});

const load = async () => {
  vi.resetModules();
  vi.stubGlobal('fetch', collector);
  const [transport, { setOptions }, { beginView }] = await Promise.all([import('./transport'), import('./options'), import('./view')]);
  setOptions({ app: 'shop', collector: 'https://rum.example/collect' });
  return { ...transport, beginView };
};

const item = (name: string): Item => ({ timestamp: '2026-01-01T00:00:00Z', name });
const names = () => sent.map(({ body }) => body.events.map(({ name }) => name));

beforeEach(() => {
  vi.useFakeTimers();
  vi.stubGlobal('VERSION', '1.2.3');
  sent.length = answers.length = 0;
});

afterEach(() => {
  vi.useRealTimers();
  vi.unstubAllGlobals();
});

test('items wait for each other and go as one beacon', async () => {
  const { add, beginView } = await load();
  const view = beginView(true);
  add('events', item('a'), view);
  add('events', item('b'), view);
  expect(sent).toHaveLength(0);
  await vi.advanceTimersByTimeAsync(2000);
  expect(names()).toEqual([['a', 'b']]);
});

test('a beacon holds the items of one view', async () => {
  const { add, beginView } = await load();
  const first = beginView(true);
  add('events', item('a'), first);
  add('events', item('b'), beginView(false));
  add('events', item('c'), first);
  await vi.advanceTimersByTimeAsync(2000);
  expect(names()).toEqual([['a', 'c'], ['b']]);
});

test('a beacon stays below what browsers take while a page is left', async () => {
  const { add, beginView, flush } = await load();
  const view = beginView(true);
  for (let n = 0; n < 30; n++) {
    add('events', item(`${n} ${'x'.repeat(5000)}`), view);
  }
  flush();
  expect(sent.length).toBeGreaterThan(1);
  for (const { body } of sent) {
    expect(JSON.stringify(body).length).toBeLessThan(60_000);
  }
  expect(names().flat()).toHaveLength(30);
});

test('a beacon that was refused for now is sent again when the collector says, as the same one', async () => {
  const { add, beginView } = await load();
  answers.push(() => new Response('{}', { status: 429, headers: { 'Retry-After': '7' } }));
  const view = beginView(true);
  add('events', item('a'), view);
  await vi.advanceTimersByTimeAsync(2000);
  add('events', item('b'), view);
  await vi.advanceTimersByTimeAsync(6900);
  expect(names()).toEqual([['a']]);
  await vi.advanceTimersByTimeAsync(200);
  expect(names()).toEqual([['a'], ['a'], ['b']]);
  const key = ({ url }: Sent) => url.searchParams.get('idempotency_key');
  expect(key(sent[1])).toBe(key(sent[0]));
  expect(key(sent[2])).not.toBe(key(sent[0]));
});

test('a beacon that the collector will never take is not sent again', async () => {
  const { add, beginView } = await load();
  answers.push(() => new Response('{}', { status: 400 }));
  add('events', item('a'), beginView(true));
  await vi.advanceTimersByTimeAsync(600_000);
  expect(sent).toHaveLength(1);
});

test('without a network nothing is lost that there is room for', async () => {
  const { add, beginView } = await load();
  const fail = () => {
    throw new TypeError('Failed to fetch');
  };
  answers.push(fail, fail, fail);
  add('events', item('a'), beginView(true));
  await vi.advanceTimersByTimeAsync(60_000);
  expect(names()).toEqual([['a'], ['a'], ['a'], ['a']]);
});

test('the oldest goes when there is no more room', async () => {
  const { add, beginView, flush } = await load();
  vi.stubGlobal('navigator', { ...navigator, onLine: false });
  const view = beginView(true);
  for (let n = 0; n < 100; n++) {
    add('events', item(`${n} ${'x'.repeat(5000)}`), view);
  }
  vi.stubGlobal('navigator', { ...navigator, onLine: true });
  flush();
  const kept = names().flat();
  expect(kept.length).toBeLessThan(51);
  expect(kept.at(-1)).toMatch(/^99 /);
});

test('a collector that was never reached is given up', async () => {
  const { add, beginView } = await load();
  const view = beginView(true);
  for (let n = 0; n < 50; n++) {
    answers.push(() => {
      throw new TypeError('blocked');
    });
  }
  add('events', item('a'), view);
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(sent).toHaveLength(6);
});

test('a session that the collector calls invalid is over', async () => {
  const { add, beginView } = await load();
  answers.push(() => new Response('{}', { status: 202, headers: { 'X-Faro-Session-Status': 'invalid' } }));
  const view = beginView(true);
  add('events', item('a'), view);
  await vi.advanceTimersByTimeAsync(2000);
  add('events', item('b'), view);
  await vi.advanceTimersByTimeAsync(2000);
  const [before, after] = sent.map(({ body }) => body.meta.session.id);
  expect(after).not.toBe(before);
});

test('what a page could not send goes with the next, under the same key', async () => {
  const busy = () => new Response('', { status: 503, headers: { 'Retry-After': '60' } });
  answers.push(busy);
  const page = await load();
  page.add('events', item('a'), page.beginView(true));
  await vi.advanceTimersByTimeAsync(2000);
  page.add('events', item('b'), page.beginView(false));
  page.flush(true);
  const next = await load();
  next.takeUnsent();
  await vi.advanceTimersByTimeAsync(2000);
  expect(names()).toEqual([['a'], ['a'], ['b']]);
  const keys = sent.map(({ url }) => url.searchParams.get('idempotency_key'));
  expect(keys[1]).toBe(keys[0]);
  expect(sessionStorage.getItem('sightline-unsent')).toBeNull();
});

test('nothing is left for the next page once the visitor says no', async () => {
  vi.stubGlobal('navigator', { onLine: false });
  const page = await load();
  page.add('events', item('a'), page.beginView(true));
  page.flush(true);
  expect(sessionStorage.getItem('sightline-unsent')).toContain('events');
  page.clear();
  expect(sessionStorage.getItem('sightline-unsent')).toBeNull();
});
