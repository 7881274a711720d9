/**
 * The agent as a script tag: it takes its options from the tag's data-* attributes, makes the calls that were made before
 * it was there, and is window.sightline from then on.
 */
import { guard } from './guard';
import { sightline } from './index';
import type { Options, Sightline } from './types';

type Call = { [Name in keyof Sightline]: [Name, ...Parameters<Sightline[Name]>] }[keyof Sightline];

const page = window as { sightline?: { q?: Call[] } | Sightline };

/** The options in a tag's attributes: data-app, data-trace-origins="https://a.example https://b.example", … */
const told = ({ dataset, src }: HTMLScriptElement): Options => {
  const words = (text?: string) => text?.split(/[\s,]+/).filter(Boolean);
  return {
    ...(dataset as unknown as Options),
    collector: dataset.collector ?? new URL('collect' + (dataset.key ? '/' + dataset.key : ''), src).href,
    sample: dataset.sample ? Number(dataset.sample) : undefined,
    traceOrigins: words(dataset.traceOrigins),
    allowQuery: words(dataset.allowQuery),
    captureText: 'captureText' in dataset,
    captureConsole: 'captureConsole' in dataset,
    compress: !dataset.collector,
  };
};

guard(() => {
  const stub = page.sightline;
  if (stub && 'init' in stub && !('q' in stub)) {
    return; // the page has the agent already
  }
  const tag = document.currentScript as HTMLScriptElement | null;
  const fromTag = tag && told(tag);
  const agent = { ...sightline, init: (given: Options) => sightline.init({ ...fromTag, ...given }) };
  page.sightline = agent;
  for (const [name, ...args] of (stub as { q?: Call[] } | undefined)?.q ?? []) {
    (agent[name] as (...args: unknown[]) => void)(...args);
  }
  if (fromTag?.app) {
    agent.init(fromTag);
  }
})();
