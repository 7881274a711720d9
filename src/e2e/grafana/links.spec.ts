import { expect, test } from '@grafana/plugin-e2e';
import type { Locator, Page } from '@playwright/test';
import { day, worstSession } from './sightline';

const sessions = { uid: 'sightline-sessions', timeRange: day };

test('a click on a slow session shows its waterfall', async ({ gotoDashboardPage, page }) => {
  const { sessionId } = await worstSession(page);
  const dashboard = await gotoDashboardPage(sessions);
  const list = dashboard.getPanelByTitle('Worst sessions').locator;
  await list.getByText(sessionId, { exact: true }).click();
  await linkIn(page, 'Session').click();
  await expect(page).toHaveURL(new RegExp(`var-session=${sessionId}`));
  const waterfall = dashboard.getPanelByTitle(`Waterfall of session ${sessionId}`).locator;
  await expect(waterfall.getByText('page load').first()).toBeVisible();
  // Grafana draws a panel only when somebody gets there; the wheel turns beside the panels, which scroll by themselves.
  await page.mouse.move(8, 500);
  await page.mouse.wheel(0, 2000);
  const timeline = dashboard.getPanelByTitle(`Timeline of session ${sessionId}`).locator;
  await expect(timeline.getByText('/checkout').first()).toBeVisible();
});

test('the trace of a slow session leads to that trace in Tempo and to its lines in Loki', async ({
  gotoDashboardPage,
  page,
}) => {
  const { traceId } = await worstSession(page);
  const dashboard = await gotoDashboardPage(sessions);
  await dashboard.getPanelByTitle('Worst sessions').locator.getByText(traceId, { exact: true }).click();
  expect(await explored(linkIn(page, 'Trace in Tempo'))).toMatchObject({
    datasource: 'tempo',
    queries: [{ queryType: 'traceql', query: traceId }],
  });
  expect(await explored(linkIn(page, 'Logs in Loki'))).toMatchObject({
    datasource: 'loki',
    range: day, // that of the dashboard: the lines are as old as the session
    queries: [{ expr: `{service_name=~".+"} |= "${traceId}"` }],
  });
  expect(await explored(linkIn(page, 'Session of the trace'))).toMatchObject({
    queries: [{ queryType: 'traces', traceId }],
  });
});

/** One of the links that a click on a cell offers. */
function linkIn(page: Page, name: string): Locator {
  return page.getByRole('link', { name, exact: true }).or(page.getByRole('menuitem', { name, exact: true }));
}

interface Explored {
  datasource: string;
  queries: object[];
}

/** What a link asks Explore: in "left", or in newer versions in one of several "panes". */
async function explored(link: Locator): Promise<Explored> {
  const address = new URL((await link.getAttribute('href')) ?? '', 'http://grafana');
  expect(address.pathname).toMatch(/\/explore$/);
  const left = address.searchParams.get('left');
  if (left) {
    return JSON.parse(left) as Explored;
  }
  const panes = JSON.parse(address.searchParams.get('panes') ?? '{}') as Record<string, Explored>;
  return Object.values(panes)[0];
}
