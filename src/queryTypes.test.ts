import { expect, test } from 'vitest';
import { isComplete, withType } from './queryTypes';
import type { SightlineQuery } from './types';

const vitals: SightlineQuery = {
  refId: 'A',
  queryType: 'vitals',
  app: 'shop',
  metric: 'inp',
  percentile: 90,
  format: 'distribution',
  groupBy: ['route', 'journey', '$by'],
  filters: [
    { key: 'navigationType', operator: '=', values: ['reload'] },
    { key: 'browser', operator: '=', values: ['Safari'] },
  ],
};

test('another type keeps what it understands and drops the rest', () => {
  expect(withType(vitals, 'sessions')).toEqual({
    refId: 'A',
    queryType: 'sessions',
    app: 'shop',
    format: 'table',
    filters: [{ key: 'browser', operator: '=', values: ['Safari'] }],
  });
});

test('a format that both types have is kept', () => {
  expect(withType({ ...vitals, format: 'timeseries' }, 'errors').format).toBe('timeseries');
  expect(withType(vitals, 'errors').format).toBe('table');
});

test('dimensions and template variables stay in the grouping', () => {
  expect(withType(vitals, 'errors').groupBy).toEqual(['route', 'journey', '$by']);
});

test('back at vitals there is a metric again', () => {
  const again = withType(withType(vitals, 'errors'), 'vitals');
  expect(again).toMatchObject({ metric: 'lcp', percentile: 75, format: 'table' });
});

test('a session is asked for once one is chosen, and another type forgets it', () => {
  const session: SightlineQuery = { refId: 'A', queryType: 'session', sessionId: 'abc', format: 'trace' };
  expect(isComplete(session)).toBe(true);
  expect(isComplete({ ...session, sessionId: '' })).toBe(false);
  expect(withType(session, 'session')).toMatchObject({ sessionId: 'abc', format: 'trace' });
  expect(withType(session, 'errors')).not.toHaveProperty('sessionId');
});
