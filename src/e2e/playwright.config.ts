import { defineConfig } from '@playwright/test';

// A headless browser says so in its user agent and is counted as a bot, rightly: these visit as a person would. It is
// set for the whole browser, since a page's own setting does not reach the beacons it sends while it is being left.
const desktop =
  'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36';

export default defineConfig({
  testDir: '.',
  testIgnore: 'grafana/**', // these have a Grafana and a configuration of their own
  timeout: 120_000,
  expect: { timeout: 20_000 }, // on a busy machine
  workers: 1,
  reporter: 'list',
  outputDir: '../../test-results',
  use: {
    launchOptions: {
      executablePath: process.env.CHROME_PATH,
      args: [
        '--no-sandbox',
        '--short-reporting-delay', // reports are sent at once, not once a minute
        '--ignore-certificate-errors',
        '--disable-background-networking',
        '--disable-component-update',
        '--disable-sync',
        `--user-agent=${desktop}`,
      ],
    },
    trace: 'retain-on-failure',
  },
});
