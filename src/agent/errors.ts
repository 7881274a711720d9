import { cause, current } from './cause';
import { clean } from './address';
import { now } from './clock';
import { guard, on } from './guard';
import { options } from './options';
import { record } from './record';
import { texts } from './texts';
import { frame, framesOf } from './stack';
import type { Frame } from './types';
import { view } from './view';

// How often a view tells the same error, and how many it tells in all.
const same = 3;
const all = 50;

/** Keeps an error, unless the view has told it often enough. */
export function keepError(kind: string, type: string, value: string, frames: Frame[], attributes?: object): void {
  const { errors } = view;
  const key = [kind, type, value, frames[0]?.lineno, frames[0]?.colno].join();
  const times = (errors.get(key) ?? 0) + 1;
  if (times > same || (times === 1 && errors.size >= all)) {
    return;
  }
  errors.set(key, times);
  record('exceptions', now(), {
    type,
    value: value.slice(0, 2000),
    stacktrace: { frames },
    context: texts({ ...attributes, kind, faroNavigationId: view.id }),
    ...cause(),
  });
}

/** Keeps whatever was thrown: mostly an Error, but anything can be. */
export const keepThrown = guard((thrown: unknown, kind: string, attributes?: object, frames?: Frame[]) => {
  const { name, message, stack } = (thrown instanceof Object ? thrown : {}) as Partial<Error>;
  keepError(kind, name ?? 'Error', message ?? String(thrown), stack ? framesOf(stack) : (frames ?? []), attributes);
});

const uncaught = (thrown: unknown, frames?: Frame[]) => {
  const doing = current();
  if (doing) {
    doing.failed = true;
  }
  keepThrown(thrown, 'exception', undefined, frames);
};

/** Errors that nothing caught, promises without anybody to reject to, files that did not load, and the console's if asked. */
export function observeErrors(): void {
  on(window, 'error', ({ target, error, message, filename, lineno, colno }: ErrorEvent) => {
    const element = target as (Element & { src?: string; href?: string }) | null;
    const address = element?.src ?? element?.href;
    if (element instanceof Element && typeof address === 'string') {
      keepError('resource', element.localName, clean(address), []);
    } else if (message !== undefined) {
      uncaught(error ?? message, filename ? [frame(filename, lineno, colno)] : []);
    }
  });
  on(window, 'unhandledrejection', ({ reason }: PromiseRejectionEvent) => uncaught(reason));
  if (options.captureConsole) {
    const original = console.error;
    console.error = function (...args: unknown[]) {
      const thrown = args.find((each) => each instanceof Error);
      keepThrown(thrown ?? args.join(' '), 'console', { handled: true });
      original.apply(this, args);
    };
  }
}
