import { expect, test } from '@grafana/plugin-e2e';
import { choose, provisioned } from './sightline';

const title = 'Checkout is slow in Safari';

// The demo's incident: since release 2.5.0 the checkout is slow in Safari.
const slowCheckout = {
  refId: 'A',
  datasource: provisioned,
  queryType: 'vitals',
  metric: 'lcp',
  percentile: 75,
  format: 'numeric',
  groupBy: ['browser', 'release'],
  minSamples: 10,
  filters: [
    { key: 'route', operator: '=', values: ['/checkout'] },
    { key: 'browser', operator: '=', values: ['Safari'] },
  ],
};

test('an alert rule on a vital fires for the release that made it poor, and for no other', async ({ page }) => {
  test.slow(); // Grafana evaluates a new rule when its turn comes
  const made = await page.request.post('/api/folders', { data: { title: `Specs ${Date.now()}` } });
  const folder = (await made.json()) as { uid: string };
  try {
    const day = { from: 24 * 60 * 60, to: 0 };
    const created = await page.request.put(`/api/v1/provisioning/folder/${folder.uid}/rule-groups/specs`, {
      data: {
        title: 'specs',
        folderUid: folder.uid,
        interval: 10,
        rules: [
          {
            title,
            condition: 'B',
            for: '0s',
            orgID: 1,
            folderUID: folder.uid,
            ruleGroup: 'specs',
            noDataState: 'OK',
            execErrState: 'Error',
            data: [
              { refId: 'A', datasourceUid: provisioned.uid, relativeTimeRange: day, model: slowCheckout },
              {
                refId: 'B',
                datasourceUid: '__expr__',
                relativeTimeRange: day,
                model: { refId: 'B', type: 'math', expression: '$A > 4000' },
              },
            ],
          },
        ],
      },
    });
    expect(created.ok(), await created.text()).toBe(true);

    const firing = async () => {
      const answer = await page.request.get('/api/prometheus/grafana/api/v1/rules');
      const { data } = (await answer.json()) as { data: { groups: Array<{ rules: Rule[] }> } };
      const rule = data.groups.flatMap(({ rules }) => rules).find(({ name }) => name === title);
      return rule?.alerts?.filter(({ state }) => state === 'Alerting').map(({ labels }) => labels);
    };
    await expect.poll(firing, { timeout: 120_000 }).toMatchObject([{ browser: 'Safari', release: '2.5.0' }]);

    await page.goto(`/alerting/list?search=${encodeURIComponent(title)}&view=state`);
    await expect(page.getByText('Firing', { exact: true }).first()).toBeVisible();
  } finally {
    await page.request.delete(`/api/folders/${folder.uid}?forceDeleteRules=true`);
  }
});

interface Rule {
  name: string;
  alerts?: Array<{ state: string; labels: Record<string, string> }>;
}

test('the page of an alert rule offers questions with numbers only, and evaluates them', async ({
  alertRuleEditPage,
  page,
}) => {
  const row = await alertRuleEditPage.getQueryRow('A');
  await row.datasource.set(provisioned.name);
  await expect(row.locator.getByText(/An alert rule takes numbers and time series/)).toBeVisible();
  await row.locator.getByLabel('Question', { exact: true }).click();
  const menu = page.locator('[aria-label="Select options menu"]');
  await expect(menu.getByText('Error bursts', { exact: true })).toBeVisible();
  await expect(menu.getByText('Sessions', { exact: true })).toHaveCount(0);
  await page.keyboard.press('Escape');
  await choose(row.locator, 'Measure', 'CLS');
  await expect(alertRuleEditPage.evaluate()).toBeOK();
});
