import { clean } from './address';
import { now } from './clock';
import { randomID } from './identity';
import { options } from './options';

/** One page view: a page load, a return from the back/forward cache, or a route change. */
export interface View {
  id: string;
  previous?: string;
  url: string;
  route?: string;
  /** Since the time origin, ms. */
  start: number;
  /** How often each error was told, by what it is. */
  errors: Map<string, number>;
}

/** The view that is on the screen, and the one that was loaded: their vitals and resources are not the same. */
export let view: View;
export let loaded: View;

/** Begins a view; ids are unique among all views of an app. */
export function beginView(load: boolean, start = now()): View {
  const route = view ? undefined : options.route;
  view = { id: randomID(8), previous: view?.id, url: clean(location.href), route, start, errors: new Map() };
  if (load) {
    loaded = view;
  }
  return view;
}
