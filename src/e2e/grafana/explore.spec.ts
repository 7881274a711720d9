import { expect, test } from '@grafana/plugin-e2e';
import { choose, provisioned } from './sightline';

test('Explore begins with all vitals by route, and goes on to another question', async ({ explorePage, page }) => {
  await explorePage.datasource.set(provisioned.name);
  const row = explorePage.getQueryEditorRow('A');
  await expect(row.getByText('Web Vitals overview', { exact: true })).toBeVisible();
  await expect(explorePage.tablePanel.fieldNames).toContainText(['Route', 'Core Web Vitals', 'LCP p75']);
  await expect(page.getByRole('cell', { name: '/product/:id' }).first()).toBeVisible();

  await choose(row, 'Question', 'Web Vital');
  await choose(row, 'Format', 'Time series');
  await expect(explorePage.timeSeriesPanel.locator.locator('.u-over')).toBeVisible();
});
