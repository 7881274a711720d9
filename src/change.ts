import { type Field, formatsIn, measuresOf, type Place, uses } from './questions';
import { type Schema, typeOf } from './schema';
import type { SightlineQuery } from './types';

const fields: Field[] = [
  'metric',
  'percentile',
  'section',
  'journey',
  'sessionId',
  'traceId',
  'groupBy',
  'filters',
  'compare',
  'measure',
  'minSamples',
  'limit',
  'exemplars',
  'window',
  'baseline',
];

/** The query as another question: what that has no use for is dropped, because the backend would refuse or ignore it. */
export function withType(query: SightlineQuery, name: string, schema: Schema, place: Place): SightlineQuery {
  const type = typeOf(schema, name);
  if (!type) {
    return { ...query, queryType: name };
  }
  const next: SightlineQuery = { ...query, queryType: name };
  for (const field of fields) {
    if (!uses(type, field)) {
      delete next[field];
    }
  }
  const known = (key: string) => type.dimensions.some((dimension) => dimension.key === key) || key.includes('$');
  if (next.filters) {
    next.filters = next.filters.filter(({ key }) => known(key));
  }
  if (next.groupBy) {
    next.groupBy = next.groupBy.filter(known);
  }
  // A measure of one question is none of another's. Only Web Vitals are offered by several.
  if (next.metric && !measuresOf(type, schema).keys.includes(next.metric)) {
    delete next.metric;
  }
  if (next.section && !type.sections?.includes(next.section)) {
    delete next.section;
  }
  const formats = formatsIn(type, place);
  next.format = query.format && formats.includes(query.format) ? query.format : (formats[0] ?? type.formats[0]);
  return next;
}

/** Whether two queries ask the same. A filter whose value is still being chosen asks nothing. */
export function asksTheSame(a: SightlineQuery, b: SightlineQuery): boolean {
  const asked = ({ filters = [], ...rest }: SightlineQuery) =>
    JSON.stringify({ ...rest, filters: filters.filter(({ key, values }) => key && values.length) }, sorted);
  return asked(a) === asked(b);
}

/** Replaces objects by ones with their keys in order and without those that are empty, for comparing as text. */
function sorted(_key: string, value: unknown): unknown {
  if (!value || typeof value !== 'object' || Array.isArray(value)) {
    return value;
  }
  const entries = Object.entries(value).filter(([, part]) => part !== '' && !(Array.isArray(part) && !part.length));
  return Object.fromEntries(entries.sort(([x], [y]) => (x < y ? -1 : 1)));
}
