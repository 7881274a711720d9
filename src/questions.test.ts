import { describe, expect, test } from 'vitest';
import { labels } from './labels';
import { formatsIn, isComplete, measuresOf, offeredIn, type Place, uses } from './questions';
import { typeOf } from './schema';
import { schema } from './testing/schema';

const type = (name: string) => typeOf(schema, name)!;
const offered = (place: Place) => offeredIn(schema, place).flatMap(({ types }) => types.map(({ name }) => name));

test('panels can ask everything but the values of a variable', () => {
  const all = schema.queryTypes.map(({ name }) => name).filter((name) => name !== 'variable');
  expect(offered('panel').sort()).toEqual(all.sort());
});

test.each(offered('panel'))('%s is said in a word and a line', (name) => {
  expect(labels.questions[name]?.label).toBeTruthy();
  expect(labels.questions[name]?.help.length).toBeLessThan(100);
});

test('alert rules are offered what the backend calls alertable', () => {
  for (const name of offered('alert')) {
    expect(formatsIn(type(name), 'alert')).toEqual(type(name).formats.filter((f) => type(name).alertable.includes(f)));
  }
  expect(offered('alert')).not.toContain('sessions');
  expect(offered('alert')).not.toContain('vitalsOverview');
});

test('annotations mark deploys and error bursts', () => {
  expect(offered('annotation').sort()).toEqual(['deploys', 'errorBursts']);
  expect(formatsIn(type('deploys'), 'panel')).toEqual(['table']);
});

describe('a question uses', () => {
  test('a field in the formats that need it', () => {
    expect(uses(type('vitals'), 'percentile', { format: 'numeric' })).toBe(true);
    expect(uses(type('vitals'), 'percentile', { format: 'distribution' })).toBe(false);
    expect(uses(type('vitals'), 'compare', { format: 'table' })).toBe(true);
    expect(uses(type('vitals'), 'compare', { format: 'timeseries' })).toBe(false);
    expect(uses(type('vitals'), 'compare')).toBe(true);
  });

  test('a field in the part of a table that needs it', () => {
    const journeys = type('journeys');
    expect(uses(journeys, 'groupBy', { format: 'table' })).toBe(true);
    expect(uses(journeys, 'groupBy', { format: 'table', section: 'differences' })).toBe(false);
    expect(uses(journeys, 'groupBy', { format: 'timeseries', section: 'differences' })).toBe(true);
  });

  test('no grouping and no comparison that the backend would refuse', () => {
    for (const one of schema.queryTypes) {
      expect(uses(one, 'groupBy')).toBe(one.groups);
      expect(uses(one, 'compare')).toBe(one.compares);
    }
  });

  test('what the schema says, when the backend has added it', () => {
    const added = { ...type('requests'), name: 'ofTomorrow', sections: ['a', 'b'], compares: false };
    expect(uses(added, 'metric', { format: 'table' })).toBe(true);
    expect(uses(added, 'section', { format: 'table' })).toBe(true);
    expect(uses(added, 'groupBy')).toBe(true);
    expect(uses(added, 'filters')).toBe(true);
    expect(uses(added, 'compare')).toBe(false);
    expect(uses(added, 'sessionId')).toBe(false);
    expect(offeredIn({ ...schema, queryTypes: [...schema.queryTypes, added] }, 'panel').pop()).toEqual({
      topic: 'more',
      types: [added],
    });
  });
});

describe('what is measured', () => {
  test('are Web Vitals and timings of the site', () => {
    expect(measuresOf(type('vitals'), schema)).toEqual({
      keys: ['lcp', 'inp', 'cls', 'fcp', 'ttfb'],
      fallback: 'lcp',
      custom: true,
    });
  });

  test('are the measures of the question', () => {
    expect(measuresOf(type('requests'), schema)).toMatchObject({ fallback: 'duration', custom: false });
  });

  test('is everything that is known, as evidence', () => {
    expect(measuresOf(type('evidence'), schema).fallback).toBeUndefined();
  });
});

test('a session or a list of values is asked for once it is named', () => {
  expect(isComplete({ refId: 'A', queryType: 'session' })).toBe(false);
  expect(isComplete({ refId: 'A', queryType: 'session', sessionId: 'abc' })).toBe(true);
  expect(isComplete({ refId: 'A', queryType: 'variable' })).toBe(false);
  expect(isComplete({ refId: 'A', queryType: 'variable', dimension: 'route' })).toBe(true);
  expect(isComplete({ refId: 'A' })).toBe(true);
});
