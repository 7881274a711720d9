import type { TimeRange } from '@grafana/data';
import type { DataSource } from './datasource';
import type { Filter, SightlineQuery } from './types';

/** What narrows the values that are suggested: the query they are for, and the time on screen. */
export interface Scope {
  query?: Pick<SightlineQuery, 'queryType' | 'app' | 'environment' | 'filters'>;
  range?: TimeRange;
}

/**
 * The values a dimension has, most frequent first as the backend lists them, of what the query's other filters leave.
 * Suggestions are a help and never in the way: without an answer there are none, and the field still takes any text.
 */
export async function suggestValues(datasource: DataSource, key: string, scope: Scope = {}): Promise<string[]> {
  const { app, environment, filters = [] } = datasource.interpolated(scope.query ?? {});
  const others = filters.filter((filter: Filter) => filter.key !== key && filter.values.length);
  const params = {
    key,
    of: scope.query?.queryType ?? '',
    app: app ?? '',
    environment: environment ?? '',
    filters: others.length ? JSON.stringify(others) : '',
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
