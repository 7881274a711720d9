import { expect, test, type Browser, type Page } from '@playwright/test';

import { exportedSpans } from './exported';
import { Shop } from './shop';
import { type Row, Stack } from './stack';

let stack: Stack;

test.beforeAll(async () => {
  stack = await Stack.start();
});

test.afterAll(async () => {
  await stack?.stop();
});

const checkout = { key: 'route', operator: '=', values: ['/checkout'] };

type SDK = 'agent' | 'faro';

for (const sdk of ['agent', 'faro'] as const) {
  test.describe(`with ${sdk}`, () => {
    let shop: Shop;

    test.beforeAll(async () => {
      shop = await Shop.start(stack, `shop-${sdk}`);
    });

    test.afterAll(async () => {
      await shop?.stop();
    });

    test('the slowest wait at the checkout leads to the slow span behind it, and that span to the visit', async ({
      browser,
    }) => {
      await buy(browser, shop, sdk, 'Card', 'Thank you, it is on its way.');
      await buy(browser, shop, sdk, 'Invoice', 'Thank you, it is on its way.');

      const paid = (rows: Row[]) =>
        rows.filter(({ name, traceId }) => traceId && /\/api\/checkout\/pay$/.test(String(name)));
      const visits = (rows: Row[]) => new Set(paid(rows).map(({ sessionId }) => sessionId)).size;
      const traces = await stack.askUntil(
        { queryType: 'traces', app: shop.app, filters: [checkout] },
        (rows) => visits(rows) === 2
      );
      const [slow, ...others] = paid(traces);
      const quick = others.find(({ sessionId }) => sessionId !== slow.sessionId) as Row;

      const slowest = { queryType: 'sessions', app: shop.app, metric: 'slowestRequest', filters: [checkout] };
      const sessions = await stack.askUntil(slowest, (rows) => rows.length === 2);
      expect(sessions.map(({ sessionId }) => sessionId)).toEqual([slow.sessionId, quick.sessionId]);
      expect(sessions[0]).toMatchObject({ traceId: slow.traceId, slowestRequest: slow.duration });

      const spans = await exported(shop, slow.traceId as string, 'credit check');
      const check = spans.find(({ name }) => name === 'credit check');
      expect(check?.service).toBe('payment');
      expect(check?.duration).toBeGreaterThanOrEqual(2000);
      expect(check?.duration, 'what the visitor waited for').toBeLessThanOrEqual(slow.duration as number);
      expect(spans.find(({ name }) => name === 'POST /api/checkout/pay')?.parentSpanId, "the browser's own span").toBe(
        slow.spanId
      );

      const back = await stack.askUntil(
        { queryType: 'traces', app: shop.app, traceId: check?.traceId },
        (rows) => rows.length > 0
      );
      expect(new Set(back.map(({ sessionId }) => sessionId))).toEqual(new Set([slow.sessionId]));

      const quickSpans = await exported(shop, quick.traceId as string, 'POST /api/checkout/pay');
      expect(quickSpans.map(({ name }) => name)).not.toContain('credit check');
    });

    test('a page load leads to the span that its Server-Timing named, and back', async ({ browser }) => {
      const page = await visit(browser, shop, sdk, '/account');
      const named = await page.evaluate(() => {
        const load = performance.getEntriesByType('navigation')[0];
        return load.serverTiming.find(({ name }) => name === 'traceparent')?.description ?? '';
      });
      await leave(page, sdk);
      const [, traceId, spanId] = named.split('-');

      const filters = [{ key: 'route', operator: '=', values: ['/account'] }];
      const found = (rows: Row[]) => rows.find(({ kind }) => kind === 'view');
      const rows = await stack.askUntil({ queryType: 'traces', app: shop.app, filters }, (rows) =>
        Boolean(found(rows)?.traceId)
      );
      expect(found(rows)).toMatchObject({ traceId, spanId, reason: '' });
      const [span] = await exported(shop, traceId, 'GET /account');
      expect(span).toMatchObject({ service: 'shop', spanId });

      const back = await stack.askUntil({ queryType: 'traces', app: shop.app, traceId }, (rows) =>
        Boolean(found(rows))
      );
      expect(found(back)?.sessionId).toBe(found(rows)?.sessionId);
    });

    test('a page load whose header got lost leads to the span that the page itself named', async ({ browser }) => {
      // Chromium takes a page that a test put together for one from the internet, which may not reach this machine unasked.
      const context = await browser.newContext({ permissions: ['local-network-access'] });
      const page = await context.newPage();
      let named = '';
      await page.route(`${shop.url}/cart?sdk=${sdk}`, async (route) => {
        const answer = await route.fetch();
        named = /traceparent;desc="([^"]+)"/.exec(answer.headers()['server-timing'])?.[1] ?? '';
        const tag = `<meta name="traceparent" content="${named}">`;
        const body = (await answer.text()).replace('<head>', `<head>${tag}`);
        await route.fulfill({ contentType: 'text/html; charset=utf-8', body });
      });
      // For the same reason nothing may be sent there any more once the page is gone.
      const told = page.waitForResponse(
        (answer) => !!answer.request().postData()?.includes('faro.performance.navigation')
      );
      await page.goto(`${shop.url}/cart?sdk=${sdk}`, { waitUntil: 'networkidle' });
      await told;
      await leave(page, sdk);
      const [, traceId, spanId] = named.split('-');

      const filters = [{ key: 'route', operator: '=', values: ['/cart'] }];
      const found = (rows: Row[]) => rows.find(({ kind }) => kind === 'view');
      const rows = await stack.askUntil({ queryType: 'traces', app: shop.app, filters }, (rows) =>
        Boolean(found(rows))
      );
      expect(found(rows)).toMatchObject({ traceId, spanId, reason: '' });
      const [span] = await exported(shop, traceId, 'GET /cart');
      expect(span).toMatchObject({ service: 'shop', spanId });
    });

    test('an error that a failing endpoint raised leads to the span that failed, and back', async ({ browser }) => {
      await buy(browser, shop, sdk, 'Gift card', 'That did not work. You have not paid.');
      const error = { key: 'kind', operator: '=', values: ['error'] };
      const [worst] = await stack.askUntil({ queryType: 'sessions', app: shop.app }, (rows) => rows[0]?.errors === 1);
      const session = { queryType: 'session', app: shop.app, sessionId: worst.sessionId };
      const [raised] = await stack.askUntil({ ...session, filters: [error] }, (rows) => rows.length > 0);
      const traceId = raised.traceId as string;

      const spans = await exported(shop, traceId, 'settle');
      expect(spans.find(({ name }) => name === 'settle')).toMatchObject({
        service: 'payment',
        failure: 'ledger of gift-cards is read-only',
      });
      const back = await stack.askUntil({ queryType: 'traces', app: shop.app, traceId }, (rows) => rows.length > 1);
      const named = back.map(({ kind, sessionId }) => [kind, sessionId]);
      expect(named).toContainEqual(['error', worst.sessionId]);
      expect(named).toContainEqual(['fetch', worst.sessionId]);
    });
  });
}

/** Somebody new buys something, and pays for it in a way that is quick, slow, or fails. */
async function buy(browser: Browser, shop: Shop, sdk: SDK, method: string, outcome: string): Promise<void> {
  const page = await visit(browser, shop, sdk, '/product/101');
  await page.getByRole('button', { name: 'Put into basket' }).click();
  await expect(page.getByText('It is in your basket.')).toBeVisible();
  await page.goto(`${shop.url}/checkout?sdk=${sdk}`);
  await expect(page.getByText('Shipping is')).toBeVisible();
  await page.getByLabel('Pay by').selectOption(method);
  await page.getByRole('button', { name: 'Pay' }).click();
  await expect(page.getByText(outcome)).toBeVisible();
  await leave(page, sdk);
}

async function visit(browser: Browser, shop: Shop, sdk: SDK, path: string): Promise<Page> {
  const context = await browser.newContext();
  const page = await context.newPage();
  await page.goto(`${shop.url}${path}?sdk=${sdk}`, { waitUntil: 'networkidle' });
  return page;
}

/**
 * Faro gathers spans for a second before it sends them; the agent sends what it has when the page is left. The browser stays
 * open, as a person's does: closing it would end what it is just sending.
 */
async function leave(page: Page, sdk: SDK): Promise<void> {
  if (sdk === 'faro') {
    await page.waitForTimeout(1500);
  }
  await page.goto('about:blank');
}

/** The spans that the services exported for a trace, once the one looked for is among them. */
async function exported(shop: Shop, traceId: string, name: string) {
  await expect.poll(() => exportedSpans(shop.data, traceId).map((span) => span.name)).toContain(name);
  return exportedSpans(shop.data, traceId);
}
