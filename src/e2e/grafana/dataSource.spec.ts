import { expect, test } from '@grafana/plugin-e2e';
import { pluginType } from './sightline';
import { type Store, storeFromEnvironment } from './store';

test('a data source is added by hand, and says how fresh its data is', async ({ page, gotoDataSourceConfigPage }) => {
  const store = storeFromEnvironment();
  const created = page.waitForResponse(
    (response) => response.url().endsWith('/api/datasources') && response.request().method() === 'POST'
  );
  await page.goto('/connections/datasources/new');
  await page.getByPlaceholder('Filter by name or type').fill('Sightline');
  await page.getByRole('button', { name: /Sightline/ }).click();
  const { datasource } = (await (await created).json()) as { datasource: { uid: string } };
  try {
    const config = await gotoDataSourceConfigPage(datasource.uid);
    await page.locator('#sightline-address').fill(store.address);
    await page.locator('#sightline-username').fill(store.user);
    await page.locator('#sightline-password').fill(store.password);
    await page.locator('#sightline-database').fill(store.database);
    await expect(config.saveAndTest()).toBeOK();
    await expect(config).toHaveAlert('success', { hasText: /last beacon/i });
  } finally {
    await page.request.delete(`/api/datasources/uid/${datasource.uid}`);
  }
});

for (const [what, broken, advice] of [
  ['a wrong password', { password: 'wrong' }, /password/i],
  ['an address where nothing answers', { address: '127.0.0.1:1' }, /address|running|reach/i],
  ['a database without the schema', { database: 'elsewhere' }, /database|sightline migrate|sightline serve/i],
] as Array<[string, Partial<Store>, RegExp]>) {
  test(`Save & test says what to do about ${what}`, async ({ createDataSource, gotoDataSourceConfigPage }) => {
    const store = { ...storeFromEnvironment(), ...broken };
    const { uid } = await createDataSource({
      type: pluginType,
      name: `Sightline with ${what}`,
      jsonData: { address: store.address, protocol: 'http', database: store.database, username: store.user },
      secureJsonData: { password: store.password },
    });
    const config = await gotoDataSourceConfigPage(uid);
    try {
      expect((await config.saveAndTest()).status()).toBe(400);
      await expect(config).toHaveAlert('error', { hasText: advice });
    } finally {
      await config.deleteDataSource();
    }
  });
}
