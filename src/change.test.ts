import { describe, expect, test } from 'vitest';
import { asksTheSame, withType } from './change';
import type { Place } from './questions';
import { schema } from './testing/schema';
import type { SightlineQuery } from './types';

const vitals: SightlineQuery = {
  refId: 'A',
  queryType: 'vitals',
  app: 'shop',
  metric: 'inp',
  percentile: 90,
  format: 'distribution',
  limit: 5,
  groupBy: ['route', 'journey', '$by'],
  filters: [
    { key: 'navigationType', operator: '=', values: ['reload'] },
    { key: 'browser', operator: '=', values: ['Safari'] },
  ],
};

describe('the same query as another question', () => {
  const as = (name: string, query = vitals, place: Place = 'panel') => withType(query, name, schema, place);

  test('keeps what that understands and drops the rest', () => {
    expect(as('sessions')).toEqual({
      refId: 'A',
      queryType: 'sessions',
      app: 'shop',
      format: 'table',
      limit: 5,
      filters: [{ key: 'browser', operator: '=', values: ['Safari'] }],
    });
  });

  test('keeps a format that both have', () => {
    expect(as('errors', { ...vitals, format: 'timeseries' }).format).toBe('timeseries');
    expect(as('errors').format).toBe('table');
  });

  test('takes a format that an alert rule can evaluate', () => {
    expect(as('evidence', { ...vitals, format: 'table' }, 'alert').format).toBe('numeric');
    expect(as('deploys', vitals, 'annotation').format).toBe('annotations');
  });

  test('keeps dimensions and template variables in the grouping', () => {
    expect(as('errors').groupBy).toEqual(['route', 'journey', '$by']);
  });

  test('forgets a measure that is none of its own', () => {
    expect(as('requests')).not.toHaveProperty('metric');
    expect(as('vitals', as('requests', { ...vitals, queryType: 'requests', metric: 'errorRate' }))).not.toHaveProperty('metric');
  });

  test('forgets whose session it was', () => {
    const session: SightlineQuery = { refId: 'A', queryType: 'session', sessionId: 'abc', format: 'trace' };
    expect(as('session', session)).toEqual(session);
    expect(as('traces', session)).toMatchObject({ sessionId: 'abc', format: 'table' });
    expect(as('errors', session)).not.toHaveProperty('sessionId');
  });

  test('does not change the stored query', () => {
    const before = structuredClone(vitals);
    as('sessions');
    expect(vitals).toEqual(before);
  });
});

describe('two queries', () => {
  const unfinished = [...vitals.filters!, { key: 'os', operator: '=' as const, values: [] }];

  test('ask the same while a filter is being written', () => {
    expect(asksTheSame(vitals, { ...vitals, filters: unfinished })).toBe(true);
    expect(asksTheSame({ refId: 'A' }, { refId: 'A', filters: [], groupBy: [], sessionId: '' })).toBe(true);
  });

  test('ask the same in whatever order they are written', () => {
    expect(asksTheSame({ refId: 'A', limit: 3, app: 'b' }, { app: 'b', refId: 'A', limit: 3 })).toBe(true);
  });

  test('ask something else with another value, order of groups, or comparison', () => {
    expect(asksTheSame(vitals, { ...vitals, filters: unfinished.slice(0, 1) })).toBe(false);
    expect(asksTheSame(vitals, { ...vitals, groupBy: ['journey', 'route', '$by'] })).toBe(false);
    const compare = { from: 'a', to: 'b' };
    expect(asksTheSame({ ...vitals, compare }, { ...vitals, compare: { ...compare, to: 'c' } })).toBe(false);
  });
});
