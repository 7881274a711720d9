import { createReadStream } from 'node:fs';
import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { expect, type Page, test } from '@playwright/test';
import type Axe from 'axe-core';

// The editors as people meet them in the oldest and the newest Grafana: same plugin, two sets of @grafana/ui.

const built = join(__dirname, '../../bin/editors');

let server: Server;
let address: string;

test.beforeAll(async () => {
  server = createServer((request, response) => {
    const { pathname } = new URL(request.url ?? '/', 'http://localhost');
    response.setHeader('Content-Type', pathname.endsWith('.js') ? 'text/javascript' : 'text/html');
    createReadStream(join(built, pathname)).on('error', () => response.writeHead(404).end()).pipe(response);
  });
  await new Promise<void>((listening) => server.listen(0, '127.0.0.1', listening));
  address = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
});

test.afterAll(() => void server.close());

for (const version of ['10.1', '13']) {
  test.describe(`in Grafana ${version}`, () => {
    const open = async (page: Page, parameters: Record<string, string>) => {
      const broken: string[] = [];
      page.on('pageerror', (error) => broken.push(error.message));
      await page.goto(`${address}/${version}/index.html?${new URLSearchParams(parameters).toString()}`);
      await expect(page.locator('#saved')).toBeVisible();
      return broken;
    };
    const saved = async (page: Page) => JSON.parse((await page.locator('#saved').textContent()) ?? '') as unknown;
    const choose = async (page: Page, field: string, option: string) => {
      await page.getByLabel(field, { exact: true }).first().click();
      await page.getByText(option, { exact: true }).last().click();
    };
    const keep = (page: Page, name: string) => page.screenshot({ path: `test-results/editors/${version}-${name}.png`, fullPage: true });

    test('a question is put together by choosing', async ({ page }) => {
      const broken = await open(page, { editor: 'query' });
      await expect.poll(() => saved(page)).toMatchObject({ queryType: 'vitals', metric: 'lcp', format: 'timeseries' });
      await choose(page, 'Measure', 'INP');
      await choose(page, 'Format', 'Table');
      await choose(page, 'Group by', 'Route');
      await choose(page, 'Compare with', 'Before the last deploy');
      await page.getByRole('button', { name: 'Add filter' }).click();
      await choose(page, 'Filter 1: dimension', 'Browser');
      await choose(page, 'Filter 1: values', 'Safari');
      await page.keyboard.press('Escape');
      expect(await saved(page)).toMatchObject({
        metric: 'inp',
        format: 'table',
        groupBy: ['route'],
        compare: 'deploy',
        filters: [{ key: 'browser', operator: '=', values: ['Safari'] }],
      });
      await expect(page.locator('#runs')).toHaveText('5');
      await keep(page, 'query');
      expect(broken).toEqual([]);
    });

    test('the list of questions says what each answers, and the keyboard reaches all of them', async ({ page }) => {
      await open(page, { editor: 'query', query: '{"queryType":"vitals","format":"timeseries"}' });
      await page.getByLabel('Question', { exact: true }).focus();
      await page.keyboard.press('ArrowDown');
      await expect(page.getByText('What breaks?')).toBeVisible();
      await expect(page.getByText('Slow, broken or frustrated visits, worst first')).toBeVisible();
      await keep(page, 'questions');
      await page.keyboard.type('evidence');
      await page.keyboard.press('Enter');
      await expect.poll(() => saved(page)).toMatchObject({ queryType: 'evidence' });
    });

    test('a value is suggested, typed, or a template variable', async ({ page }) => {
      await open(page, { editor: 'query', query: '{"queryType":"errors","filters":[{"key":"route","operator":"=","values":[]}]}' });
      await choose(page, 'Filter 1: values', '/checkout');
      await page.getByLabel('Filter 1: values').fill('/basket');
      await page.keyboard.press('Enter');
      await page.getByLabel('Filter 1: values').fill('$route');
      await page.keyboard.press('Enter');
      expect(await saved(page)).toMatchObject({ filters: [{ values: ['/checkout', '/basket', '$route'] }] });
    });

    test('what is rarely needed is folded, and the SQL is there to be read', async ({ page }) => {
      await open(page, { editor: 'query', query: '{"queryType":"errorBursts","format":"table"}' });
      await expect(page.getByLabel('Window')).toHaveCount(0);
      await page.getByRole('button', { name: 'Options', exact: true }).click();
      await page.locator('[id$=-window]').fill('10m');
      await page.keyboard.press('Enter');
      expect(await saved(page)).toMatchObject({ window: '10m' });
      await page.getByRole('button', { name: 'Show the SQL' }).click();
      await expect(page.getByRole('region', { name: 'SQL that answered this query' })).toHaveText('SELECT quantile(0.75)(value)');
      await expect(page.getByRole('textbox', { name: /sql/i })).toHaveCount(0);
      await keep(page, 'options');
    });

    test('an alert rule is offered numbers only, and told why', async ({ page }) => {
      await open(page, { editor: 'query', app: 'alert' });
      await expect.poll(() => saved(page)).toMatchObject({ queryType: 'vitals', format: 'numeric' });
      await expect(page.getByText(/An alert rule takes numbers and time series/)).toBeVisible();
      await page.getByLabel('Question', { exact: true }).click();
      await expect(page.getByText('Error bursts')).toBeVisible();
      await expect(page.getByText('Sessions', { exact: true })).toHaveCount(0);
      await keep(page, 'alert');
    });

    test('Explore begins with the routes', async ({ page }) => {
      await open(page, { editor: 'query', app: 'explore' });
      await expect.poll(() => saved(page)).toMatchObject({ queryType: 'vitalsOverview', groupBy: ['route'] });
      await keep(page, 'explore');
    });

    test('a variable lists values that another variable narrows', async ({ page }) => {
      await open(page, { editor: 'variable' });
      await choose(page, 'Values of', 'Release');
      await page.getByRole('button', { name: 'Add filter' }).click();
      await choose(page, 'Filter 1: dimension', 'Route');
      await choose(page, 'Filter 1: values', '$route');
      expect(await saved(page)).toMatchObject({
        queryType: 'variable',
        dimension: 'release',
        filters: [{ key: 'route', operator: '=', values: ['$route'] }],
      });
      await keep(page, 'variable');
    });

    test('an annotation marks deploys or error bursts', async ({ page }) => {
      await open(page, { editor: 'annotation' });
      await expect.poll(() => saved(page)).toMatchObject({ queryType: 'deploys', format: 'annotations' });
      await choose(page, 'Question', 'Error bursts');
      expect(await saved(page)).toMatchObject({ queryType: 'errorBursts', format: 'annotations' });
      await keep(page, 'annotation');
    });

    test('a data source is set up and linked', async ({ page }) => {
      const broken = await open(page, { editor: 'config' });
      await expect(page.getByText('User sightline_reader.', { exact: false })).toBeVisible();
      await page.locator('#sightline-address').fill('db:9440');
      await page.getByRole('radio', { name: 'Native' }).press('Space');
      await page.locator('#sightline-secure').press('Space');
      await page.locator('#sightline-password').fill('secret');
      await page.locator('#sightline-tempoUid').click();
      await expect(page.getByText('Our logs', { exact: true })).toHaveCount(0);
      await page.getByText('Our traces', { exact: true }).click();
      await page.locator('#sightline-lokiUid').click();
      await page.getByText('Our logs', { exact: true }).click();
      await page.locator('#sightline-loki-query').fill('{app="shop"} |= "${traceId}"');
      await page.getByText('Access', { exact: true }).click();
      await page.getByText('Limits', { exact: true }).click();
      await page.locator('#sightline-maxRows').fill('500');
      expect(await saved(page)).toEqual({
        address: 'db:9440',
        protocol: 'native',
        secure: true,
        password: 'secret',
        tempoUid: 'traces-1',
        lokiUid: 'logs-1',
        lokiQuery: '{app="shop"} |= "${traceId}"',
        maxRows: 500,
      });
      await keep(page, 'config');
      expect(broken).toEqual([]);
    });

    const filters = '[{"key":"os","operator":"=","values":["iOS"]}]';
    const shown: Record<string, Record<string, string>> = {
      'query editor': { editor: 'query', query: `{"queryType":"vitals","format":"table","filters":${filters}}` },
      'config editor': { editor: 'config', settings: '{"address":"db","secure":true,"lokiUid":"logs-1"}' },
    };
    for (const [name, parameters] of Object.entries(shown)) {
      for (const theme of ['dark', 'light']) {
        test(`the ${name} can be read by a screen reader, and in ${theme}`, async ({ page }) => {
          await open(page, { ...parameters, theme });
          await expect(page.getByText(/Question|Connection/).first()).toBeVisible();
          expect(await barriersOn(page)).toEqual([]);
        });
      }
    }
  });
}

/** What stands in the way of people who do not see the page, or not well, as "rule: element". */
async function barriersOn(page: Page): Promise<string[]> {
  await page.addScriptTag({ path: require.resolve('axe-core') });
  return page.evaluate(async () => {
    const { axe } = window as unknown as { axe: typeof Axe };
    // Grafana's own switch names a label that needs no name; its input is named by the field.
    const scope = { include: [['#page']], exclude: [['label[aria-label="Toggle switch"]']] };
    const { violations } = await axe.run(scope, { runOnly: ['wcag2a', 'wcag2aa'] });
    return violations.flatMap(({ id, nodes }) => nodes.map(({ html }) => `${id}: ${html.slice(0, 200)}`));
  });
}
