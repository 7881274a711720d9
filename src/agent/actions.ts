import { type Cause, current, setCause } from './cause';
import { now } from './clock';
import { on } from './guard';
import { randomID } from './identity';
import { options } from './options';
import { whenQuiet } from './quiet';
import { event } from './record';
import { masked, nameOf, selectorOf } from './selector';
import type { Attributes } from './texts';
import { view } from './view';

type Kind = 'click' | 'submit' | 'rage' | 'dead' | 'custom';

interface Action extends Cause {
  kind: Kind;
  start: number;
}

// Rage is three clicks within a second and 30 pixels.
const rageTime = 1000;
const rageDistance = 30;
const rageClicks = 3;

const clickable = 'a[href],button,summary,[role=button],[type=submit]';
// These do their work elsewhere: in another tab, in a file, in another program.
const elsewhere = '[target],[download],[href^=mailto],[href^=tel]';

let clicks: Array<{ x: number; y: number; at: number }> = [];

/** Begins an action, which ends when the page has come to rest. What is asked for or fails meanwhile is its doing. */
function begin(kind: Kind, element: Element | undefined, name: string | null | undefined, more?: Attributes): Action {
  const action: Action = { id: randomID(8), name: name ?? undefined, kind, start: now() };
  const [of, target] = [view, element && selectorOf(element)];
  const acts = element?.closest(clickable) ?? element;
  const answers = acts && !acts.matches(elsewhere) && (acts.matches(clickable) || getComputedStyle(acts).cursor === 'pointer');
  setCause(action);
  whenQuiet(action.start, (last) => {
    if (current() === action) {
      setCause();
    }
    const { id, failed } = action;
    const dead = action.kind === 'click' && !last && answers;
    event(
      'faro.user.action',
      action.start,
      {
        ...more,
        userActionName: action.name,
        userActionTarget: target,
        userActionDuration: last && last - action.start,
        userActionKind: failed && action.kind !== 'rage' && action.kind !== 'custom' ? 'error' : dead ? 'dead' : action.kind,
      },
      { action: { id, name: action.name } },
      of
    );
  });
  return action;
}

/** An action that the app itself tells. */
export const custom = (name: string, attributes?: Attributes): void => void begin('custom', undefined, name, attributes);

let last: Action | undefined;

/** Clicks and submits, with what the page made of them. */
export function observeActions(): void {
  on(document, 'click', ({ target, clientX: x, clientY: y, isTrusted }: MouseEvent) => {
    if (!(target instanceof Element) || !isTrusted) {
      return;
    }
    const at = now();
    clicks = clicks.filter((one) => at - one.at <= rageTime && Math.hypot(one.x - x, one.y - y) <= rageDistance);
    clicks.push({ x, y, at });
    // A burst of clicks is one action, whatever it turns out to be.
    if (clicks.length > 1 && last && current() === last) {
      if (clicks.length >= rageClicks) {
        last.kind = 'rage';
      }
      return;
    }
    last = begin(clicks.length >= rageClicks ? 'rage' : 'click', target, nameOf(target) ?? textOf(target));
  });
  on(document, 'submit', ({ target }: SubmitEvent) => {
    // The click on its button is the same action.
    if (last && current() === last && now() - last.start < 100) {
      last.kind = 'submit';
    } else if (target instanceof Element) {
      last = begin('submit', target, nameOf(target));
    }
  });
}

/** The text of what was clicked, where the site wants it; never of what people type into, nor of what is masked. */
const textOf = (target: Element): string | undefined => {
  const acts = options.captureText ? target.closest('a,button,[role=button]') : null;
  return acts && !masked(target) ? acts.textContent?.trim().slice(0, 40) : undefined;
};
