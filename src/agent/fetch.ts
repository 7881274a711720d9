import { begin, type Failure } from './network';

const failures: Record<string, Failure> = { AbortError: 'abort', TimeoutError: 'timeout' };

/** Observes fetch. What the page gets is what it would have got. */
export function observeFetch(): void {
  const { fetch: original } = window as { fetch: (this: unknown, ...call: Parameters<typeof fetch>) => ReturnType<typeof fetch> };
  window.fetch = function (this: unknown, ...[input, init]: Parameters<typeof fetch>) {
    let told = init;
    let call: ReturnType<typeof begin>;
    try {
      const request = input instanceof Request ? input : undefined;
      const headers = new Headers(init?.headers ?? request?.headers);
      call = begin('fetch', init?.method ?? request?.method ?? 'GET', input instanceof Request ? input.url : input.toString(), headers.get('traceparent'));
      if (call?.traceparent) {
        headers.set('traceparent', call.traceparent);
        told = { ...init, headers };
      }
    } catch {
      told = init; // the browser will say what is wrong with it
    }
    const answer = original.call(this, input, told);
    if (call) {
      const { end } = call;
      answer.then(
        ({ status }) => end(status),
        ({ name }: Error) => end(0, failures[name] ?? 'error')
      );
    }
    return answer;
  };
}
