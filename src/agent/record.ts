import { wall } from './clock';
import { guard } from './guard';
import { options } from './options';
import { current, hasBegun } from './session';
import { type Attributes, texts } from './texts';
import { add } from './transport';
import type { Item, List } from './types';
import { type View, view } from './view';

let active = false;

/** Lets items be kept, or keeps any from being kept. */
export const setActive = (state: boolean): void => {
  active = state;
};

export const isActive = (): boolean => active;

/** Keeps an item for the next beacon, if the visitor agrees, the session is sampled, and the site's hook lets it pass. */
export const record = guard((list: List, at: number, item: Omit<Item, 'timestamp'>, of: View = view) => {
  if (!active || !current().sampled) {
    return;
  }
  if (hasBegun()) {
    event('session_start', at, {}, undefined, of);
  }
  const told: Item = { timestamp: wall(at), ...item };
  const kept = options.beforeSend ? options.beforeSend(told, list) : told;
  if (kept) {
    add(list, kept, of);
  }
});

/** Keeps an event of a view. */
export const event = (name: string, at: number, attributes: Attributes, more?: Partial<Item>, of: View = view): void =>
  record('events', at, { name, attributes: texts({ faroNavigationId: of.id, ...attributes }), ...more }, of);
