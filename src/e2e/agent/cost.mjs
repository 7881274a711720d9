// Prints what the agent and the Faro Web SDK cost a page in Chromium at a quarter of the machine's speed. It is measured by
// people, not asserted: CHROME_PATH=/usr/bin/chromium npm run measure:agent
//
// Times are the main thread's own (the thread clock of Chromium's trace events), not those of the clock on the wall, so
// that what else the machine does counts little. The contestants take turns, and the median of all rounds is told.
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { URL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';

const rounds = Number(process.env.ROUNDS ?? 11);
const watched = 4000; // ms of each page

// The page starts both as their documentation says: the agent by its tag, Faro by a call.
const contestants = {
  'no script': { script: '', page: '' },
  'the agent': {
    script: await readFile('pkg/agent/built/agent.js', 'utf8'),
    page: '<script async src="/script.js?of=the agent" data-app="cost"></script>',
  },
  'Faro Web SDK with tracing': {
    script: await readFile('bin/demo/faro.js', 'utf8'),
    page: `<script src="/script.js?of=Faro Web SDK with tracing"></script><script>
      GrafanaFaroWebSdk.initializeFaro({ url: '/collect', app: { name: 'cost', version: '1' }, trackResources: true,
        instrumentations: [...GrafanaFaroWebSdk.getWebInstrumentations(), new GrafanaFaroWebTracing.TracingInstrumentation()] })</script>`,
  },
};

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://page');
  const { script, page } = contestants[searchParams.get('of')] ?? {};
  if (pathname === '/collect') {
    request.resume().on('end', () => response.writeHead(202).end('{}'));
  } else if (pathname === '/script.js') {
    response.writeHead(200, { 'content-type': 'text/javascript' }).end(script);
  } else {
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>A page</title><link rel="icon" href="data:,">
      ${page}<h1>A page</h1>`);
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address();
const browser = await chromium.launch({ executablePath: process.env.CHROME_PATH, args: ['--no-sandbox'] });
const devtools = await browser.newBrowserCDPSession();

/** The trace events of a page's first seconds. */
async function record(who) {
  const page = await (await browser.newContext()).newPage();
  await (await page.context().newCDPSession(page)).send('Emulation.setCPUThrottlingRate', { rate: 4 });
  const events = [];
  const keep = ({ value }) => events.push(...value);
  devtools.on('Tracing.dataCollected', keep);
  await devtools.send('Tracing.start', { transferMode: 'ReportEvents', traceConfig: { includedCategories: ['devtools.timeline', 'toplevel'] } });
  await page.goto(`http://127.0.0.1:${port}/?of=${encodeURIComponent(who)}`, { waitUntil: 'load' });
  await page.waitForTimeout(watched);
  const complete = new Promise((resolve) => devtools.once('Tracing.tracingComplete', resolve));
  await devtools.send('Tracing.end');
  await complete;
  devtools.off('Tracing.dataCollected', keep);
  await page.context().close();
  return events;
}

const begins = /^(EvaluateScript|v8\.compile|FunctionCall|TimerFire|FireIdleCallback|RunMicrotasks)$/;

/** What the page's scripts took of the main thread, in ms: at once, in all, and the longest time without a pause. */
function cost(events) {
  const parsed = events.find(({ name, args }) => name === 'ParseHTML' && args?.beginData?.url?.includes(`:${port}/`));
  const own = ({ pid, tid, ph }) => ph === 'X' && pid === parsed.pid && tid === parsed.tid;
  const ran = events.filter((event) => own(event) && begins.test(event.name) && event.ts >= parsed.ts).sort((a, b) => a.ts - b.ts || b.dur - a.dur);
  let end = 0;
  const outermost = ran.filter(({ ts, dur }) => ts >= end && (end = ts + dur));
  const sum = (all) => all.reduce((ms, { tdur = 0 }) => ms + tdur / 1000, 0);
  return {
    atOnce: sum(outermost.filter(({ name }) => name === 'EvaluateScript' || name === 'v8.compile')),
    all: sum(outermost),
    longest: Math.max(0, ...outermost.map(({ tdur = 0 }) => tdur / 1000)),
    long: events.filter((event) => own(event) && event.name === 'RunTask' && event.ts + event.dur > parsed.ts && event.tdur >= 50_000).length,
  };
}

const seen = Object.fromEntries(Object.keys(contestants).map((who) => [who, []]));
for (let round = 0; round < rounds; round++) {
  for (const who of Object.keys(contestants)) {
    seen[who].push(cost(await record(who)));
  }
}
await browser.close();
server.close();

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
console.log('| | after gzip | at once, ms | in four seconds, ms | longest piece, ms | tasks over 50 ms |\n|---|---|---|---|---|---|');
for (const [who, all] of Object.entries(seen)) {
  const of = (key) => median(all.map((one) => one[key]));
  const { script } = contestants[who];
  const size = script && `${(gzipSync(script).length / 1000).toFixed(1)} kB`;
  console.log(`| ${who} | ${size} | ${of('atOnce').toFixed(1)} | ${of('all').toFixed(1)} | ${of('longest').toFixed(1)} | ${of('long')} |`);
}
