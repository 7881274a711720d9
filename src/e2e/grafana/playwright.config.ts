import { join } from 'node:path';
import { defineConfig } from '@playwright/test';
import type { PluginOptions } from '@grafana/plugin-e2e';

// The screens of a running Grafana, whose address is GRAFANA_URL. They have a configuration of their own and do not skip
// themselves: a run either asks a real Grafana or does not begin. plugin-e2e is Grafana's own knowledge of where things
// are on its pages, version by version.

if (!process.env.GRAFANA_URL) {
  throw new Error(
    'These specs drive a running Grafana: set GRAFANA_URL to its address, such as http://127.0.0.1:3000 of ' +
      '`GRAFANA_HOME=… go tool mage demo` or of `docker compose up`'
  );
}

const root = join(__dirname, '../../..');
const admin = process.env.GRAFANA_ADMIN_USER ?? 'admin';
const password = process.env.GRAFANA_ADMIN_PASSWORD ?? 'admin';

export default defineConfig<PluginOptions>({
  timeout: 240_000, // a busy machine takes a minute to open a page of Grafana
  expect: { timeout: 60_000 },
  workers: 1,
  reporter: 'list',
  testDir: __dirname,
  outputDir: join(root, 'test-results/grafana'),
  use: {
    baseURL: process.env.GRAFANA_URL,
    viewport: { width: 1600, height: 1000 },
    launchOptions: { executablePath: process.env.CHROME_PATH, args: ['--no-sandbox'] },
    // Not a session from one login: Grafana changes its token every ten minutes, and a busy machine takes longer.
    extraHTTPHeaders: { Authorization: `Basic ${Buffer.from(`${admin}:${password}`).toString('base64')}` },
    screenshot: 'on',
    trace: 'retain-on-failure',
  },
});
