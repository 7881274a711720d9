import { expect, test } from '@grafana/plugin-e2e';
import { provisioned } from './sightline';

test('an annotation query marks deploys', async ({ annotationEditPage, page }) => {
  await annotationEditPage.datasource.set(provisioned.name);
  await expect(page.getByText('Deploys', { exact: true }).first()).toBeVisible();
  await expect(annotationEditPage.runQuery()).toBeOK();
  await expect(page.getByText(/[1-9]\d* events \(from/)).toBeVisible();
});
