import { spawn } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { expect, test } from '@playwright/test';

import { leave, stub, Watched } from './agent/watched';
import type { Row } from './stack';

let watched: Watched;

test.beforeAll(async () => {
  watched = await Watched.start();
});

test.afterAll(() => watched?.stop());

const count = (rows: Row[]) => rows.reduce((sum, { views }) => sum + (views as number), 0);
const kind = (wanted: string) => (row: Row) => row.kind === wanted;

test('the first paint and the time to the first byte are those of the page', async ({ browser }) => {
  const { page } = await watched.visit(browser, 'paint');
  const measured = await page.evaluate(() => ({
    fcp: performance.getEntriesByName('first-contentful-paint')[0].startTime,
    ttfb: performance.getEntriesByType('navigation')[0].responseStart,
  }));
  await leave(page);
  for (const [metric, value] of Object.entries(measured)) {
    const [row] = await watched.ask('vitals', 'paint', { metric });
    expect(Math.abs((row.value as number) - value), metric).toBeLessThanOrEqual(1);
  }
});

test('a page says in a meta tag which trace it belongs to', async ({ browser }) => {
  const trace = '4bf92f3577b34da6a3ce929d0e0e4736';
  const { page } = await watched.visit(browser, 'meta', { before: `<meta name="traceparent" content="00-${trace}-00f067aa0ba902b7-01">` });
  await leave(page);
  const rows = await watched.ask('traces', 'meta', { traceId: trace });
  expect(rows.length).toBeGreaterThan(0);
});

test('a page that is loaded ahead is a view when it is shown, and not before', async ({ launchOptions }) => {
  // Chromium loads nothing ahead while it is driven by a test: so it runs alone, and the page drives itself.
  const drive = `<script>if (location.pathname === '/start') {
    const rules = { prerender: [{ source: 'list', urls: ['/ahead', '/unseen'], eagerness: 'immediate' }] };
    document.head.append(Object.assign(document.createElement('script'), { type: 'speculationrules', textContent: JSON.stringify(rules) }));
    setTimeout(() => (location.href = '/ahead'), 3000);
  }</script>`;
  const site = await watched.serve(drive + watched.tag('ahead'));
  const profile = await mkdtemp(join(tmpdir(), 'sightline-profile-'));
  const args = ['--headless=new', `--user-data-dir=${profile}`, ...(launchOptions.args ?? []), `${site.url}/start`];
  const alone = spawn(launchOptions.executablePath ?? 'chromium', args, { stdio: 'ignore' });
  const gone = new Promise((resolve) => alone.once('exit', resolve));
  try {
    const views = await watched.ask('pages', 'ahead', { groupBy: ['route', 'navigationType'] }, (rows) => rows.length >= 2);
    expect(views.map(({ route, navigationType, views }) => [route, navigationType, views]).sort()).toEqual([
      ['/ahead', 'prerender', 1],
      ['/start', 'navigate', 1],
    ]);
  } finally {
    alone.kill();
    await gone;
    await rm(profile, { recursive: true, force: true, maxRetries: 5 });
  }
});

test('route changes are seen without the Navigation API too', async ({ browser }) => {
  const first = () => {
    Object.defineProperty(window, 'navigation', { value: undefined });
  };
  const { page } = await watched.visit(browser, 'history', { first });
  expect(await page.evaluate(() => typeof (window as { navigation?: object }).navigation)).toBe('undefined');
  await page.getByRole('button', { name: 'Go' }).click();
  await expect(page.getByText('orders')).toBeVisible();
  await page.waitForTimeout(600);
  await page.goBack();
  await page.waitForTimeout(1500);
  await leave(page);
  const views = await watched.ask('pages', 'history', { groupBy: ['route'] }, (rows) => count(rows) >= 3);
  expect(Object.fromEntries(views.map(({ route, views }) => [route, views]))).toEqual({ '/start': 2, '/orders/:id': 1 });
});

test('without long animation frames, long tasks tell that the page was blocked', async ({ browser }) => {
  const first = () => {
    const types = PerformanceObserver.supportedEntryTypes.filter((type) => type !== 'long-animation-frame');
    Object.defineProperty(PerformanceObserver, 'supportedEntryTypes', { value: types });
    delete (window as { PerformanceLongAnimationFrameTiming?: object }).PerformanceLongAnimationFrameTiming;
  };
  const { page } = await watched.visit(browser, 'tasks', { first });
  await page.getByRole('button', { name: 'Slow' }).click();
  await page.waitForTimeout(600);
  await leave(page);
  const rows = await watched.timeline('tasks', (all) => all.some(kind('blocking')));
  // The handler is busy for 250 ms, of which all but 50 count.
  const longest = Math.max(...rows.filter(kind('blocking')).map((row) => row.value as number));
  expect(longest).toBeGreaterThanOrEqual(199);
});

test('a form that is sent is one action, under its own name', async ({ browser }) => {
  const { page } = await watched.visit(browser, 'submit');
  await page.evaluate(() => {
    document.body.insertAdjacentHTML('beforeend', '<form data-sightline-name="newsletter"><input name="mail"><button>Subscribe</button></form>');
    document.querySelector('form')?.addEventListener('submit', (event) => {
      event.preventDefault();
      document.querySelector('#out')?.append('thanks');
    });
  });
  await page.locator('input').fill('jane@example.org');
  await page.getByRole('button', { name: 'Subscribe' }).click();
  await page.waitForTimeout(1500);
  await leave(page);
  const rows = await watched.ask('actions', 'submit', { groupBy: ['kind', 'target'] }, (all) => all.some(kind('submit')));
  expect(rows.filter(kind('submit'))).toMatchObject([{ count: 1, dead: 0 }]);
  expect(JSON.stringify(await watched.timeline('submit', (all) => all.some(kind('action'))))).not.toContain('jane');
});

test('text is read where the site asks for it, and not where it is masked', async ({ browser }) => {
  for (const [app, attributes, read] of [
    ['quiet', '', false],
    ['texts', 'data-capture-text', true],
    ['masked', 'data-capture-text data-mask="#dead"', false],
  ] as const) {
    const { page } = await watched.visit(browser, app, { attributes });
    await page.getByRole('button', { name: 'Nothing', exact: true }).click();
    await page.waitForTimeout(1500);
    await leave(page);
    const rows = await watched.timeline(app, (all) => all.some(kind('action')));
    expect(JSON.stringify(rows.filter(kind('action'))).includes('Nothing'), app).toBe(read);
  }
});

test("the console's errors are told where the site asks for it", async ({ browser }) => {
  for (const [app, attributes, told] of [
    ['console-no', '', 0],
    ['console', 'data-capture-console', 1],
  ] as const) {
    const { page } = await watched.visit(browser, app, { attributes });
    const printed = page.waitForEvent('console', (message) => message.type() === 'error');
    await page.evaluate(() => {
      console.error('the basket is gone');
      setTimeout(() => {
        throw new RangeError('uncaught');
      });
    });
    expect((await printed).text(), 'the page prints it all the same').toContain('the basket is gone');
    await leave(page);
    const rows = await watched.ask('errors', app, {}, (all) => all.some((row) => row.errorType === 'RangeError'));
    expect(rows.filter((row) => String(row.message).includes('the basket is gone')).length, app).toBe(told);
  }
});

test('what the browser will not do for much longer is told', async ({ browser }) => {
  const { page } = await watched.visit(browser, 'deprecated');
  await page.evaluate(() => {
    const request = new XMLHttpRequest();
    request.open('GET', '/api/basket', false);
    request.send();
  });
  await page.waitForTimeout(1000);
  await leave(page);
  const [told] = await watched.ask('errors', 'deprecated');
  expect(told.count).toBe(1);
  expect(told.message).toContain('Synchronous `XMLHttpRequest` on the main thread is deprecated');
});

test('what the browser refused to do is told', async ({ browser }) => {
  // Chromium intervenes against what takes minutes to provoke, such as heavy advertisements: here it is made to say so.
  const first = () => {
    class Reports {
      constructor(private readonly seen: (reports: object[]) => void) {}
      observe() {
        this.seen([{ type: 'intervention', body: { id: 'HeavyAd', message: 'Ad was removed', sourceFile: null } }]);
      }
    }
    Object.defineProperty(window, 'ReportingObserver', { value: Reports });
  };
  const { page } = await watched.visit(browser, 'refused', { first });
  await leave(page);
  const rows = await watched.ask('errors', 'refused');
  expect(rows).toMatchObject([{ errorType: 'HeavyAd', message: 'Ad was removed', count: 1 }]);
});

test('a policy with a nonce lets the agent in, and the agent breaks no rule of it', async ({ browser }) => {
  const { collector } = watched.stack;
  const broken: string[] = [];
  const { page } = await watched.visit(browser, 'nonce', {
    tag: `${stub("sightline.init({ app: 'nonce' }); sightline.route('/begin')", 'n0nce')}<script async nonce="n0nce" src="${collector}/agent.js"></script>`,
    headers: { 'content-security-policy': `default-src 'self'; script-src 'nonce-n0nce'; style-src 'none'; img-src 'self' data:; connect-src 'self' ${collector}` },
    first: () => document.addEventListener('securitypolicyviolation', ({ sourceFile, effectiveDirective }) => console.warn('broken', effectiveDirective, sourceFile)),
    prepare: (context) => Promise.resolve(void context.on('console', (message) => broken.push(message.text()))),
  });
  await page.waitForTimeout(1000);
  await leave(page);
  const [view] = await watched.ask('pages', 'nonce', { groupBy: ['route'] });
  expect(view).toMatchObject({ route: '/begin', views: 1 });
  // The page's own inline script and style are what the policy refuses.
  expect(broken.filter((text) => text.startsWith('broken') && text.includes('agent.js'))).toEqual([]);
});
