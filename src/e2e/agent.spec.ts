import { expect, type Page, test } from '@playwright/test';

import { leave, measureClick, measureLoad, visit } from './agent/visit';
import { exportedSpans } from './exported';
import { Shop } from './shop';
import { type Row, Stack } from './stack';

// Each signal is made to happen on a page of the demo shop, and held against what the page itself measured.

let stack: Stack;
const shops: Shop[] = [];

test.beforeAll(async () => {
  stack = await Stack.start();
});

test.afterAll(async () => {
  await Promise.all(shops.map((shop) => shop.stop()));
  await stack?.stop();
});

/** A shop whose visits are those of one test. */
async function shopFor(app: string): Promise<Shop> {
  const shop = await Shop.start(stack, app);
  shops.push(shop);
  return shop;
}

const has = (text: string) => (line: Row) => String(line.body).includes(text);

test('a slow picture and a banner that pushes the page down are in the Web Vitals, as the page measured them', async ({
  browser,
}) => {
  const shop = await shopFor('vitals');
  const page = await visit(browser, shop, '/product/101?fault=slow-picture&email=jane@example.org#top');
  await expect(page.locator('.offer')).toBeVisible();
  await expect(page.locator('#recommendations li').first()).toBeVisible();
  const load = await measureLoad(page, '#picture');
  expect(load.lcp, 'the picture is slow').toBeGreaterThan(900);
  expect(load.cls, 'the page shifted').toBeGreaterThan(0.03);
  await leave(page);

  for (const [metric, measured] of Object.entries(load)) {
    const [row] = await shop.ask('vitals', { metric, groupBy: ['route', 'release'] });
    expect(row, metric).toMatchObject({ samples: 1, route: '/product/:id', release: '1.4.2' });
    expect(Math.abs((row.value as number) - measured), metric).toBeLessThanOrEqual(metric === 'cls' ? 0.001 : 1);
  }
  const lines = await shop.timeline(has('CLS'));
  expect(lines.find(has('LCP'))?.body).toContain('at #picture');
  expect(lines.find(has('CLS'))?.body).toContain('article.product');
  expect(JSON.stringify(lines)).not.toContain('jane');
});

test('a handler that keeps a click waiting is in INP and in what blocks, with its button and its script', async ({
  browser,
}) => {
  const shop = await shopFor('handler');
  const page = await visit(browser, shop, '/cart');
  await page.getByRole('button', { name: 'Apply' }).click();
  const took = await measureClick(page);
  expect(took, 'the handler works for 350 ms').toBeGreaterThanOrEqual(344);
  await expect(page.getByText('used before')).toBeVisible();
  await leave(page);

  const [inp] = await shop.ask('vitals', { metric: 'inp', groupBy: ['route'] });
  expect(inp).toMatchObject({ route: '/cart', samples: 1, value: took });
  const lines = await shop.timeline(has('main thread blocked'));
  const vital = lines.find(has('INP'));
  expect(vital?.body).toContain('at [data-sightline-name="apply-voucher"]');
  expect(vital?.actionId, 'the click that was slow').toBe(lines.find(has('click apply-voucher'))?.actionId);
  const blocked = lines.find(has(`blocked by ${shop.url}/assets/shop.js`));
  expect(blocked?.value, 'all but 50 ms count').toBeGreaterThanOrEqual(299);
});

test('a script that keeps the page busy is named, with how long', async ({ browser }) => {
  const shop = await shopFor('blocking');
  const page = await visit(browser, shop, '/?fault=heavy-tag');
  const blocking = await page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        type Frame = PerformanceEntry & { blockingDuration: number; scripts: Array<{ sourceURL: string }> };
        new PerformanceObserver((list) => {
          const heavy = ({ scripts }: Frame) => scripts.some(({ sourceURL }) => sourceURL.endsWith('/heavy-tag.js'));
          const frame = (list.getEntries() as Frame[]).find(heavy);
          if (frame) {
            resolve(frame.blockingDuration);
          }
        }).observe({ type: 'long-animation-frame', buffered: true });
      })
  );
  expect(blocking).toBeGreaterThanOrEqual(249);
  await leave(page);

  const blamed = has(`blocked by ${shop.url}/assets/faults/heavy-tag.js`);
  const lines = (await shop.timeline(blamed)).filter(blamed);
  expect(lines).toHaveLength(1);
  expect(lines[0].value).toBeGreaterThanOrEqual(249);
  expect(lines[0].value, 'no more than the frame was blocked in all').toBeLessThanOrEqual(blocking + 1);
});

test('calls by fetch and XHR, with how long they took, their status, their click, and the span that answered', async ({
  browser,
}) => {
  const shop = await shopFor('requests');
  const page = await visit(browser, shop, '/cart');
  const voucher = await called(page, '/api/cart/voucher', () => page.getByRole('button', { name: 'Apply' }).click());
  await page.goto(`${shop.url}/checkout`, { waitUntil: 'load' });
  await page.getByLabel('Pay by').selectOption('Gift card');
  const pay = await called(page, '/api/checkout/pay', () => page.getByRole('button', { name: 'Pay' }).click());
  await leave(page);

  const rows = await shop.ask('traces', {}, (all) => ['/voucher', '/pay'].every((path) => all.some(endsIn(path))));
  for (const [call, status, kind] of [
    [voucher, '410', 'xhr'],
    [pay, '502', 'fetch'],
  ] as const) {
    const [row, ...more] = rows.filter(endsIn(call.path));
    expect(more, 'a call counts once').toEqual([]);
    const [, traceId, spanId] = call.traceparent.split('-');
    expect(row, call.path).toMatchObject({ kind, status, traceId, spanId, reason: '' });
    expect(Math.abs((row.duration as number) - call.duration), call.path).toBeLessThanOrEqual(1);
    await expect
      .poll(() => exportedSpans(shop.data, traceId).find(({ name }) => name === `POST ${call.path}`)?.parentSpanId)
      .toBe(spanId);
  }
  const [failed] = await shop.ask('requests', { groupBy: ['endpoint', 'statusClass'] }, (all) => all.some(isPay));
  expect(failed).toBeDefined();
  const lines = await shop.timeline(has('submit pay'));
  expect(lines.find(has('/api/checkout/pay'))?.actionId).toBe(lines.find(has('submit pay'))?.actionId);
});

const endsIn = (path: string) => (row: Row) => String(row.name).endsWith(path);
const isPay = ({ endpoint, statusClass }: Row) => endpoint === '/api/checkout/pay' && statusClass === '5xx';

/** One call of the page: the header it carried, and how long the page's own entry says that it took, in ms. */
async function called(page: Page, path: string, act: () => Promise<void>) {
  const answered = page.waitForResponse((response) => response.url().endsWith(path));
  await act();
  const request = (await answered).request();
  const duration = await page.evaluate(
    (url) =>
      new Promise<number>((resolve) => {
        new PerformanceObserver((list) => {
          const entry = list.getEntries().find(({ name }) => name === url);
          if (entry) {
            resolve(entry.duration);
          }
        }).observe({ type: 'resource', buffered: true });
      }),
    request.url()
  );
  return { path, traceparent: (await request.headerValue('traceparent')) ?? '', duration };
}

test('a call that never gets an answer is one that failed', async ({ browser }) => {
  const shop = await shopFor('unanswered');
  const page = await visit(browser, shop, '/account');
  await page.route('**/api/login', (route) => route.abort('connectionreset'));
  const thrown = page.waitForEvent('pageerror');
  await page.getByRole('button', { name: 'Log in' }).click();
  const { message } = await thrown;
  await leave(page);

  const rows = await shop.ask('requests', { groupBy: ['endpoint'] }, (all) =>
    all.some(({ endpoint }) => endpoint === '/api/login')
  );
  expect(rows.find(({ endpoint }) => endpoint === '/api/login')).toMatchObject({ count: 1, failed: 1 });
  const [error] = await shop.ask('errors');
  expect(error).toMatchObject({ errorType: 'TypeError', message, count: 1 });
});

test('a route change is a view of its own, under the name the shop gives it, until its call is answered', async ({
  browser,
}) => {
  const shop = await shopFor('routes');
  const page = await visit(browser, shop, '/account?email=jane@example.org');
  const { duration } = await called(page, '/api/account/addresses/home', () => page.getByText('Home address').click());
  await expect(page.getByText('3 Mill Lane')).toBeVisible();
  await page.goBack();
  await expect(page.getByText('You have not ordered anything yet.')).toBeVisible();
  await leave(page);

  const lines = await shop.timeline(has('route change to /account in'));
  const views = lines.filter(({ kind }) => kind === 'view');
  expect(views.map(({ route }) => route)).toEqual(['/account', '/account/addresses/:name', '/account']);
  const [, change] = views;
  expect(change.value, 'as long as its call, at least').toBeGreaterThanOrEqual(duration - 1);
  expect(lines.find(has('/api/account/addresses/home'))?.route, 'the call is the new view’s').toBe(
    '/account/addresses/:name'
  );
  expect(change.actionId).toBe(lines.find(has('click on #account>a'))?.actionId);
  expect(JSON.stringify(lines)).not.toContain('jane');
});

test('a return from the back/forward cache is a view of its own', async ({ playwright, launchOptions }) => {
  const shop = await shopFor('cached');
  const browser = await playwright.chromium.launch({
    ...launchOptions,
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
  });
  try {
    const page = await visit(browser, shop, '/category/coffee');
    await page.evaluate(() => addEventListener('pageshow', ({ persisted }) => Object.assign(window, { persisted })));
    await page.goto(`${shop.url.replace('127.0.0.1', 'localhost')}/?sdk=none`);
    await page.goBack({ waitUntil: 'commit' });
    await page.waitForFunction(() => 'persisted' in window && window.persisted); // Chromium had kept the page
    await leave(page);
    const rows = await shop.ask(
      'vitals',
      { metric: 'ttfb', groupBy: ['navigationType', 'route'] },
      (all) => all.length > 1
    );
    expect(rows.map(({ navigationType }) => navigationType).sort()).toEqual(['back-forward-cache', 'navigate']);
  } finally {
    await browser.close();
  }
});

test('clicks that do nothing, that anger, and that fail are told apart from those that work', async ({ browser }) => {
  const shop = await shopFor('actions');
  const page = await visit(browser, shop, '/product/101');
  await page.getByRole('button', { name: 'Put into basket' }).click();
  await expect(page.getByText('It is in your basket.')).toBeVisible();
  await leave(page);
  const next = await visit(browser, shop, '/product/102');
  await expect(next.locator('.offer')).toBeVisible();
  await expect(next.locator('#recommendations li').first()).toBeVisible(); // nothing changes by itself any more
  await next.getByRole('button', { name: 'Remember it' }).click();
  await shop.ask('actions', {}, (all) => all.some(({ dead }) => dead === 1)); // that nothing happens takes a second
  await leave(next);
  const angry = await visit(browser, shop, '/product/103');
  await angry.getByRole('button', { name: 'Remember it' }).click({ clickCount: 4, delay: 20 });
  await leave(angry);
  const failing = await visit(browser, shop, '/checkout');
  const thrown = failing.waitForEvent('pageerror');
  await failing.getByRole('button', { name: 'Pay' }).click();
  await thrown;
  await leave(failing);

  const rows = await shop.ask('actions', { groupBy: ['kind', 'target'] }, (all) => all.length >= 4);
  const told = ({ kind, target, count, dead, error, rage }: Row) => ({ kind, target, count, dead, error, rage });
  const none = { count: 1, dead: 0, error: 0, rage: 0 };
  const remember = '[data-sightline-name="remember"]';
  expect(rows.map(told).sort((a, b) => String(a.kind).localeCompare(String(b.kind)))).toEqual([
    { ...none, kind: 'click', target: '[data-sightline-name="add-to-cart"]' },
    { ...none, kind: 'dead', target: remember, dead: 1 },
    { ...none, kind: 'error', target: '[data-sightline-name="pay"]', error: 1 },
    { ...none, kind: 'rage', target: remember, rage: 1 },
  ]);
});

test('an order is what the shop itself tells, as the last step of its journey', async ({ browser }) => {
  const shop = await shopFor('ordered');
  const page = await visit(browser, shop, '/checkout');
  await page.getByLabel('Pay by').selectOption('Card');
  await page.getByRole('button', { name: 'Pay' }).click();
  await expect(page.getByText('Thank you, it is on its way.')).toBeVisible();
  await leave(page);
  const lines = await shop.timeline(has('order-placed'));
  expect(lines.filter(({ kind }) => kind === 'action').map(({ body }) => body)).toEqual([
    expect.stringContaining('pay on [data-sightline-name="pay"]'),
    expect.stringContaining('order-placed'),
  ]);
});

test('a promise that nobody catches, an error the shop tells, and a picture that is gone', async ({ browser }) => {
  const shop = await shopFor('errors');
  const page = await visit(browser, shop, '/checkout?fault=missing-picture');
  await expect(page.getByAltText('Sold out')).toBeAttached();
  const thrown = page.waitForEvent('pageerror');
  await page.getByRole('button', { name: 'Pay' }).click();
  const { message } = await thrown;
  await page.getByLabel('Pay by').selectOption('Gift card');
  await page.getByRole('button', { name: 'Pay' }).click();
  await expect(page.getByText('You have not paid.')).toBeVisible();
  await leave(page);

  const rows = await shop.ask('errors', {}, (all) => all.length >= 3);
  const told = new Map(rows.map(({ errorType, message, count }) => [errorType, [message, count]]));
  expect(told).toEqual(
    new Map([
      ['TypeError', [message, 1]],
      ['PaymentError', ['payment by gift-card was answered 502', 1]],
      ['img', [`${shop.url}/images/sold-out.svg`, 1]],
    ])
  );
  const stack = rows.find(({ errorType }) => errorType === 'TypeError')?.stack;
  expect(stack).toMatch(/^readWalletToken .*pay\.js:5:\d+.*\nauthorisePayment .*pay\.js:9:/);
});

test('a policy that is broken is reported, with what it kept from the page', async ({ browser }) => {
  const shop = await shopFor('policy');
  const page = await visit(browser, shop, '/?fault=partner-badge');
  await expect(page.getByAltText('Fair trade')).toBeAttached();
  await leave(page);
  const rows = await shop.ask('errors', {}, (all) => all.some(({ errorType }) => errorType === 'img-src'));
  expect(rows.find(({ errorType }) => errorType === 'img-src')).toMatchObject({
    message: 'blocked https://badges.partner.example/fair.svg by img-src',
    count: 1,
  });
});
