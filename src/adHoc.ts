import type { TemplateSrv } from '@grafana/runtime';
import type { Filter, SightlineQuery } from './types';

/** A filter of a dashboard's ad hoc variable. Newer versions of Grafana give several values at once. */
export interface AdHocFilter {
  key: string;
  operator: string;
  value: string;
  values?: string[];
}

/**
 * The query narrowed by a dashboard's ad hoc filters. They are sent apart from its own, because they are made for all
 * panels: the backend leaves out what does not apply to a question, and says so.
 */
export function withAdHocFilters(query: SightlineQuery, adHoc: AdHocFilter[]): SentQuery {
  const chosen = chosenOf(adHoc);
  return chosen.length ? { ...query, adHocFilters: chosen } : query;
}

/** A query on its way to the backend. */
export interface SentQuery extends SightlineQuery {
  adHocFilters?: Filter[];
}

/** The ad hoc filters as a query has them, without those whose value is still being chosen. */
export function chosenOf(adHoc: AdHocFilter[]): Filter[] {
  return adHoc.filter(({ key, value, values }) => key && (value || values?.length)).map(toFilter);
}

/** Newer versions spell "one of several" =| and "none of several" !=|; here the number of values says it. */
function toFilter({ key, operator, value, values }: AdHocFilter): Filter {
  return {
    key,
    operator: operator.replace(/\|$/, '') as Filter['operator'],
    values: values?.length ? values : [value],
  };
}

/**
 * Grafana before 10.3 keeps the ad hoc filters in the template service instead of handing them over. It finds those of a
 * data source that a variable chooses by its uid, which is what such a variable holds, and any others by its name, too.
 */
export function adHocFiltersOf(templates: TemplateSrv, dataSourceUid: string): AdHocFilter[] {
  const old = templates as TemplateSrv & { getAdhocFilters?: (nameOrUid: string) => AdHocFilter[] };
  return old.getAdhocFilters?.(dataSourceUid) ?? [];
}
