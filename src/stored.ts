import type { Filter, Operator, SightlineQuery } from './types';

/**
 * A stored query as the editors expect it. Alert rules and provisioned dashboards are evaluated without the browser, so
 * it is the backend that takes every way of writing a query; this shows what it makes of them, and what is saved next is
 * written the one way.
 */
export function fromStored(stored: SightlineQuery): SightlineQuery {
  const written = stored as unknown as Record<string, unknown>;
  const query: SightlineQuery = { ...stored };
  if (written.groupBy !== undefined) {
    query.groupBy = textsOf(written.groupBy).filter((key) => key.trim() !== '');
  }
  if (written.filters !== undefined) {
    query.filters = [written.filters ?? []].flat().map((filter) => filterFrom(filter as Record<string, unknown>));
  }
  for (const key of ['percentile', 'minSamples', 'limit'] as const) {
    const text = written[key];
    if (typeof text === 'string' && !text.includes('$')) {
      const number = Number(text.trim().replace(/^p/, '') || NaN);
      if (Number.isFinite(number) && number !== 0) {
        query[key] = number;
      } else {
        delete query[key];
      }
    }
  }
  return query;
}

/** Ad hoc filters carry one "value" instead of "values", and newer ones spell "one of several" =|. */
function filterFrom({ key, operator, value, values }: Record<string, unknown>): Filter {
  const several = textsOf(values);
  return {
    key: textsOf(key)[0] ?? '',
    operator: (textsOf(operator)[0] || '=').replace(/\|$/, '') as Operator,
    values: several.length ? several : textsOf(value),
  };
}

/** A list of scalars or a single one, as texts. */
function textsOf(written: unknown): string[] {
  return [written].flat().flatMap((one) => (['string', 'number', 'boolean'].includes(typeof one) ? String(one) : []));
}
