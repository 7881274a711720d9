import { dirname, join } from 'node:path';
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

export default defineConfig<PluginOptions>({
  timeout: 240_000, // a busy machine takes a minute to open a page of Grafana
  expect: { timeout: 60_000 },
  workers: 1,
  reporter: 'list',
  outputDir: join(root, 'test-results/grafana'),
  use: {
    baseURL: process.env.GRAFANA_URL,
    viewport: { width: 1600, height: 1000 },
    launchOptions: { executablePath: process.env.CHROME_PATH, args: ['--no-sandbox'] },
    screenshot: 'on',
    trace: 'retain-on-failure',
  },
  projects: [
    {
      name: 'login',
      testDir: join(dirname(require.resolve('@grafana/plugin-e2e')), 'auth'),
      testMatch: 'auth.setup.js',
    },
    {
      name: 'grafana',
      testDir: __dirname,
      dependencies: ['login'],
      use: { storageState: join(root, `playwright/.auth/${admin}.json`) }, // where plugin-e2e's login keeps it
    },
  ],
});
