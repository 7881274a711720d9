import { expect, test, type Page } from '@playwright/test';

import { Stack } from './stack';

/** What the page itself says of its load, by the browser's own performance entries: ms, CLS a score. */
interface Measured {
  lcp: number;
  cls: number;
  ttfb: number;
}

let stack: Stack;

test.beforeAll(async () => {
  stack = await Stack.start();
});

test.afterAll(async () => {
  await stack?.stop();
});

test('a visit with the real Faro SDK comes back through the plugin', async ({ browser }) => {
  const page = await browser.newPage();
  await page.goto(`${stack.shop}/product/101?sdk=faro`, { waitUntil: 'networkidle' });
  await expect(page.locator('.offer')).toBeVisible(); // the layout shift has happened
  await lookAround(page);
  const measured = await measure(page);

  await page.getByRole('button', { name: 'Put into basket' }).click();
  await expect(page.getByText('It is in your basket.')).toBeVisible();
  await lookAround(page);
  await page.goto(`${stack.shop}/cart?sdk=faro`);
  await page.getByRole('button', { name: 'Apply (slowly)' }).click();
  await expect(page.getByText('This voucher has been used before.')).toBeVisible();
  await lookAround(page);
  await page.goto(`${stack.shop}/checkout?sdk=faro`);
  await expect(page.getByText('Shipping is')).toBeVisible();
  const thrown = page.waitForEvent('pageerror');
  await page.getByRole('button', { name: 'Pay' }).click();
  const { message } = await thrown;
  await lookAround(page);
  await page.goto('about:blank');

  for (const metric of ['lcp', 'cls', 'ttfb'] as const) {
    const answer = await stack.askUntil(
      { queryType: 'vitals', app: 'shop', metric, format: 'table', groupBy: ['route'], minSamples: 1 },
      (rows) => rows.some((row) => row.route === '/product/:id')
    );
    const product = answer.find((row) => row.route === '/product/:id');
    expect(product?.samples, `${metric}: one page view counts once`).toBe(1);
    const tolerance = metric === 'cls' ? 0.001 : 1;
    expect(Math.abs((product?.value as number) - measured[metric]), `${metric} as the page measured it`).toBeLessThanOrEqual(
      tolerance
    );
  }
  expect(measured.cls, 'the page shifted').toBeGreaterThan(0);

  const slow = await stack.askUntil(
    { queryType: 'vitals', app: 'shop', metric: 'inp', format: 'table', groupBy: ['route'], minSamples: 1 },
    (rows) => rows.some((row) => row.route === '/cart')
  );
  expect(slow.find((row) => row.route === '/cart')?.value).toBeGreaterThan(300);

  const errors = await stack.askUntil({ queryType: 'errors', app: 'shop', format: 'table' }, (rows) => rows.length > 0);
  expect(errors).toHaveLength(1);
  expect(errors[0]).toMatchObject({ errorType: 'TypeError', message, count: 1, sessions: 1 });

  const sessions = await stack.askUntil({ queryType: 'sessions', app: 'shop' }, (rows) => rows.length > 0);
  expect(sessions).toHaveLength(1);
  expect(sessions[0]).toMatchObject({ views: 3, errors: 1, browser: 'Chrome', device: 'desktop' });
});

// A person takes a moment before the next page. The SDK reports what a click finished when the browser is idle and sends
// it 250 ms later: who leaves sooner than that leaves no LCP behind.
const lookAround = (page: Page) => page.waitForTimeout(1000);

function measure(page: Page): Promise<Measured> {
  return page.evaluate(async () => {
    const entries = <T extends PerformanceEntry>(type: string) =>
      new Promise<T[]>((resolve) => {
        new PerformanceObserver((list) => resolve(list.getEntries() as T[])).observe({ type, buffered: true });
      });
    const [navigation] = await entries<PerformanceNavigationTiming>('navigation');
    const paints = await entries('largest-contentful-paint');
    const shifts = await entries<PerformanceEntry & { value: number; hadRecentInput: boolean }>('layout-shift');
    return {
      lcp: paints[paints.length - 1].startTime,
      cls: shifts.filter((shift) => !shift.hadRecentInput).reduce((sum, shift) => sum + shift.value, 0),
      ttfb: navigation.responseStart,
    };
  });
}
