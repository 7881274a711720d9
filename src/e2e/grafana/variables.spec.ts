import { expect, test } from '@grafana/plugin-e2e';
import { choose, provisioned } from './sightline';

test('a variable lists the routes that visitors see', async ({ variableEditPage, page }) => {
  await variableEditPage.setVariableType('Query');
  await variableEditPage.datasource.set(provisioned.name);
  await choose(page, 'Values of', 'Route');
  await variableEditPage.runQuery();
  await expect(variableEditPage).toDisplayPreviews(['/product/:id', '/category/:slug', '/cart']);
});

test('a variable is narrowed by a filter', async ({ variableEditPage, page }) => {
  await variableEditPage.setVariableType('Query');
  await variableEditPage.datasource.set(provisioned.name);
  await choose(page, 'Values of', 'OS');
  await page.getByRole('button', { name: 'Add filter' }).click();
  await choose(page, 'Filter 1: dimension', 'Browser');
  await choose(page, 'Filter 1: values', 'Safari');
  await page.keyboard.press('Escape'); // the list stays open for more values
  await variableEditPage.runQuery();
  await expect(variableEditPage).toDisplayPreviews(['iOS']);
  await expect(page.getByText('Android', { exact: true }), 'nobody has Safari there').toHaveCount(0);
});
