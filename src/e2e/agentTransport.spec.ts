import { gunzipSync } from 'node:zlib';

import { expect, type Route, test } from '@playwright/test';

import { leave, Watched } from './agent/watched';

let watched: Watched;

test.beforeAll(async () => {
  watched = await Watched.start();
});

test.afterAll(() => watched?.stop());

const open = { 'access-control-allow-origin': '*', 'access-control-expose-headers': '*' };

test('large beacons are packed, and arrive', async ({ browser }) => {
  const { page, beacons } = await watched.visit(browser, 'packed');
  await page.evaluate(() => {
    for (let n = 0; n < 40; n++) {
      window.sightline?.error(new Error(`error ${n} ${'x'.repeat(400)}`));
    }
  });
  await expect.poll(() => beacons.some((beacon) => beacon.headers()['content-encoding'] === 'gzip')).toBe(true);
  const packed = beacons.find((beacon) => beacon.headers()['content-encoding'] === 'gzip');
  const body = packed?.postDataBuffer();
  if (body) {
    expect(gunzipSync(body).length).toBeGreaterThan(body.length);
  }
  await leave(page);
  const rows = await watched.ask('errors', 'packed', { limit: 100 }, (all) => all.reduce((sum, { count }) => sum + (count as number), 0) >= 40);
  expect(rows.reduce((sum, { count }) => sum + (count as number), 0)).toBe(40);
});

test('where a request cannot outlive its page, a beacon does', async ({ browser }) => {
  const first = () => delete (Request.prototype as { keepalive?: boolean }).keepalive;
  const { page } = await watched.visit(browser, 'outlive', { first });
  await page.waitForTimeout(2500);
  const sent = await page.evaluate(() => {
    const calls: string[] = [];
    const original = navigator.sendBeacon.bind(navigator);
    navigator.sendBeacon = (url, body) => {
      calls.push(String(url));
      sessionStorage.setItem('calls', String(calls.length));
      return original(url, body);
    };
    window.sightline?.error(new Error('the last word'));
    return calls.length;
  });
  expect(sent).toBe(0);
  await page.goto(`${page.url().replace('/start', '/next')}`);
  expect(Number(await page.evaluate(() => sessionStorage.getItem('calls')))).toBeGreaterThan(0);
  const [error] = await watched.ask('errors', 'outlive');
  expect(error).toMatchObject({ message: 'the last word', count: 1 });
});

test('where the collector is blocked, the page works and the agent gives up', async ({ browser }) => {
  const failed: string[] = [];
  let attempts = 0;
  const { page } = await watched.visit(browser, 'blocked', {
    prepare: (context) => context.route(/\/collect/, (route) => (attempts++, route.abort('blockedbyclient'))),
    first: () => {
      // Hours pass in seconds, so that the pauses between attempts do.
      const original = window.setTimeout.bind(window);
      window.setTimeout = ((run: () => void, delay = 0) => original(run, delay > 500 ? delay / 100 : delay)) as typeof window.setTimeout;
      const now = Date.now.bind(Date);
      const began = now();
      Date.now = () => began + (now() - began) * 100;
    },
  });
  page.on('pageerror', ({ message }) => failed.push(message));
  for (let n = 0; n < 12; n++) {
    await page.evaluate((number) => window.sightline?.error(new Error(`error ${number}`)), n);
    await page.waitForTimeout(300);
  }
  await page.getByRole('button', { name: 'Slow' }).click();
  await expect(page.getByText('done')).toBeVisible();
  expect(failed).toEqual([]);
  expect(attempts).toBeGreaterThan(1);
  const before = attempts;
  await page.waitForTimeout(1500);
  expect(attempts - before, 'it does not go on at the same pace').toBeLessThanOrEqual(2);
});

test('a collector that is busy is waited for, and a page that is left meanwhile loses nothing', async ({ browser }) => {
  let busy = true;
  const answer = (route: Route) => (busy ? route.fulfill({ status: 503, headers: { ...open, 'Retry-After': '600' } }) : route.continue());
  const { page, site, beacons } = await watched.visit(browser, 'busy', { prepare: (context) => context.route(/\/collect/, answer) });
  await expect.poll(() => beacons.length).toBe(1);
  await page.getByRole('button', { name: 'Throw' }).click();
  await page.waitForTimeout(3000);
  expect(beacons.length, 'Retry-After is respected').toBe(1);
  busy = false;
  await page.goto(`${site.url}/next`, { waitUntil: 'networkidle' });
  const [error] = await watched.ask('errors', 'busy');
  expect(error).toMatchObject({ errorType: 'RangeError', count: 1 });
  await leave(page);
  const pages = await watched.ask('pages', 'busy', { groupBy: ['route'] }, (rows) => rows.length >= 2);
  expect(Object.fromEntries(pages.map(({ route, views }) => [route, views]))).toEqual({ '/start': 1, '/next': 1 });
});

test('a session that the collector calls invalid is followed by another', async ({ browser }) => {
  let invalid = true;
  const { page, beacons } = await watched.visit(browser, 'invalid', {
    prepare: (context) =>
      context.route(/\/collect/, async (route) => {
        if (invalid) {
          invalid = false;
          return route.fulfill({ status: 202, headers: { ...open, 'X-Faro-Session-Status': 'invalid' }, body: '{}' });
        }
        return route.continue();
      }),
  });
  const id = () => page.evaluate(() => (JSON.parse(sessionStorage.getItem('sightline') ?? '{}') as { id: string }).id);
  const before = await id();
  await expect.poll(() => beacons.length).toBeGreaterThan(0);
  await expect.poll(id).not.toBe(before);
  const after = await id();
  await page.getByRole('button', { name: 'Throw' }).click();
  await leave(page);
  const [session] = await watched.ask('sessions', 'invalid');
  expect(session.sessionId).toBe(after);
});
