import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';

import { expect, test } from '@playwright/test';

import { leave, stub, Watched } from './agent/watched';

let watched: Watched;

test.beforeAll(async () => {
  watched = await Watched.start();
});

test.afterAll(() => watched?.stop());

test('a session lasts from page to page, for 30 minutes of silence, and for 4 hours in all', async ({ browser }) => {
  const { page, site } = await watched.visit(browser, 'session');
  const session = () => page.evaluate(() => JSON.parse(sessionStorage.getItem('sightline') ?? '{}') as { id: string; start: number; last: number });
  /** Opens another page after so many minutes: the session is as old as if they had passed. */
  const after = async (silent: number, old = silent) => {
    await page.evaluate(
      ([last, start]) => {
        const kept = JSON.parse(sessionStorage.getItem('sightline') ?? '{}') as object;
        window.addEventListener('pagehide', () =>
          sessionStorage.setItem('sightline', JSON.stringify({ ...kept, last: Date.now() - last * 60_000, start: Date.now() - start * 60_000 }))
        );
      },
      [silent, old]
    );
    await page.goto(`${site.url}/next`, { waitUntil: 'networkidle' });
    return (await session()).id;
  };
  const { id } = await session();
  expect(id).toMatch(/^[0-9a-f]{32}$/);
  expect(await after(29)).toBe(id);
  expect(await after(1, 239)).toBe(id);
  const second = await after(31);
  expect(second).not.toBe(id);
  expect(await after(1, 241)).not.toBe(second);
  await leave(page);
  const sessions = await watched.ask('sessions', 'session', {}, (rows) => rows.length >= 3);
  expect(sessions.length).toBe(3);
  const begun = await watched.timeline('session', (rows) => rows.some(({ body }) => String(body).includes('session_start')));
  expect(begun.filter(({ body }) => String(body).includes('session_start')).length).toBe(1);
});

test('a visit of a sampled session stands for those that were not', async ({ browser }) => {
  for (const [app, drawn, views] of [
    ['drawn', 0.2, 4],
    ['not-drawn', 0.3, 0],
  ] as const) {
    const first = drawn < 0.25 ? () => (Math.random = () => 0.2) : () => (Math.random = () => 0.3);
    const { page, beacons } = await watched.visit(browser, app, { attributes: 'data-sample="0.25"', first });
    await leave(page);
    if (views) {
      const [answer] = await watched.ask('pages', app);
      expect(answer.views).toBe(views);
    } else {
      expect(beacons).toEqual([]);
    }
  }
});

test("a user can be erased by the site's own key, which is stored nowhere", async ({ browser }) => {
  const key = 'customer-4711';
  const { page } = await watched.visit(browser, 'users');
  await page.evaluate((user) => window.sightline?.user(user), key);
  await page.getByRole('button', { name: 'Throw' }).click();
  await leave(page);
  const [session] = await watched.ask('sessions', 'users');
  const timeline = await watched.timeline('users', (rows) => rows.some(({ kind }) => kind === 'error'));
  expect(JSON.stringify([session, timeline])).not.toContain(key);
  const { stdout } = await promisify(execFile)(join(__dirname, '../../bin/sightline'), ['erase', '--app', 'users', '--user', key, '--to', watched.stack.collector]);
  expect(stdout).toMatch(/verified/i);
  await watched.ask('sessions', 'users', {}, (rows) => rows.length === 0);
});

test("the site's own hook changes items, drops them, and drops those it stumbles over", async ({ browser }) => {
  const { page } = await watched.visit(browser, 'hook', {
    before: stub(`sightline.init({ beforeSend: (item, list) => {
      if (list !== 'exceptions') return item;
      if (item.value === 'drop me') return undefined;
      if (item.value === 'stumble') throw new Error('the hook is broken');
      return { ...item, value: 'changed' };
    } })`),
  });
  await page.evaluate(() => {
    for (const text of ['drop me', 'stumble', 'keep me']) {
      window.sightline?.error(new Error(text));
    }
  });
  await leave(page);
  const rows = await watched.ask('errors', 'hook');
  expect(rows.map(({ message, count }) => ({ message, count }))).toEqual([{ message: 'changed', count: 1 }]);
});
