import type { TimeRange } from '@grafana/data';
import type { DataSource } from './datasource';
import type { SightlineQuery } from './types';

/** What narrows the values that are suggested: the query's own app and environment, and the time on screen. */
export interface Scope {
  query?: Pick<SightlineQuery, 'app' | 'environment'>;
  range?: TimeRange;
}

/**
 * The values a dimension has, most frequent first as the backend lists them. Suggestions are a help and never in the
 * way: without an answer there are none, and the field still takes any text.
 */
export async function suggestValues(datasource: DataSource, key: string, scope: Scope = {}): Promise<string[]> {
  const { app, environment } = datasource.interpolated(scope.query ?? {});
  const params = {
    key,
    app: app ?? '',
    environment: environment ?? '',
    from: scope.range?.from.valueOf().toString() ?? '',
    to: scope.range?.to.valueOf().toString() ?? '',
  };
  try {
    const tags = await datasource.getResource<Array<{ text: string }>>('tag-values', params, { showErrorAlert: false });
    return tags.map(({ text }) => text).filter(Boolean);
  } catch {
    return [];
  }
}
