import { clean } from './address';
import { cause } from './cause';
import { now } from './clock';
import { guard } from './guard';
import { whenLeaving } from './leaving';
import { options } from './options';
import { requesting } from './quiet';
import { event } from './record';
import { phases } from './timing';
import { mayTrace, newTraceparent, traceOf } from './trace';
import { view } from './view';

/** Why there was no answer; error is the network's. */
export type Failure = 'error' | 'abort' | 'timeout';

/** A request that is under way. */
export interface Call {
  /** The header to send with it, when it may carry one and has none. */
  traceparent?: string;
  /** Notes the answer, or why there was none. Only the first call counts. */
  end(this: void, status: number, failure?: Failure): void;
}

/** The tail of a request's timing is there when its body has been read, which may be after the page has the answer. */
const tail = 300;
const unfinished = new Set<() => void>();

/** Notes that a request begins. Those to the collector are none. */
export const begin = guard((kind: 'fetch' | 'xml-http-request', method: string, address: string, given?: string | null): Call | undefined => {
  const url = new URL(address, location.href);
  if (!/^http/.test(url.protocol) || url.href.startsWith(options.collector as string)) {
    return undefined;
  }
  const [start, of, action] = [now(), view, cause()];
  const traceparent = !given && mayTrace(url) ? newTraceparent() : undefined;
  let ended = false;
  requesting(1);
  const end = guard((status: number, failure?: Failure) => {
    if (ended) {
      return;
    }
    ended = true;
    requesting(-1);
    const measured = now() - start;
    const tell = guard(() => {
      if (!unfinished.delete(tell)) {
        return;
      }
      url.hash = '';
      const entry = (performance.getEntriesByName(url.href, 'resource') as PerformanceResourceTiming[]).find(
        (each) => each.startTime >= start - 1
      );
      const duration = entry?.duration || measured;
      event(
        'faro.tracing.' + kind,
        start + duration,
        {
          ...(entry && phases(entry)),
          'url.full': clean(url.href),
          'http.request.method': method.toUpperCase(),
          'http.response.status_code': status,
          'error.type': failure,
          duration_ns: duration * 1e6,
        },
        { ...action, ...traceOf(traceparent ?? given) },
        of
      );
    });
    unfinished.add(tell);
    setTimeout(tell, tail);
  });
  return { traceparent, end };
});

/** A page that is being left has no time for the tail. */
export function observeNetwork(): void {
  whenLeaving(() => unfinished.forEach((tell) => tell()));
}
