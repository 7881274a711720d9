import { guard } from './guard';
import { begin, type Failure } from './network';

/** Observes XMLHttpRequest. */
export function observeXHR(): void {
  type Own = { [Name in 'open' | 'send' | 'setRequestHeader']: (this: XMLHttpRequest, ...call: unknown[]) => void };
  const { open, send, setRequestHeader } = XMLHttpRequest.prototype as Own;
  const opened = new WeakMap<XMLHttpRequest, { method: string; url: string; given?: string }>();

  XMLHttpRequest.prototype.open = function (this: XMLHttpRequest, method: string, url: string | URL, ...rest: unknown[]) {
    guard(() => opened.set(this, { method: String(method), url: String(url) }))();
    open.call(this, method, url, ...rest);
  };

  XMLHttpRequest.prototype.setRequestHeader = function (name, value) {
    const request = opened.get(this);
    if (request && /^traceparent$/i.test(name)) {
      request.given = value;
    }
    setRequestHeader.call(this, name, value);
  };

  XMLHttpRequest.prototype.send = function (body) {
    guard(() => {
      const request = opened.get(this);
      const call = request && begin('xml-http-request', request.method, request.url, request.given);
      if (!call) {
        return;
      }
      if (call.traceparent) {
        setRequestHeader.call(this, 'traceparent', call.traceparent);
      }
      const failures: Failure[] = ['error', 'abort', 'timeout'];
      failures.forEach((failure) => this.addEventListener(failure, () => call.end(0, failure)));
      this.addEventListener('load', () => call.end(this.status));
    })();
    send.call(this, body);
  };
}
