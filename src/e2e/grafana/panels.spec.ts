import { expect, type PanelEditPage, test } from '@grafana/plugin-e2e';
import { choose, day, provisioned, worstSession } from './sightline';

const start = async (panel: PanelEditPage, visualization: string) => {
  await panel.datasource.set(provisioned.name);
  await panel.timeRange.set(day);
  await panel.setVisualization(visualization);
};

test('a new panel shows LCP over time, and the chosen vital by browser', async ({ panelEditPage, page }) => {
  await start(panelEditPage, 'Time series');
  const row = panelEditPage.getQueryEditorRow('A');
  await expect(row.getByText('Web Vital', { exact: true })).toBeVisible();
  await choose(row, 'Measure', 'INP');
  await choose(row, 'Group by', 'Browser');
  await page.keyboard.press('Escape');
  await expect(panelEditPage.refreshPanel()).toBeOK();
  await expect(panelEditPage.panel.locator.locator('.u-over')).toBeVisible();
  for (const browser of ['Chrome', 'Safari', 'Firefox']) {
    await expect(panelEditPage.panel.locator.getByText(browser).first(), 'a line for each browser').toBeVisible();
  }
  await expect(panelEditPage.panel.getErrorIcon()).toHaveCount(0);
});

test('a table panel lists every Core Web Vital by route', async ({ panelEditPage, page }) => {
  await start(panelEditPage, 'Table');
  const row = panelEditPage.getQueryEditorRow('A');
  await choose(row, 'Question', 'Web Vitals overview');
  await choose(row, 'Group by', 'Route');
  await page.keyboard.press('Escape');
  await expect(panelEditPage.refreshPanel()).toBeOK();
  const columns = ['Route', 'Core Web Vitals', 'LCP p75', 'INP p75', 'CLS p75'];
  await expect(panelEditPage.panel.fieldNames).toContainText(columns);
  await expect(panelEditPage.panel.data.getByText('/checkout', { exact: true })).toBeVisible();
  await expect(panelEditPage.panel.getErrorIcon()).toHaveCount(0);
});

test('a table panel lists the error burst of the bad release', async ({ panelEditPage, page }) => {
  await start(panelEditPage, 'Table');
  const row = panelEditPage.getQueryEditorRow('A');
  await choose(row, 'Question', 'Error bursts');
  await choose(row, 'Format', 'Table');
  await row.getByRole('button', { name: 'Options', exact: true }).click();
  await row.locator('[id$=-window]').fill('1h');
  await page.keyboard.press('Enter');
  await expect(panelEditPage.refreshPanel()).toBeOK();
  await expect(panelEditPage.panel.data.getByText('TypeError').first()).toBeVisible();
  await expect(panelEditPage.panel.data.getByText('/checkout').first()).toBeVisible();
  await expect(panelEditPage.panel.getErrorIcon()).toHaveCount(0);
});

test('a session of the sessions table opens in a waterfall panel', async ({ panelEditPage, page }) => {
  const { sessionId } = await worstSession(page);
  await start(panelEditPage, 'Table');
  const row = panelEditPage.getQueryEditorRow('A');
  await choose(row, 'Question', 'Sessions');
  await expect(panelEditPage.refreshPanel()).toBeOK();
  await expect(panelEditPage.panel.data.getByText(sessionId).first()).toBeVisible();

  await panelEditPage.setVisualization('Traces');
  await choose(row, 'Question', 'Session');
  await row.locator('[id$=-session]').fill(sessionId);
  await page.keyboard.press('Enter');
  await choose(row, 'Format', 'Waterfall');
  await expect(panelEditPage.refreshPanel()).toBeOK();
  await expect(panelEditPage.panel.locator.getByText('page load').first()).toBeVisible();
  await expect(panelEditPage.panel.getErrorIcon()).toHaveCount(0);
});
