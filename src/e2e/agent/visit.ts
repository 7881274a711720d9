import type { Browser, BrowserContext, Page, Request } from '@playwright/test';

import type { Sightline } from '../../agent/types';
import type { Shop } from '../shop';

declare global {
  interface Window {
    sightline?: Sightline;
  }
}

/** Opens a page of the shop as somebody new, and waits until the agent watches it. */
export async function visit(browser: Browser | BrowserContext, shop: Shop, path: string): Promise<Page> {
  const context = 'newContext' in browser ? await browser.newContext() : browser;
  const page = await context.newPage();
  await page.goto(shop.url + path, { waitUntil: 'load' });
  await watched(page);
  return page;
}

/** Waits until the agent is there: until then, a stub keeps what the page tells it. */
export const watched = (page: Page) => page.waitForFunction(() => window.sightline && !('q' in window.sightline));

/** The agent sends what it has when the page is left. */
export const leave = (page: Page) => page.goto('about:blank');

/** The beacons that a page sends, as they come. */
export function beaconsOf(page: Page): Request[] {
  const sent: Request[] = [];
  page.on('request', (request) => new URL(request.url()).pathname === '/collect' && sent.push(request));
  return sent;
}

/** What a page itself says of its load, by the browser's own entries: ms, CLS a score. */
export interface Load {
  lcp: number;
  fcp: number;
  ttfb: number;
  cls: number;
}

/** Measures a load whose largest paint is one element's, once that has been painted. */
export function measureLoad(page: Page, largest: string): Promise<Load> {
  return page.evaluate(async (largest) => {
    type Shift = PerformanceEntry & { value: number; hadRecentInput: boolean };
    const seen = <T extends PerformanceEntry>(type: string, done: (entries: T[]) => boolean) =>
      new Promise<T[]>((resolve) => {
        const all: T[] = [];
        new PerformanceObserver((list) => {
          all.push(...(list.getEntries() as T[]));
          if (done(all)) {
            resolve(all);
          }
        }).observe({ type, buffered: true });
      });
    const paints = await seen<PerformanceEntry & { element: Element | null }>('largest-contentful-paint', (all) =>
      all.some(({ element }) => element?.matches(largest))
    );
    const shifts = await seen<Shift>('layout-shift', (all) => all.length > 0);
    const [fcp] = await seen('paint', (all) => all.some(({ name }) => name === 'first-contentful-paint')).then((all) =>
      all.filter(({ name }) => name === 'first-contentful-paint')
    );
    // Shifts within a second of one another, for five seconds at most, are one window; the worst one counts.
    let [cls, sum, first, last] = [0, 0, 0, 0];
    for (const { value, startTime } of shifts.filter(({ hadRecentInput }) => !hadRecentInput)) {
      if (!sum || startTime - last > 1000 || startTime - first > 5000) {
        [sum, first] = [0, startTime];
      }
      sum += value;
      last = startTime;
      cls = Math.max(cls, sum);
    }
    const [navigation] = performance.getEntriesByType('navigation');
    return { lcp: paints[paints.length - 1].startTime, fcp: fcp.startTime, ttfb: navigation.responseStart, cls };
  }, largest);
}

/** How long the page says that the click it had took until the next paint, ms; the browser rounds it to 8. */
export function measureClick(page: Page): Promise<number> {
  type Timed = PerformanceEntry & { interactionId: number };
  return page.evaluate(
    () =>
      new Promise<number>((resolve) => {
        const all: Timed[] = [];
        new PerformanceObserver((list) => {
          all.push(...(list.getEntries() as Timed[]));
          const click = all.find(({ name, interactionId }) => name === 'click' && interactionId);
          if (click) {
            const same = all.filter(({ interactionId }) => interactionId === click.interactionId);
            resolve(Math.max(...same.map(({ duration }) => duration)));
          }
        }).observe({ type: 'event', buffered: true, durationThreshold: 16 });
      })
  );
}
