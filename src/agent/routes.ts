import { now } from './clock';
import { on } from './guard';
import { cause } from './cause';
import { changed, whenQuiet } from './quiet';
import { event } from './record';
import { beginView, view } from './view';

type Change = (this: History, ...change: Parameters<History['pushState']>) => void;

/** Takes each change of the path without a page load for a view of its own, which lasts until the page is at rest. */
export function observeRoutes(): void {
  const api = (window as { navigation?: EventTarget }).navigation;
  if (api) {
    on(api, 'currententrychange', look);
    return;
  }
  on(window, 'popstate', look);
  for (const name of ['pushState', 'replaceState'] as const) {
    const original = (history as unknown as Record<string, Change>)[name];
    history[name] = function (...args) {
      original.apply(this, args);
      try {
        look();
      } catch {
        // The page's navigation goes on.
      }
    };
  }
}

function look(): void {
  const from = view;
  if (new URL(from.url).pathname === location.pathname) {
    return;
  }
  const start = now();
  const to = beginView(false, start);
  const action = cause();
  whenQuiet(start, (last) => {
    event(
      'route_change',
      start,
      {
        faroPreviousNavigationId: from.id,
        fromUrl: from.url,
        toUrl: to.url,
        fromRoute: from.route,
        toRoute: to.route,
        duration: Math.max(last - start, 0),
      },
      action,
      to
    );
  });
  changed();
}
