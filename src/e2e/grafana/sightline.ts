import type { Locator, Page } from '@playwright/test';
import type { Row } from '../stack';

/** The plugin's type, and the data source that provisioning/ sets up. */
export const pluginType = 'sightline-rum-datasource';
export const provisioned = { name: 'Sightline', uid: 'sightline', type: pluginType };

/** The day that the demo plays before it stays up, with its incident. */
export const day = { from: 'now-24h', to: 'now' };

/**
 * Chooses in one of the editors' lists. The options of an open list are looked for in the page, since Grafana draws them
 * at its end; a list of questions has a line of help under each, so an option is known by one of its texts.
 */
export async function choose(within: Page | Locator, field: string, option: string): Promise<void> {
  const input = within.getByLabel(field, { exact: true }).first();
  const page = 'context' in within ? within : within.page();
  await input.click();
  const menu = page.locator('[aria-label="Select options menu"]');
  await menu.getByText(option, { exact: true }).first().click();
}

/** Asks through Grafana, as a panel would, and returns the rows of the answer by field name. */
export async function ask(page: Page, query: object): Promise<Row[]> {
  const response = await page.request.post('/api/ds/query', {
    data: { ...day, queries: [{ refId: 'A', datasource: provisioned, ...query }] },
  });
  const answer = (await response.json()) as { results: { A: { error?: string; frames: Frame[] } } };
  if (!response.ok()) {
    throw new Error(`ask ${JSON.stringify(query)}: ${answer.results.A.error}`);
  }
  return answer.results.A.frames.flatMap(({ schema, data }) =>
    (data.values[0] ?? []).map((_, row) =>
      Object.fromEntries(schema.fields.map(({ name }, column) => [name, data.values[column][row]]))
    )
  );
}

interface Frame {
  schema: { fields: Array<{ name: string }> };
  data: { values: unknown[][] };
}

/** A visit that went badly, with a trace: what the specs click on. The demo's day has many. */
export async function worstSession(page: Page): Promise<{ sessionId: string; traceId: string }> {
  const found = (await ask(page, { queryType: 'sessions' })).find(({ traceId }) => Boolean(traceId));
  if (!found) {
    throw new Error('The store has no session with a trace: start a demo with its day of visits (not --sessions 0)');
  }
  return found as { sessionId: string; traceId: string };
}
