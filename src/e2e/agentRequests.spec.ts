import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';

import { expect, test } from '@playwright/test';

import { leave, Watched } from './agent/watched';
import type { Row } from './stack';

let watched: Watched;

test.beforeAll(async () => {
  watched = await Watched.start();
});

test.afterAll(() => watched?.stop());

const endpoints = (rows: Row[]) => Object.fromEntries(rows.map((row) => [String(row.endpoint), row]));

test('each way in which a request can fail', async ({ browser }) => {
  const { page } = await watched.visit(browser, 'failures');
  await page.evaluate(async () => {
    const call = (address: string, init?: RequestInit) => fetch(address, init).catch(() => undefined);
    await call('/api/missing');
    await call('http://127.0.0.1:9/api/nobody');
    const giveUp = new AbortController();
    setTimeout(() => giveUp.abort(), 5);
    await call('/api/given-up', { signal: giveUp.signal });
    await call('/api/late', { signal: AbortSignal.timeout(5) });
    await new Promise((resolve) => {
      const request = Object.assign(new XMLHttpRequest(), { timeout: 5, onloadend: resolve });
      request.open('GET', '/api/xhr-late');
      request.send();
    });
  });
  await page.waitForTimeout(500);
  await leave(page);
  const rows = await watched.ask('requests', 'failures', { groupBy: ['endpoint', 'statusClass'] }, (all) => all.length >= 5);
  expect(new Map(rows.map(({ endpoint, statusClass }) => [endpoint, statusClass]))).toEqual(
    new Map([
      ['/api/missing', '4xx'],
      ['/api/nobody', 'network'],
      ['/api/given-up', 'abort'],
      ['/api/late', 'timeout'],
      ['/api/xhr-late', 'timeout'],
    ])
  );
  expect(rows.every((row) => row.errorRate === 1 && row.samples === 1)).toBe(true);
});

test("a request's time, the server's share of it, and the click that started it", async ({ browser }) => {
  const { page } = await watched.visit(browser, 'timing');
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.waitForTimeout(1800);
  const measured = await page.evaluate(() => {
    const [entry] = performance.getEntriesByName(`${location.origin}/api/basket?token=secret`) as PerformanceResourceTiming[];
    return entry.duration;
  });
  await leave(page);
  const rows = await watched.ask('requests', 'timing', { groupBy: ['endpoint'] }, (all) => all.length >= 2);
  const basket = endpoints(rows)['/api/basket'];
  expect(Math.abs((basket.value as number) - measured)).toBeLessThan(1);
  // The server told app;dur=31 as its own time.
  expect(Math.abs((basket.serverShare as number) * (basket.value as number) - 31)).toBeLessThan(1);
  const timeline = await watched.timeline('timing', (all) => all.some(({ kind }) => kind === 'action'));
  const click = timeline.find(({ kind }) => kind === 'action');
  const call = timeline.find(({ kind, body }) => kind === 'request' && String(body).includes('/api/basket'));
  expect(click?.actionId).toBeTruthy();
  expect(call?.actionId).toBe(click?.actionId);
});

test('what the page asked for before the agent was there is not lost', async ({ browser }) => {
  const { page } = await watched.visit(browser, 'early', { before: "<script>fetch('/api/early')</script>" });
  await page.evaluate(() => fetch('/api/later'));
  await page.waitForTimeout(1500);
  await leave(page);
  const rows = await watched.ask('requests', 'early', { groupBy: ['endpoint'] }, (all) => all.length >= 2);
  expect(rows.map(({ endpoint, samples }) => [endpoint, samples]).sort()).toEqual([
    ['/api/early', 1],
    ['/api/later', 1],
  ]);
});

test('traces go to the own origin and to those that the site allows, and nowhere else', async ({ browser }) => {
  const asked = new Map<string | undefined, string | undefined>();
  const other = () =>
    new Promise<ReturnType<typeof createServer>>((resolve) => {
      const server = createServer((request, response) => {
        asked.set(request.headers.host, request.headers.traceparent as string | undefined);
        response.writeHead(200, { 'access-control-allow-origin': '*', 'access-control-allow-headers': '*' }).end('{}');
      });
      server.listen(0, '127.0.0.1', () => resolve(server));
    });
  const [allowed, foreign] = await Promise.all([other(), other()]);
  const host = (server: typeof allowed) => `127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    const { page } = await watched.visit(browser, 'origins', { attributes: `data-trace-origins="http://${host(allowed)}"` });
    await page.evaluate(async (hosts) => {
      await Promise.all(hosts.map((one) => fetch(`http://${one}/prices`)));
    }, [host(allowed), host(foreign)]);
    await leave(page);
    expect(asked.get(host(allowed))).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
    expect(asked.has(host(foreign))).toBe(true);
    expect(asked.get(host(foreign))).toBeUndefined();
  } finally {
    allowed.close();
    foreign.close();
  }
});

test('a session that is not sampled says so to the server, and sends nothing', async ({ browser }) => {
  const { page, site, beacons } = await watched.visit(browser, 'unsampled', { attributes: 'data-sample="0"' });
  await page.getByRole('button', { name: 'Ask' }).click();
  await expect.poll(() => site.asked.get('/api/missing')?.traceparent).toMatch(/-00$/);
  await leave(page);
  expect(beacons).toEqual([]);
});

test('of many files a view tells the slowest', async ({ browser }) => {
  const { page } = await watched.visit(browser, 'files');
  await page.evaluate(async () => {
    const load = (src: string) =>
      new Promise((resolve) => document.body.append(Object.assign(new Image(), { src, onload: resolve, onerror: resolve })));
    await Promise.all([...Array.from({ length: 60 }, (_, n) => load(`/gone.png?n=${n}`)), load('/slow.svg?again')]);
    await Promise.all(Array.from({ length: 60 }, (_, n) => load(`/pictures/${'abcdefghijklmnopqrstuvwxyz'[n % 26]}${n}.html`)));
  });
  await page.waitForTimeout(500);
  await leave(page);
  const [session] = await watched.ask('sessions', 'files');
  const files = ({ kind }: Row) => kind === 'request' || kind === 'resource';
  const rows = await watched.timeline('files', (all) => all.filter(files).length >= 20);
  expect(session.views).toBe(1);
  expect(rows.filter(files).length, 'of a hundred').toBe(20);
  expect(JSON.stringify(rows.filter(files)), 'the slowest').toContain('/slow.svg');
});
