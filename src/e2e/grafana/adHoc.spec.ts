import { expect, test } from '@grafana/plugin-e2e';
import { day, provisioned } from './sightline';

test('a click on a cell of a dashboard narrows every panel, and the way to the next dashboard', async ({
  gotoDashboardPage,
  page,
}) => {
  const dashboard = await gotoDashboardPage({ uid: 'sightline-sessions', timeRange: day });
  const list = dashboard.getPanelByTitle('Worst sessions').locator;
  const cell = list.getByRole('cell', { name: 'Safari' }).first();
  await cell.hover();
  const narrowed = page.waitForRequest(
    (request) => request.url().includes('/api/ds/query') && (request.postData() ?? '').includes('adHocFilters')
  );
  await cell.getByLabel('Filter for value').click();
  expect((await narrowed).postDataJSON()).toMatchObject({
    queries: [{ adHocFilters: [{ key: 'browser', operator: '=', values: ['Safari'] }] }],
  });
  await expect(page).toHaveURL(/var-filters=browser%7C%3D%7CSafari/);
  await expect(list.getByText('Chrome', { exact: true })).toHaveCount(0);

  await page.getByRole('link', { name: 'Errors', exact: true }).first().click();
  await expect(page).toHaveURL(/sightline-errors.*var-filters=browser%7C%3D%7CSafari/);
});

test('a click on a cell in Explore narrows the query', async ({ explorePage, page }) => {
  await explorePage.datasource.set(provisioned.name);
  const row = explorePage.getQueryEditorRow('A');
  const cell = page.getByRole('cell', { name: '/product/:id' }).first();
  await cell.hover();
  await cell.getByLabel('Filter for value').click();
  await expect(row.getByLabel('Filter 1: dimension')).toBeVisible();
  await expect(page.getByRole('cell', { name: '/product/:id' }).first()).toBeVisible();
  await expect(page.getByRole('cell', { name: '/cart' })).toHaveCount(0);
});
