import { expect, type Page, test } from '@playwright/test';

import { beaconsOf, leave, visit, watched } from './agent/visit';
import { Shop } from './shop';
import { Stack } from './stack';

// What the visitor decides, and what the network does, on pages of the demo shop.

let stack: Stack;
const shops: Shop[] = [];

test.beforeAll(async () => {
  stack = await Stack.start();
});

test.afterAll(async () => {
  await Promise.all(shops.map((shop) => shop.stop()));
  await stack?.stop();
});

async function shopFor(app: string): Promise<Shop> {
  const shop = await Shop.start(stack, app);
  shops.push(shop);
  return shop;
}

const kept = (page: Page) => page.evaluate(() => sessionStorage.length);

/** Something that would be told at once: an action with a call, on the account's page. */
async function logIn(page: Page): Promise<void> {
  await page.getByRole('button', { name: 'Log in' }).click();
  await expect(page.getByText('Welcome back.')).toBeVisible();
}

test('nothing leaves and nothing is kept before consent, and withdrawal stops it and clears what was kept', async ({
  browser,
}) => {
  const shop = await shopFor('consent');
  const page = await (await browser.newContext()).newPage();
  const sent = beaconsOf(page);
  await page.goto(`${shop.url}/account?consent=required`);
  await watched(page);
  await logIn(page);
  await leave(page); // whatever was waiting would go now
  expect(sent).toEqual([]);

  await page.goto(`${shop.url}/account?consent=required`);
  await watched(page);
  expect(await kept(page)).toBe(0);
  await page.getByRole('button', { name: 'Allow' }).click();
  await expect.poll(() => sent.length).toBeGreaterThan(0);
  expect(await kept(page)).toBe(1);
  await page.getByText('Home address').click();
  await expect(page.getByText('3 Mill Lane')).toBeVisible();
  await page.getByRole('button', { name: 'No, thank you' }).click();
  expect(await kept(page)).toBe(0);
  const before = sent.length;
  await logIn(page);
  await leave(page);
  expect(sent, 'what had not been sent is not sent any more').toHaveLength(before);

  const [session] = await shop.ask('sessions');
  const lines = await stack.ask({ queryType: 'session', app: shop.app, sessionId: session.sessionId });
  expect(JSON.stringify(lines)).toContain('page load of /account');
  expect(JSON.stringify(lines)).not.toContain('login');
});

test('Global Privacy Control is a no, which a banner does not override', async ({ browser }) => {
  const shop = await shopFor('gpc');
  const context = await browser.newContext();
  await context.addInitScript(() =>
    Object.defineProperty(Navigator.prototype, 'globalPrivacyControl', { get: () => true })
  );
  const page = await context.newPage();
  const sent = beaconsOf(page);
  for (const path of ['/account', '/account?consent=required']) {
    await page.goto(shop.url + path);
    await watched(page);
    if (path.includes('consent')) {
      await page.getByRole('button', { name: 'Allow' }).click();
    }
    await logIn(page);
    expect(await kept(page), path).toBe(0);
    await leave(page);
  }
  expect(sent).toEqual([]);
});

test('what happens offline arrives once when the network is back', async ({ browser }) => {
  const shop = await shopFor('offline');
  const page = await visit(browser, shop, '/checkout');
  await expect.poll(async () => (await shop.ask('sessions')).length, 'the page load has arrived').toBe(1);
  await page.context().setOffline(true);
  const thrown = page.waitForEvent('pageerror');
  await page.getByRole('button', { name: 'Pay' }).click();
  const { message } = await thrown;
  await page.waitForTimeout(2500); // the agent would have sent it by now
  await page.context().setOffline(false);

  const [error, ...others] = await shop.ask('errors');
  expect(error).toMatchObject({ errorType: 'TypeError', message, count: 1 });
  expect(others).toEqual([]);
  const rows = await shop.ask('requests', { groupBy: ['endpoint'] }, (all) => all.some(({ failed }) => failed === 1));
  expect(rows.find(({ endpoint }) => endpoint === '/api/checkout/pay')).toMatchObject({ count: 1, failed: 1 });
  expect(await shop.ask('sessions'), 'it is the same visit').toHaveLength(1);
});
