import { type Browser, expect, type Page, test } from '@playwright/test';

import type { Sightline } from '../agent/types';
import { pageTrace, Site } from './agent/site';
import { type Row, Stack } from './stack';

declare global {
  interface Window {
    sightline?: Sightline;
  }
}

let stack: Stack;
const sites: Site[] = [];

test.beforeAll(async () => {
  stack = await Stack.start();
});

test.afterAll(async () => {
  await Promise.all(sites.map((site) => site.stop()));
  await stack?.stop();
});

/** Opens a page that the agent watches for an app of the test's own. */
async function visit(browser: Browser, app: string, attributes = '', headers?: Record<string, string>) {
  const tag = `<script async src="${stack.collector}/agent.js" data-app="${app}" data-release="1.4.2" ${attributes}></script>`;
  const site = await Site.start(tag, headers);
  sites.push(site);
  const page = await browser.newPage();
  await page.goto(`${site.url}/start?email=jane@example.org#top`, { waitUntil: 'networkidle' });
  await page.waitForFunction(() => document.querySelector('.late'));
  return { page, site };
}

const leave = async (page: Page) => {
  await page.waitForTimeout(400);
  await page.goto('about:blank');
};

const ask = (queryType: string, app: string, more: object, found: (rows: Row[]) => boolean = (rows) => rows.length > 0) =>
  stack.askUntil({ queryType, app, format: 'table', minSamples: 1, ...more }, found);

/** What the session's timeline says, item by item. */
const timeline = async (app: string, found: (rows: Row[]) => boolean) => {
  const [session] = await ask('sessions', app, {});
  return stack.askUntil({ queryType: 'session', app, sessionId: session.sessionId }, found);
};

test('Web Vitals are what the page measured', async ({ browser }) => {
  const { page } = await visit(browser, 'vitals');
  const measured = await page.evaluate(async () => {
    const entries = <T extends PerformanceEntry>(type: string) =>
      new Promise<T[]>((resolve) => {
        new PerformanceObserver((list) => resolve(list.getEntries() as T[])).observe({ type, buffered: true });
      });
    const [navigation] = await entries<PerformanceNavigationTiming>('navigation');
    const paints = await entries('largest-contentful-paint');
    const shifts = await entries<PerformanceEntry & { value: number }>('layout-shift');
    return { lcp: paints[paints.length - 1].startTime, cls: shifts.reduce((sum, { value }) => sum + value, 0), ttfb: navigation.responseStart };
  });
  expect(measured.lcp, 'the picture is slow').toBeGreaterThan(600);
  expect(measured.cls, 'the page shifted').toBeGreaterThan(0);
  await page.getByRole('button', { name: 'Slow' }).click();
  await leave(page);
  for (const [metric, value] of Object.entries(measured)) {
    const [row] = await ask('vitals', 'vitals', { metric, groupBy: ['route'] });
    expect(row).toMatchObject({ samples: 1, route: '/start' });
    expect(Math.abs((row.value as number) - value), metric).toBeLessThanOrEqual(metric === 'cls' ? 0.001 : 1);
  }
  const [inp] = await ask('vitals', 'vitals', { metric: 'inp' });
  expect(inp.value).toBeGreaterThan(240);
});

test('a fetch and an XHR, with their trace, status and cause', async ({ browser }) => {
  const { page, site } = await visit(browser, 'requests');
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.waitForTimeout(800);
  await leave(page);
  const has = (path: string) => (rows: Row[]) => rows.some((row) => String(row.endpoint).endsWith(path));
  const rows = await ask('requests', 'requests', { groupBy: ['endpoint'] }, (all) => has('/basket')(all) && has('/missing')(all));
  for (const path of ['/api/basket', '/api/missing']) {
    expect(rows.filter((row) => String(row.endpoint).endsWith(path)), path).toMatchObject([{ samples: 1 }]);
    expect(site.asked.get(path)?.traceparent).toMatch(/^00-[0-9a-f]{32}-[0-9a-f]{16}-01$/);
  }
  const trace = String(site.asked.get('/api/basket')?.traceparent).slice(3, 35);
  const found = await stack.askUntil({ queryType: 'traces', app: 'requests', traceId: trace }, (all) => all.length > 0);
  expect(JSON.stringify(found)).toContain('/api/basket');
  expect(JSON.stringify(found)).not.toContain('secret');
});

test('what the app itself tells, before the agent is there too', async ({ browser }) => {
  const stub = `<script>sightline = { q: [] };
    ['init', 'route', 'action', 'error', 'user', 'consent'].forEach((name) => (sightline[name] = (...args) => sightline.q.push([name, ...args])));
    sightline.init({ app: 'own', release: '2.0.0' });
    sightline.route('/begin');</script>`;
  const site = await Site.start(`${stub}<script async src="${stack.collector}/agent.js"></script>`);
  sites.push(site);
  const page = await browser.newPage();
  await page.goto(site.url, { waitUntil: 'networkidle' });
  await page.evaluate(() => {
    window.sightline?.action('ordered', { plan: 'gold' });
    window.sightline?.error(new EvalError('caught'), { sku: 'a1' });
  });
  await leave(page);
  const [view] = await ask('vitals', 'own', { metric: 'ttfb', groupBy: ['route'] });
  expect(view).toMatchObject({ route: '/begin', samples: 1 });
  const rows = await timeline('own', (all) => ['action', 'error'].every((kind) => all.some((row) => row.kind === kind)));
  expect(rows.find((row) => row.kind === 'action')?.body).toContain('ordered');
  expect(rows.find((row) => row.kind === 'error')?.body).toContain('caught');
});

test('a return from the back/forward cache is a view of its own', async ({ playwright, launchOptions }) => {
  const browser = await playwright.chromium.launch({ ...launchOptions, ignoreDefaultArgs: ['--disable-back-forward-cache'] });
  try {
    const { page, site } = await visit(browser, 'cached');
    await page.waitForTimeout(1500);
    await page.goto(`${site.url.replace('127.0.0.1', 'localhost')}/elsewhere`, { waitUntil: 'commit' });
    await page.evaluate(() => (window.sightline = undefined));
    await page.goBack({ waitUntil: 'commit' });
    await page.waitForTimeout(1000);
    await leave(page);
    const rows = await ask('vitals', 'cached', { metric: 'ttfb', groupBy: ['navigationType'] }, (all) => all.length > 1);
    expect(rows.map((row) => row.navigationType)).toContain('back-forward-cache');
  } finally {
    await browser.close();
  }
});

test("the page's own trace is on its view", async ({ browser }) => {
  const { page } = await visit(browser, 'trace');
  await leave(page);
  const found = await stack.askUntil({ queryType: 'traces', app: 'trace', traceId: pageTrace }, (all) => all.length > 0);
  expect(found.length).toBeGreaterThan(0);
});

test('a route change is a view of its own, under the name the app gives it', async ({ browser }) => {
  const { page } = await visit(browser, 'routes');
  await page.getByRole('button', { name: 'Go' }).click();
  await expect(page.getByText('orders')).toBeVisible();
  await page.waitForTimeout(700);
  await leave(page);
  const [session] = await ask('sessions', 'routes', {}, (rows) => rows[0]?.views === 2);
  expect(session.views).toBe(2);
  const views = await timeline('routes', (rows) => rows.some((row) => JSON.stringify(row).includes('/orders/:id')));
  expect(JSON.stringify(views)).not.toContain('jane');
});

test('clicks that do nothing, that anger, and that fail', async ({ browser }) => {
  const { page } = await visit(browser, 'actions');
  await page.getByRole('button', { name: 'Nothing', exact: true }).click();
  await page.waitForTimeout(1300);
  await page.getByRole('button', { name: 'Nothing either' }).click({ clickCount: 4, delay: 20 });
  await page.waitForTimeout(1300);
  await page.getByRole('button', { name: 'Throw' }).click();
  await page.waitForTimeout(1300);
  await page.getByRole('button', { name: 'Slow' }).click();
  await page.waitForTimeout(600);
  await leave(page);
  const rows = await ask('actions', 'actions', { groupBy: ['kind', 'target'] }, (all) => all.length >= 4);
  const told = ({ target, count, dead, error, rage }: Row) => ({ target, count, dead, error, rage });
  const none = { count: 1, dead: 0, error: 0, rage: 0 };
  expect(rows.map(told).sort((a, b) => String(a.target).localeCompare(String(b.target)))).toEqual([
    { ...none, target: '[data-sightline-name="voucher"]' },
    { ...none, target: '#dead', dead: 1 },
    { ...none, target: '#rage', rage: 1 },
    { ...none, target: '#throw', error: 1 },
  ]);
});

test('an error, a rejection and a file that is not there, each once per view and cause', async ({ browser }) => {
  const { page } = await visit(browser, 'errors');
  await page.evaluate(() => {
    setTimeout(() => void Promise.reject(new TypeError('nobody caught it')));
    for (let n = 0; n < 10_000; n++) {
      window.dispatchEvent(new ErrorEvent('error', { error: new SyntaxError('again and again'), message: 'again and again' }));
    }
    document.body.append(Object.assign(new Image(), { src: '/gone.png?token=secret' }));
  });
  await page.waitForTimeout(500);
  await leave(page);
  const rows = await ask('errors', 'errors', {}, (all) => all.length >= 3);
  const count = new Map(rows.map((row) => [row.errorType, row.count]));
  expect(count).toEqual(new Map([['TypeError', 1], ['SyntaxError', 3], ['img', 1]]));
  expect(JSON.stringify(rows)).not.toContain('secret');
});

test('the script that blocks the page', async ({ browser }) => {
  const { page, site } = await visit(browser, 'blocking');
  await page.evaluate(() => document.body.append(Object.assign(document.createElement('script'), { src: '/late.js?v=1' })));
  await page.waitForTimeout(1000);
  await leave(page);
  const blamed = ({ kind, body }: Row) => kind === 'blocking' && String(body).includes(`${site.url}/late.js`);
  const rows = await timeline('blocking', (all) => all.some(blamed));
  // It keeps the page busy for 300 ms, of which all but 50 count.
  expect(rows.filter(blamed)).toHaveLength(1);
  expect(rows.find(blamed)?.value).toBeGreaterThanOrEqual(249);
});

test('nothing leaves and nothing is kept before consent, and withdrawal clears it', async ({ browser }) => {
  const sent: string[] = [];
  const { page } = await visit(browser, 'consent', 'data-consent="required"');
  page.on('request', (request) => request.url().startsWith(`${stack.collector}/collect`) && sent.push(request.url()));
  const kept = () => page.evaluate(() => sessionStorage.length);
  await page.getByRole('button', { name: 'Slow' }).click();
  await page.waitForTimeout(2500);
  expect(sent).toEqual([]);
  expect(await kept()).toBe(0);
  await page.evaluate(() => window.sightline?.consent('granted'));
  await expect.poll(() => sent.length).toBeGreaterThan(0);
  expect(await kept()).toBe(1);
  await page.evaluate(() => window.sightline?.consent('denied'));
  expect(await kept()).toBe(0);
  sent.length = 0;
  await page.getByRole('button', { name: 'Throw' }).click();
  await page.waitForTimeout(2500);
  await leave(page);
  expect(sent).toEqual([]);
});

test('Global Privacy Control is a no', async ({ browser }) => {
  const context = await browser.newContext();
  await context.addInitScript(() => Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true }));
  const site = await Site.start(`<script async src="${stack.collector}/agent.js" data-app="gpc"></script>`);
  sites.push(site);
  const page = await context.newPage();
  const sent: string[] = [];
  page.on('request', (request) => request.url().includes('/collect') && sent.push(request.url()));
  await page.goto(site.url, { waitUntil: 'networkidle' });
  await page.getByRole('button', { name: 'Throw' }).click();
  await page.waitForTimeout(2500);
  await page.goto('about:blank');
  expect(sent).toEqual([]);
});

test('what happens offline arrives when the network is back', async ({ browser }) => {
  const { page } = await visit(browser, 'offline');
  await page.waitForTimeout(2500);
  await page.context().setOffline(true);
  await page.getByRole('button', { name: 'Throw' }).click();
  await page.waitForTimeout(3000);
  await page.context().setOffline(false);
  const [error] = await ask('errors', 'offline', {});
  expect(error).toMatchObject({ errorType: 'RangeError', count: 1 });
});

test('a policy that is broken is reported, and one that forbids the collector does no harm', async ({ browser }) => {
  const { page } = await visit(browser, 'policy', '', { 'content-security-policy': "img-src 'self' data:" });
  await page.evaluate(() => document.body.append(Object.assign(new Image(), { src: 'https://evil.example/p.png?token=secret' })));
  await leave(page);
  const [error] = await ask('errors', 'policy', {}, (rows) => rows.some((row) => row.errorType === 'img-src'));
  expect(error).toMatchObject({ message: 'blocked https://evil.example/p.png by img-src', count: 1 });

  const { page: closed } = await visit(browser, 'closed', '', { 'content-security-policy': "connect-src 'self'" });
  await closed.getByRole('button', { name: 'Slow' }).click();
  await expect(closed.getByText('done')).toBeVisible();
});

test('a page that has frozen, removed and replaced everything works as if there were no agent', async ({ browser }) => {
  const context = await browser.newContext();
  await context.addInitScript(() => {
    for (const frozen of [XMLHttpRequest, History, EventTarget, Element, Node, Event]) {
      Object.freeze(frozen.prototype);
    }
    const get = () => {
      throw new DOMException('denied', 'SecurityError');
    };
    Object.defineProperty(window, 'sessionStorage', { get });
    const original = window.fetch.bind(window);
    window.fetch = Object.freeze((...call: Parameters<typeof fetch>) => original(...call));
  });
  const site = await Site.start(`<script async src="${stack.collector}/agent.js" data-app="hostile"></script>`);
  sites.push(site);
  const page = await context.newPage();
  const failed: string[] = [];
  page.on('pageerror', (error) => failed.push(error.message));
  await page.goto(site.url, { waitUntil: 'networkidle' });
  await page.getByRole('button', { name: 'Ask' }).click();
  await page.getByRole('button', { name: 'Go' }).click();
  await expect(page.getByText('orders')).toBeVisible();
  expect(failed).toEqual([]);
  await page.goto('about:blank');
  const [session] = await ask('sessions', 'hostile', {});
  expect(session.views).toBe(2);
});
