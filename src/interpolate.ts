import type { ScopedVars } from '@grafana/data';
import type { TemplateSrv } from '@grafana/runtime';
import type { Compare, Filter, SightlineQuery } from './types';

/** A text that is one template variable and nothing else: $route, ${route} or [[route]]. */
const wholeVariable = /^(?:\$(\w+)|\$\{(\w+)\}|\[\[(\w+)\]\])$/;

/** Keys whose texts belong to Grafana, or are a choice of the editor's. */
const notInterpolated = ['refId', 'datasource', 'key', 'hide', 'queryType'];

/** What the backend reads as "no choice was made". */
const all = '$__all';

/**
 * The query with every template variable replaced by its current value or values. Every text may hold one, also those
 * of keys that only the backend knows.
 */
export function interpolate(query: SightlineQuery, templates: TemplateSrv, scoped: ScopedVars): SightlineQuery {
  const replace = (text: string) => templates.replace(text, scoped);
  const expand = (text: string) => valuesOf(text, templates, scoped);

  const texts = Object.entries(query)
    .filter(([key, value]) => typeof value === 'string' && !notInterpolated.includes(key))
    .map(([key, text]) => [key, isAllChosen(text as string, templates, scoped) ? all : replace(text as string)]);
  const next: SightlineQuery = { ...query, ...(Object.fromEntries(texts) as Partial<SightlineQuery>) };

  if (query.app && (expand(query.app)?.length ?? 2) > 1) {
    next.app = '*'; // an answer covers one app; the backend says so
  }
  if (query.groupBy) {
    next.groupBy = [...new Set(query.groupBy.flatMap((key) => expand(key) ?? []))].filter(Boolean);
  }
  if (query.filters) {
    next.filters = query.filters.flatMap((filter) => interpolateFilter(filter, templates, scoped) ?? []);
  }
  if (query.compare && typeof query.compare === 'object') {
    next.compare = { from: replace(query.compare.from), to: replace(query.compare.to) } satisfies Compare;
  }
  // Several environments or journeys at once are a filter; no single one is meant then.
  if (query.environment) {
    const environments = expand(query.environment) ?? ['*'];
    next.environment = environments[0] ?? '';
    if (environments.length > 1) {
      next.environment = '';
      next.filters = [...(next.filters ?? []), { key: 'environment', operator: '=', values: environments }];
    }
  }
  if (query.journey) {
    const journeys = expand(query.journey) ?? [];
    next.journey = journeys.length === 1 ? journeys[0] : '';
    if (journeys.length > 1) {
      next.filters = [...(next.filters ?? []), { key: 'journey', operator: '=', values: journeys }];
    }
  }
  return next;
}

/** The filter with its variables replaced, or undefined when it filters nothing: its variable is on "All", or has no value. */
function interpolateFilter(filter: Filter, templates: TemplateSrv, scoped: ScopedVars): Filter | undefined {
  const key = templates.replace(filter.key, scoped);
  if (!key) {
    return undefined; // still being written
  }
  // A variable's values are literal texts, so inside a regular expression they are escaped.
  const regex = filter.operator === '=~' || filter.operator === '!~';
  const values: string[] = [];
  for (const text of filter.values) {
    const expanded = valuesOf(text, templates, scoped);
    if (expanded === undefined || (text.includes('$') && expanded.every((value) => value === ''))) {
      return undefined; // all are meant, or nothing was chosen yet
    }
    values.push(...(regex ? [templates.replace(text, scoped, 'regex')] : expanded));
  }
  return { ...filter, key, values };
}

/** The values a text stands for: several when it is a variable with several, undefined when that variable is on "All". */
function valuesOf(text: string, templates: TemplateSrv, scoped: ScopedVars): string[] | undefined {
  if (!wholeVariable.test(text.trim())) {
    return [templates.replace(text, scoped)];
  }
  if (isAllChosen(text, templates, scoped)) {
    return undefined;
  }
  let chosen: string[] | undefined;
  const replaced = templates.replace(text.trim(), scoped, (value: unknown) => {
    chosen = [value].flat().map(String);
    return '';
  });
  return chosen ?? [replaced];
}

/** Whether a text is a variable that is on "All". A panel repeated for it has one value of it, whatever was chosen. */
function isAllChosen(text: string, templates: TemplateSrv, scoped: ScopedVars): boolean {
  const match = wholeVariable.exec(text.trim());
  const name = match?.[1] ?? match?.[2] ?? match?.[3];
  if (!name || scoped[name]) {
    return false;
  }
  const variable = templates.getVariables().find((candidate) => candidate.name === name);
  if (!variable || !('current' in variable)) {
    return false;
  }
  const { value } = variable.current as { value?: unknown };
  return [value].flat().includes(all);
}

/** Every text of a query that may hold a template variable. */
export function textsOf({ filters = [], groupBy = [], compare, ...rest }: SightlineQuery): string[] {
  const own = Object.entries(rest).flatMap(([key, value]) =>
    typeof value === 'string' && !notInterpolated.includes(key) ? value : []
  );
  const times = typeof compare === 'object' ? [compare.from, compare.to] : [compare ?? []].flat();
  return [...own, ...times, ...groupBy, ...filters.flatMap(({ key, values }) => [key, ...values])];
}
