import { readFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';

const bundles = join(__dirname, '../../../bin/clients');
const boomerang = join(__dirname, '../../../node_modules/boomerangjs');

/** A boomerang as its build puts it together: the core and then the plugins, in the order of its plugins.json. */
const boomerangParts = [
  'boomerang.js',
  'plugins/auto-xhr.js',
  'plugins/history.js',
  'plugins/rt.js',
  'plugins/painttiming.js',
  'plugins/navtiming.js',
  'plugins/restiming.js',
  'plugins/mobile.js',
  'plugins/memory.js',
  'plugins/compression.js',
  'plugins/errors.js',
  'plugins/eventtiming.js',
  'plugins/continuity.js',
  'plugins/bfcache.js',
];

/** A small site whose pages differ only in the client that watches them. */
export class Site {
  private constructor(
    private readonly server: Server,
    readonly url: string
  ) {}

  /** @param headers of the pages, such as where the browser is to report to */
  static async start(headers: Record<string, string> = {}): Promise<Site> {
    const server = createServer((request, answer) => {
      const { pathname } = new URL(request.url ?? '/', 'http://site');
      const send = (type: string, body: string | Buffer, status = 200) =>
        answer.writeHead(status, { 'content-type': type, 'server-timing': 'total;dur=3' }).end(body);
      const serve = async () => {
        const [, kind, name] = pathname.split('/');
        if (kind === 'boomerang.js') {
          const parts = await Promise.all(boomerangParts.map((part) => readFile(join(boomerang, part), 'utf8')));
          send('text/javascript', parts.join('\n;\n'));
        } else if (kind === 'client') {
          send('text/javascript', await readFile(join(bundles, name)));
        } else if (kind === 'api') {
          setTimeout(() => send('application/json', '{"ok":true}', name === 'missing' ? 404 : 200), 30);
        } else if (kind === 'hero.svg') {
          setTimeout(() => send('image/svg+xml', hero), 40);
        } else {
          Object.entries(headers).forEach(([header, value]) => answer.setHeader(header, value));
          send('text/html', page(name ?? 'none'));
        }
      };
      serve().catch((error: unknown) => send('text/plain', String(error), 500));
    });
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    return new Site(server, `http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  }

  /** The address of the page that a client watches. */
  page(client: string, told: Record<string, string>): string {
    return `${this.url}/product/${client}?${new URLSearchParams(told)}`;
  }

  stop(): Promise<void> {
    this.server.closeAllConnections();
    return new Promise((resolve) => this.server.close(() => resolve()));
  }
}

const hero = `<svg xmlns="http://www.w3.org/2000/svg" width="600" height="400"><rect width="600" height="400" fill="teal"/></svg>`;

const boomerangStart = `<script src="/boomerang.js"></script><script>
  const told = new URL(location.href).searchParams;
  BOOMR.init({
    beacon_url: told.get('endpoint') + '/v1/boomerang?' + new URLSearchParams({app: told.get('app'), release: '1.4.2', environment: 'production', session: told.get('session')}),
    beacon_type: told.get('type') || 'AUTO',
    instrument_xhr: true, instrument_fetch: true,
    autorun: false, // its load beacon has the largest paint and the layout shift as they are when it is sent
    AutoXHR: {enabled: true, alwaysSendXhr: true}, History: {enabled: true, auto: true},
    Errors: {enabled: true, monitorGlobal: true, monitorConsole: true, sendAfterOnload: true, sendInterval: 100},
    Continuity: {enabled: true, monitorLongTasks: true, monitorLayoutShifts: true}, EventTiming: {enabled: true},
  });
  addEventListener('load', () => setTimeout(() => BOOMR.page_ready(), 700));
</script>`;

const start = (client: string) =>
  client === 'boomerang' ? boomerangStart : client === 'none' ? '' : `<script src="/client/${client}.js"></script>`;

const page = (client: string) => `<!doctype html><html><head><title>A product</title>
${start(client)}
<style>body{font:16px sans-serif} .late{height:120px;background:gold}</style></head><body>
<div id="room"></div><img class="hero" src="/hero.svg" width="600" height="400"><p>A product.</p>
<button id="buy" type="button" data-faro-user-action-name="buy">Put into basket</button> <button id="pay" type="button">Pay</button>
<script>
  setTimeout(() => { const late = document.createElement('div'); late.className = 'late'; document.querySelector('#room').append(late); }, 400);
  const busy = (ms) => { const end = performance.now() + ms; while (performance.now() < end); };
  document.querySelector('#buy').addEventListener('click', async () => {
    busy(150);
    await fetch('/api/basket?sku=1', {method: 'POST', body: '{}'});
    const request = new XMLHttpRequest();
    request.open('GET', '/api/missing');
    request.send();
  });
  document.querySelector('#pay').addEventListener('click', () => { throw new TypeError('no card of jane.doe@example.org'); });
</script></body></html>`;
