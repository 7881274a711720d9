import { describe, expect, test } from 'vitest';
import { interpolate, textsOf } from './interpolate';
import { templatesWith } from './testing/templates';
import type { Filter, Operator, SightlineQuery } from './types';

const query = (part: Partial<SightlineQuery>): SightlineQuery => ({ refId: 'A', ...part });
const filter = (values: string[], operator: Operator = '=', key = 'route'): Filter => ({ key, operator, values });

describe('a query on a dashboard', () => {
  test('takes app, metric and dimension from variables', () => {
    const asked = query({ app: '$app', metric: '${metric}', dimension: '[[dimension]]' });
    const answered = interpolate(asked, templatesWith({ app: 'shop', metric: 'inp', dimension: 'route' }), {});
    expect(answered).toEqual(query({ app: 'shop', metric: 'inp', dimension: 'route' }));
  });

  test('is left as it is without variables', () => {
    const asked = query({ app: 'shop', percentile: 75, groupBy: ['route'], filters: [filter(['/cart'])] });
    expect(interpolate(asked, templatesWith({}), {})).toEqual(asked);
  });

  test('does not change the stored query', () => {
    const asked = query({ app: '$app', filters: [filter(['$route'])] });
    const before = structuredClone(asked);
    interpolate(asked, templatesWith({ app: 'shop', route: ['/', '/cart'] }), {});
    expect(asked).toEqual(before);
  });

  test('is grouped by every dimension a variable names, each once', () => {
    const asked = query({ groupBy: ['route', '$by'] });
    const answered = interpolate(asked, templatesWith({ by: ['browser', 'route'] }), {});
    expect(answered.groupBy).toEqual(['route', 'browser']);
  });
});

describe('every field', () => {
  const templates = templatesWith({ one: '20', from: '1000', two: ['checkout', 'search'] }, { every: ['a', 'b'] });
  const sent = (part: Partial<SightlineQuery>) => interpolate(query(part), templates, {});

  test('takes a variable, also one that only the backend knows', () => {
    const asked = { percentile: '$one', limit: '$one', window: '${one}m', traceId: '$one', ofTomorrow: '[[one]]' };
    expect(sent(asked)).toEqual(
      query({ percentile: '20', limit: '20', window: '20m', traceId: '20', ofTomorrow: '20' } as Partial<SightlineQuery>)
    );
  });

  test('takes variables into the time of a comparison', () => {
    expect(sent({ compare: { from: '$from', to: '2000' } }).compare).toEqual({ from: '1000', to: '2000' });
    expect(sent({ compare: 'previous' }).compare).toBe('previous');
  });

  test('of one value tells the backend that All was chosen', () => {
    expect(sent({ traceId: '$every', sessionId: '$every' })).toMatchObject({ traceId: '$__all', sessionId: '$__all' });
  });

  test('but not the names that Grafana gives', () => {
    const asked = query({ refId: '$one', datasource: { uid: '${one}' }, hide: false });
    expect(interpolate(asked, templates, {})).toEqual(asked);
  });
});

describe('the app', () => {
  const templates = templatesWith({ two: ['shop', 'blog'] }, { every: ['shop', 'blog'] });

  test.each(['$two', '$every'])('is one: %s is told to the backend as what it refuses', (app) => {
    expect(interpolate(query({ app }), templates, {}).app).toBe('*');
  });
});

describe('the journey', () => {
  const templates = templatesWith({ one: 'checkout', two: ['checkout', 'search'] }, { every: ['checkout', 'search'] });
  const sent = (journey: string) => interpolate(query({ journey }), templates, {});

  test('is the one that is chosen', () => expect(sent('$one')).toEqual(query({ journey: 'checkout' })));
  test('is any when All is chosen', () => expect(sent('$every')).toEqual(query({ journey: '' })));
  test('is a filter when several are chosen', () =>
    expect(sent('$two')).toEqual(query({ journey: '', filters: [filter(['checkout', 'search'], '=', 'journey')] })));
});

describe('a filter', () => {
  const cases: Array<{ name: string; asked: Filter; sent: Filter[] }> = [
    { name: 'has one value of a single choice', asked: filter(['$one']), sent: [filter(['/cart'])] },
    { name: 'has each value of several choices', asked: filter(['$two']), sent: [filter(['/', '/cart'])] },
    { name: 'mixes variables and texts', asked: filter(['/search', '$two']), sent: [filter(['/search', '/', '/cart'])] },
    { name: 'is dropped when All is chosen', asked: filter(['$every']), sent: [] },
    { name: 'is dropped when All is excluded', asked: filter(['$every'], '!='), sent: [] },
    { name: 'is dropped while its variable has no value', asked: filter(['$none']), sent: [] },
    { name: 'is for what is unknown with an empty text', asked: filter(['']), sent: [filter([''])] },
    { name: 'is dropped while it has no dimension', asked: filter(['x'], '=', ''), sent: [] },
    { name: 'keeps a variable inside a text', asked: filter(['/shop$one']), sent: [filter(['/shop/cart'])] },
    {
      name: 'escapes a value inside a regular expression',
      asked: filter(['$dotted.*'], '=~'),
      sent: [filter(['a\\.b.*'], '=~')],
    },
    {
      name: 'offers several values to a regular expression',
      asked: filter(['$two'], '=~'),
      sent: [filter(['(\\/|\\/cart)'], '=~')],
    },
    { name: 'takes its dimension from a variable', asked: filter(['x'], '=', '$key'), sent: [filter(['x'], '=', 'os')] },
  ];
  const templates = templatesWith(
    { one: '/cart', two: ['/', '/cart'], dotted: 'a.b', key: 'os', none: '' },
    { every: ['/', '/cart', '/search'] }
  );
  test.each(cases)('$name', ({ asked, sent }) => {
    expect(interpolate(query({ filters: [asked] }), templates, {}).filters).toEqual(sent);
  });

  test('has the one value of a repeated panel, whatever the dashboard chose', () => {
    const answered = interpolate(query({ filters: [filter(['$every'])] }), templates, {
      every: { text: '/search', value: '/search' },
    });
    expect(answered.filters).toEqual([filter(['/search'])]);
  });
});

describe('the environment', () => {
  test('is the one that is chosen', () => {
    const answered = interpolate(query({ environment: '$env' }), templatesWith({ env: 'staging' }), {});
    expect(answered).toEqual(query({ environment: 'staging' }));
  });

  test('is a filter when several are chosen, because no answer spans environments unasked', () => {
    const asked = query({ environment: '$env', filters: [filter(['/'])] });
    const answered = interpolate(asked, templatesWith({ env: ['staging', 'production'] }), {});
    expect(answered.environment).toBe('');
    expect(answered.filters).toEqual([filter(['/']), filter(['staging', 'production'], '=', 'environment')]);
  });

  test('is any when All is chosen', () => {
    const answered = interpolate(query({ environment: '$env' }), templatesWith({}, { env: ['a', 'b'] }), {});
    expect(answered.environment).toBe('*');
  });
});

test('every field that can hold a variable is looked at for one', () => {
  const asked = query({
    app: 'a',
    window: 'b',
    limit: 'c',
    percentile: 75,
    compare: { from: 'd', to: 'e' },
    groupBy: ['f'],
    filters: [filter(['g'])],
  });
  expect(textsOf(asked)).toEqual(['a', 'b', 'c', 'd', 'e', 'f', 'route', 'g']);
  expect(textsOf(query({ compare: '$compare' }))).toEqual(['$compare']);
});
