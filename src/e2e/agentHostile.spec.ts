import { type Browser, type BrowserContext, expect, test } from '@playwright/test';

import { Blocker } from './agent/blocker';
import { beaconsOf, leave, watched } from './agent/visit';
import { Shop } from './shop';
import { Stack } from './stack';

// Pages on which something works against the agent, beside the same pages without it: what a visitor gets is the same.

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

type Prepare = (context: BrowserContext) => Promise<unknown>;

/** What a visitor gets who looks at addresses and buys something: what the pages say, ask for, and fail with. */
async function experience(browser: Browser, shop: Shop, sdk: 'agent' | 'none', fault: string, prepare?: Prepare) {
  const context = await browser.newContext();
  await prepare?.(context);
  const page = await context.newPage();
  const errors: string[] = [];
  const calls: string[] = [];
  const said: string[] = [];
  page.on('pageerror', ({ message }) => errors.push(message));
  page.on('response', (response) => {
    const { pathname, origin } = new URL(response.url());
    if (origin === shop.url && pathname.startsWith('/api/')) {
      calls.push(`${response.request().method()} ${pathname} ${response.status()}`);
    }
  });
  const open = async (path: string) => {
    await page.goto(`${shop.url}${path}?sdk=${sdk}${fault && `&fault=${fault}`}`);
    if (sdk === 'agent') {
      await watched(page);
    }
  };

  await open('/account');
  await expect(page.locator('#section')).toHaveText('You have not ordered anything yet.');
  await page.getByText('Work address').click();
  await expect(page.locator('#section')).toHaveText('11 Harbour Street');
  said.push(await page.locator('main').innerText(), new URL(page.url()).pathname);
  await open('/product/103');
  await expect(page.locator('#recommendations li').first()).toBeVisible();
  await page.getByRole('button', { name: 'Put into basket' }).click();
  await expect(page.locator('#added')).toHaveText('It is in your basket.');
  await expect(page.locator('.offer')).toBeVisible();
  said.push(await page.locator('main').innerText());
  await open('/cart');
  await page.getByRole('button', { name: 'Apply' }).click();
  await expect(page.locator('#discount')).toHaveText('This voucher has been used before.');
  said.push(await page.locator('main').innerText());
  await open('/checkout');
  await expect(page.locator('#quote')).toHaveText('Shipping is € 4.90.');
  await page.getByLabel('Pay by').selectOption('Card');
  await page.getByRole('button', { name: 'Pay' }).click();
  await expect(page.locator('#outcome')).toHaveText('Thank you, it is on its way.');
  await page.getByLabel('Pay by').selectOption('Wallet');
  const thrown = page.waitForEvent('pageerror', ({ message }) => message.includes('token'));
  await page.getByRole('button', { name: 'Pay' }).click();
  await thrown;
  said.push(await page.locator('main').innerText());
  await leave(page);
  return { said, calls, errors };
}

const noSessionStorage: Prepare = (context) =>
  context.addInitScript(() => {
    const get = () => {
      throw new DOMException('denied', 'SecurityError');
    };
    Object.defineProperty(window, 'sessionStorage', { get });
  });

/** Holds a visit with the agent against one without it. */
async function same(browser: Browser, shop: Shop, fault: string, prepare?: Prepare): Promise<void> {
  const without = await experience(browser, shop, 'none', fault, prepare);
  expect(without.errors, "the wallet's own").toHaveLength(1);
  expect(await experience(browser, shop, 'agent', fault, prepare)).toEqual(without);
}

for (const [what, fault, prepare] of [
  ['a script has frozen what the browser’s classes have in common', 'frozen'],
  ['another vendor’s script patches fetch, XMLHttpRequest and history, before the agent and after it', 'second-tag'],
  ['the browser gives no session storage', '', noSessionStorage],
] as Array<[string, string, Prepare | undefined]>) {
  test(`a visitor gets the same with and without the agent where ${what}`, async ({ browser }) => {
    const shop = await shopFor(`hostile-${fault || prepare?.name}`);
    await same(browser, shop, fault, prepare);
    const rows = await shop.ask('vitals', { metric: 'ttfb', groupBy: ['route'] }, (all) => all.length === 4);
    expect(rows.map(({ route }) => route).sort(), 'and the agent tells of it').toEqual([
      '/account',
      '/cart',
      '/checkout',
      '/product/:id',
    ]);
  });
}

test('a visitor gets the same with and without the agent where a policy forgot the collector', async ({ browser }) => {
  await same(browser, await shopFor('closed'), 'closed-policy');
});

test('a visitor gets the same with and without the agent where something blocks its beacons', async ({ browser }) => {
  const blocker = await Blocker.start(stack.collector);
  const shop = await Shop.start(stack, 'blocked', blocker.collector);
  try {
    await same(browser, shop, '');
  } finally {
    await Promise.all([shop.stop(), blocker.stop()]);
  }
});

test('a widget that throws ten thousand errors is told of three times, and the page goes on', async ({ browser }) => {
  const shop = await shopFor('storm');
  const page = await (await browser.newContext()).newPage();
  const sent = beaconsOf(page);
  let thrown = 0;
  page.on('pageerror', () => thrown++);
  await page.goto(`${shop.url}/account?fault=error-storm`);
  await watched(page);
  await expect.poll(() => thrown, { timeout: 60_000 }).toBe(10_000);
  await page.getByRole('button', { name: 'Log in' }).click();
  await expect(page.getByText('Welcome back.')).toBeVisible();
  await leave(page);

  const [error, ...others] = await shop.ask('errors');
  expect(error).toMatchObject({ errorType: 'SyntaxError', message: 'no place for a tile', count: 3, sessions: 1 });
  expect(others).toEqual([]);
  expect(sent.length, 'a page is no burden to the collector').toBeLessThan(10);
});
