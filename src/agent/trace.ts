import { randomID } from './identity';
import { options } from './options';
import { current } from './session';
import type { Item } from './types';

const pattern = /^\w\w-(\w{32})-(\w{16})-(\w\w)/;

/** A W3C traceparent for one request. The flag says whether this session is sampled: then the trace is worth keeping. */
export const newTraceparent = (): string => `00-${randomID(16)}-${randomID(8)}-0${current().sampled ? 1 : 0}`;

/** Whether a request to this address may carry the header: to the page's own origin, and where the site says so. */
export const mayTrace = (url: URL): boolean =>
  url.origin === location.origin || !!options.traceOrigins?.includes(url.origin);

/** The trace of an item, as Faro has it. */
export function traceOf(traceparent?: string | null): Pick<Item, 'trace'> | undefined {
  const [, trace_id, span_id, flags] = pattern.exec(traceparent ?? '') ?? [];
  return trace_id ? { trace: { trace_id, span_id, trace_flags: parseInt(flags, 16) } } : undefined;
}
