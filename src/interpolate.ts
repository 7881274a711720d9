import type { ScopedVars } from '@grafana/data';
import type { TemplateSrv } from '@grafana/runtime';
import type { Filter, SightlineQuery } from './types';

/** A text that is one template variable and nothing else: $route, ${route} or [[route]]. */
const wholeVariable = /^(?:\$(\w+)|\$\{(\w+)\}|\[\[(\w+)\]\])$/;

/** The query with every template variable replaced by its current value or values. */
export function interpolate(query: SightlineQuery, templates: TemplateSrv, scoped: ScopedVars): SightlineQuery {
  const replace = (text: string) => templates.replace(text, scoped);
  const expand = (text: string) => valuesOf(text, templates, scoped);

  const next: SightlineQuery = { ...query };
  for (const key of ['app', 'metric', 'dimension', 'sessionId'] as const) {
    if (next[key]) {
      next[key] = replace(next[key]);
    }
  }
  if (query.groupBy) {
    next.groupBy = [...new Set(query.groupBy.flatMap((key) => expand(key) ?? []))].filter(Boolean);
  }
  if (query.filters) {
    next.filters = query.filters.flatMap((filter) => interpolateFilter(filter, templates, scoped) ?? []);
  }
  if (query.environment) {
    const environments = expand(query.environment) ?? ['*'];
    next.environment = environments[0] ?? '';
    if (environments.length > 1) {
      // Several at once are a filter; no single environment is meant then.
      next.environment = '';
      next.filters = [...(next.filters ?? []), { key: 'environment', operator: '=', values: environments }];
    }
  }
  return next;
}

/** The filter with its variables replaced, or undefined when it filters nothing, as with "All" chosen. */
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
    if (expanded === undefined) {
      return undefined;
    }
    values.push(...(regex ? [templates.replace(text, scoped, 'regex')] : expanded));
  }
  return { ...filter, key, values };
}

/** The values a text stands for: several when it is a variable with several, undefined when that variable is on "All". */
function valuesOf(text: string, templates: TemplateSrv, scoped: ScopedVars): string[] | undefined {
  const match = wholeVariable.exec(text.trim());
  if (!match) {
    return [templates.replace(text, scoped)];
  }
  const name = match[1] ?? match[2] ?? match[3];
  if (isAll(name, templates, scoped)) {
    return undefined;
  }
  let chosen: string[] | undefined;
  const replaced = templates.replace(text.trim(), scoped, (value: unknown) => {
    chosen = [value].flat().map(String);
    return '';
  });
  return chosen ?? [replaced];
}

/** A panel repeated for a variable has one value of it, whatever the dashboard's own choice is. */
function isAll(name: string, templates: TemplateSrv, scoped: ScopedVars): boolean {
  if (scoped[name]) {
    return false;
  }
  const variable = templates.getVariables().find((candidate) => candidate.name === name);
  if (!variable || !('current' in variable)) {
    return false;
  }
  const { value } = variable.current as { value?: unknown };
  return [value].flat().includes('$__all');
}

/** Every text of a query that may hold a template variable. */
export function textsOf({ app, environment, metric, dimension, sessionId, groupBy, filters }: SightlineQuery): string[] {
  const inFilters = (filters ?? []).flatMap(({ key, values }) => [key, ...values]);
  return [app, environment, metric, dimension, sessionId, ...(groupBy ?? []), ...inFilters].filter((text) => text !== undefined);
}
