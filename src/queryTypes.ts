import { CoreApp } from '@grafana/data';
import { dimensionsOf } from './dimensions';
import type { Format, QueryType, SightlineQuery } from './types';

/** What the editor shows for a query type. */
interface Shape {
  /** The formats it answers in, the default first. */
  formats: readonly Format[];
  /** Has a metric and a percentile. */
  measures: boolean;
  /** Can be grouped by dimensions. */
  groups: boolean;
}

const shapes: Record<QueryType, Shape> = {
  vitals: { formats: ['timeseries', 'table', 'numeric', 'distribution'], measures: true, groups: true },
  errors: { formats: ['table', 'timeseries'], measures: false, groups: true },
  sessions: { formats: ['table'], measures: false, groups: false },
  session: { formats: ['logs', 'trace'], measures: false, groups: false },
  variable: { formats: ['table'], measures: false, groups: false },
};

/** The types a panel can ask for. Template variables have an editor of their own. */
export const panelTypes: readonly QueryType[] = ['vitals', 'errors', 'sessions', 'session'];

export const maxGroups = 3;

export function shapeOf(type: QueryType): Shape {
  // A query written by a newer version keeps its type; it is shown without type-specific fields.
  return shapes[type] ?? shapes.variable;
}

/** What a new query asks, by where it is made. An alert rule wants one number per segment, everything else a graph. */
export function defaultQuery(app?: CoreApp): Partial<SightlineQuery> {
  return { queryType: 'vitals', metric: 'lcp', percentile: 75, format: isAlerting(app) ? 'numeric' : 'timeseries' };
}

export function isAlerting(app?: CoreApp): boolean {
  return app === CoreApp.UnifiedAlerting || app === CoreApp.CloudAlerting;
}

/** The query with another type: everything the new type has no use for is dropped, because the backend refuses it. */
export function withType(query: SightlineQuery, queryType: QueryType): SightlineQuery {
  const { metric, percentile, groupBy = [], filters = [], format, sessionId, ...rest } = query;
  const shape = shapeOf(queryType);
  const known = (key: string) => (dimensionsOf(queryType) as readonly string[]).includes(key) || key.includes('$');
  const next: SightlineQuery = {
    ...rest,
    queryType,
    format: format && shape.formats.includes(format) ? format : shape.formats[0],
    filters: filters.filter(({ key }) => known(key)),
  };
  if (shape.measures) {
    next.metric = metric ?? 'lcp';
    next.percentile = percentile ?? 75;
  }
  if (queryType === 'session' && sessionId) {
    next.sessionId = sessionId;
  }
  if (shape.groups) {
    next.groupBy = groupBy.filter(known);
  }
  return next;
}

/** Whether a query says enough to be sent. */
export function isComplete(query: SightlineQuery): boolean {
  switch (query.queryType) {
    case 'variable':
      return Boolean(query.dimension);
    case 'session':
      return Boolean(query.sessionId);
    default:
      return true;
  }
}
