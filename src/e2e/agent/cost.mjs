// Prints what the agent and the Faro Web SDK cost a page in Chromium at a quarter of the machine's speed. It is measured by
// people, not asserted: CHROME_PATH=/usr/bin/chromium npm run measure:agent
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { URL } from 'node:url';
import { gzipSync } from 'node:zlib';
import { chromium } from 'playwright-core';

const rounds = 5;
const scripts = {
  'no script': '',
  'the agent': await readFile('pkg/agent/built/agent.js', 'utf8'),
  'Faro Web SDK with tracing': await readFile('bin/demo/faro.js', 'utf8'),
};
const starts = {
  'no script': '',
  'the agent': `sightline.init({ app: 'cost', collector: '/collect' })`,
  'Faro Web SDK with tracing': `GrafanaFaroWebSdk.initializeFaro({ url: '/collect', app: { name: 'cost', version: '1' }, trackResources: true,
    instrumentations: [...GrafanaFaroWebSdk.getWebInstrumentations(), new GrafanaFaroWebTracing.TracingInstrumentation()] })`,
};

const server = createServer((request, response) => {
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://page');
  const who = searchParams.get('who') ?? '';
  if (pathname === '/collect') {
    request.resume().on('end', () => response.writeHead(202).end('{}'));
  } else if (pathname === '/script.js') {
    response.writeHead(200, { 'content-type': 'text/javascript' }).end(scripts[who]);
  } else {
    response.writeHead(200, { 'content-type': 'text/html' }).end(`<!doctype html><title>A page</title><link rel="icon" href="data:,">
      <script>window.long = []; new PerformanceObserver((list) => long.push(...list.getEntries().map((task) => task.duration))).observe({ type: 'longtask' });</script>
      <script src="/script.js?who=${encodeURIComponent(who)}"></script><script>${starts[who] ?? ''}</script><h1>A page</h1>`);
  }
});
await new Promise((resolve) => server.listen(0, '127.0.0.1', resolve));
const { port } = server.address();
const browser = await chromium.launch({ executablePath: process.env.CHROME_PATH, args: ['--no-sandbox'] });

const seen = Object.fromEntries(Object.keys(scripts).map((who) => [who, []]));
for (let round = 0; round < rounds; round++) {
  for (const who of Object.keys(scripts)) {
    const page = await (await browser.newContext()).newPage();
    const devtools = await page.context().newCDPSession(page);
    await devtools.send('Emulation.setCPUThrottlingRate', { rate: 4 });
    await devtools.send('Performance.enable', { timeDomain: 'threadTicks' });
    await page.goto(`http://127.0.0.1:${port}/?who=${encodeURIComponent(who)}`, { waitUntil: 'load' });
    await page.waitForTimeout(4000);
    const { metrics } = await devtools.send('Performance.getMetrics');
    const ms = (name) => (metrics.find((metric) => metric.name === name)?.value ?? 0) * 1000;
    const long = await page.evaluate('long.length');
    seen[who].push({ script: ms('ScriptDuration'), task: ms('TaskDuration'), long });
    await page.context().close();
  }
}
await browser.close();
server.close();

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];
console.log('| | after gzip | script, ms | main thread, ms | long tasks |\n|---|---|---|---|---|');
for (const [who, all] of Object.entries(seen)) {
  const of = (key) => median(all.map((one) => one[key]));
  const size = scripts[who] ? `${(gzipSync(scripts[who]).length / 1000).toFixed(1)} kB` : '';
  console.log(`| ${who} | ${size} | ${of('script').toFixed(1)} | ${of('task').toFixed(0)} | ${of('long')} |`);
}
