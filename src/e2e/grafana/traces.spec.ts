import { expect, test } from '@grafana/plugin-e2e';
import type { Browser, Locator, Page } from '@playwright/test';

import type { Row } from '../stack';
import { ask } from './sightline';

// These need a Tempo and a Loki behind Grafana's data sources, and the demo shop sending to them: `docker compose up`, or
// a demo that was given TEMPO_URL and LOKI_URL. SHOP_URL is the shop's address.
const shop = process.env.SHOP_URL ?? 'http://127.0.0.1:8080';

const now = { from: 'now-15m', to: 'now' };
const checkout = { key: 'route', operator: '=', values: ['/checkout'] };

test('it takes three clicks from Experience to the trace of the slowest call, and more to its lines and its visit', async ({
  browser,
  gotoDashboardPage,
  page,
}) => {
  const { traceId, sessionId } = await boughtByInvoice(browser, page);

  const clicks = new Clicks();
  await gotoDashboardPage({
    uid: 'sightline-experience',
    timeRange: now,
    queryParams: new URLSearchParams({ 'var-route': '/checkout' }),
  });
  await clicks.on(page.getByRole('link', { name: 'Sessions', exact: true }).first());
  await clicks.on(page.getByText(traceId, { exact: true }).first());
  await clicks.on(linkIn(page, 'Trace in Tempo'));
  const check = page.getByText('credit check').first();
  await expect(check).toBeVisible();
  expect(clicks.made).toBeLessThanOrEqual(3);

  await check.click();
  await page.getByRole('button', { name: 'Logs for this span' }).click();
  await expect(page.getByText(`The bank takes its time method=invoice trace_id=${traceId}`).first()).toBeVisible();

  await page.getByTestId('SpanLinksMenu').first().click();
  await linkIn(page, 'Session of the trace').click();
  await expect(page.getByText(sessionId, { exact: true }).first()).toBeVisible();
});

/** Counts clicks. */
class Clicks {
  made = 0;

  async on(target: Locator): Promise<void> {
    await target.click();
    this.made++;
  }
}

/** Somebody pays by invoice, which is slow; returns their visit and the trace, once Sightline and Tempo know of them. */
async function boughtByInvoice(browser: Browser, grafana: Page): Promise<{ traceId: string; sessionId: string }> {
  // A headless browser says so, and is counted as a bot.
  const desktop = 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';
  const visit = await browser.newContext({ userAgent: desktop, storageState: undefined });
  const page = await visit.newPage();
  await page.goto(`${shop}/checkout`, { waitUntil: 'networkidle' });
  await page.getByLabel('Pay by').selectOption('Invoice');
  const answered = page.waitForResponse(/\/api\/checkout\/pay$/);
  await page.getByRole('button', { name: 'Pay' }).click();
  const timing = (await (await answered).headerValue('Server-Timing')) ?? '';
  const traceId = /traceparent;desc="00-([0-9a-f]{32})-/.exec(timing)?.[1] ?? '';
  await page.goto('about:blank'); // the agent sends what it has when the page is left

  let row: Row | undefined;
  await expect
    .poll(async () => (row = (await ask(grafana, { queryType: 'traces', filters: [checkout], traceId }))[0])?.sessionId)
    .toBeTruthy();
  await expect
    .poll(async () => (await grafana.request.get(`/api/datasources/proxy/uid/tempo/api/traces/${traceId}`)).status())
    .toBe(200);
  await visit.close();
  return { traceId, sessionId: row?.sessionId as string };
}

/** One of the links that a click on a cell or a span offers. */
function linkIn(page: Page, name: string): Locator {
  return page.getByRole('link', { name, exact: true }).or(page.getByRole('menuitem', { name, exact: true }));
}
