import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** The trace that the pages' server says it has, in Server-Timing. */
export const pageTrace = '0af7651916cd43dd8448eb211c80319c';

/** A small site whose pages do, each on purpose, what the agent has to notice. */
export class Site {
  /** The headers of the requests to /api, by path: the last of each. */
  readonly asked = new Map<string, IncomingMessage['headers']>();

  private constructor(
    private readonly server: Server,
    readonly url: string
  ) {}

  /**
   * @param script the agent's script tag, with the attributes a test is about
   * @param headers of the pages, such as a policy
   */
  static async start(script: string, headers: Record<string, string> = {}): Promise<Site> {
    const answer = (request: IncomingMessage, response: ServerResponse) => {
      const { pathname } = new URL(request.url ?? '/', 'http://site');
      const send = (type: string, body: string, status = 200) => response.writeHead(status, { 'content-type': type }).end(body);
      if (pathname.startsWith('/api/')) {
        site.asked.set(pathname, request.headers);
        response.setHeader('server-timing', 'db;dur=12.5, app;dur=31');
        setTimeout(() => send('application/json', '{"ok":true}', pathname.endsWith('/missing') ? 404 : 200), 40);
      } else if (pathname === '/slow.svg') {
        setTimeout(() => send('image/svg+xml', picture), 600);
      } else if (pathname === '/late.js') {
        send('text/javascript', 'const end = performance.now() + 300; while (performance.now() < end);');
      } else if (pathname === '/gone.png') {
        send('text/plain', 'gone', 404);
      } else {
        Object.entries(headers).forEach(([name, value]) => response.setHeader(name, value));
        response.setHeader('server-timing', `traceparent;desc="00-${pageTrace}-00f067aa0ba902b7-01"`);
        send('text/html', page(script));
      }
    };
    const server = createServer((request, response) => answer(request, response));
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const site = new Site(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
    return site;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

// A picture of few bytes is taken for a background and is no largest paint.
const squares = Array.from({ length: 60 }, (_, n) => `<rect x="${n * 10}" y="${n * 6}" width="9" height="9" fill="rgb(${n * 4},90,90)"/>`);
const picture = `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400"><rect width="600" height="400" fill="teal"/>${squares.join('')}</svg>`;

const app = `
  const id = (name) => document.getElementById(name);
  setTimeout(() => { const late = document.createElement('div'); late.className = 'late'; id('room').append(late); }, 700);
  id('slow').onclick = () => { const end = performance.now() + 250; while (performance.now() < end); id('out').textContent = 'done'; };
  id('throw').onclick = () => { throw new RangeError('out of stock'); };
  id('ask').onclick = async () => {
    await fetch('/api/basket?token=secret', { method: 'POST', body: '{}' });
    const request = new XMLHttpRequest(); request.open('GET', '/api/missing'); request.send();
  };
  id('go').onclick = async () => {
    history.pushState({}, '', '/orders/17?q=jane');
    window.sightline?.route?.('/orders/:id');
    await fetch('/api/orders');
    id('out').textContent = 'orders';
  };
`;

const page = (script: string) => `<!doctype html><html><head><title>A page</title>${script}
<link rel="icon" href="data:,">
<style>.late{height:120px;background:gold} button{display:block;margin:20px}</style></head><body>
<div id="room"></div><h1>A page</h1><img id="hero" src="/slow.svg" width="600" height="400">
<button id="slow" type="button" data-sightline-name="voucher">Slow</button>
<button id="dead" type="button">Nothing</button>
<button id="rage" type="button">Nothing either</button>
<button id="throw" type="button">Throw</button>
<button id="ask" type="button">Ask</button>
<button id="go" type="button">Go</button>
<p id="out"></p>
<script>${app}</script></body></html>`;
