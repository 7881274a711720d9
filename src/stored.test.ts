import { expect, test } from 'vitest';
import { fromStored } from './stored';

const stored = (json: object) => fromStored({ refId: 'A', ...json });

test('a single dimension or value is a list of one', () => {
  expect(stored({ groupBy: 'route', filters: { key: 'os', value: 'iOS' } })).toEqual({
    refId: 'A',
    groupBy: ['route'],
    filters: [{ key: 'os', operator: '=', values: ['iOS'] }],
  });
});

test('an ad hoc filter that was saved is a filter', () => {
  const adHoc = { key: 'browser', operator: '!=|', value: 'Safari', values: ['Safari', 'Firefox'] };
  expect(stored({ filters: [adHoc] }).filters).toEqual([
    { key: 'browser', operator: '!=', values: ['Safari', 'Firefox'] },
  ]);
});

test('numbers that were written as text are numbers, and variables stay', () => {
  expect(stored({ percentile: 'p90', minSamples: '20', limit: '$rows' })).toEqual({
    refId: 'A',
    percentile: 90,
    minSamples: 20,
    limit: '$rows',
  });
});

test('what says nothing is left out', () => {
  expect(stored({ percentile: '', limit: 'many', groupBy: ['', 'route'], filters: null })).toEqual({
    refId: 'A',
    groupBy: ['route'],
    filters: [],
  });
});

test('values that are numbers are texts', () => {
  expect(stored({ filters: [{ key: 'release', values: [2, '2.5'] }] }).filters?.[0].values).toEqual(['2', '2.5']);
});

test('a query in order is as it was, with what a later version added', () => {
  const query = { queryType: 'vitals', metric: 'lcp', groupBy: ['route'], filters: [], percentile: 75, ofTomorrow: { a: 1 } };
  expect(stored(query)).toEqual({ refId: 'A', ...query });
});
