import { CoreApp, dateTime } from '@grafana/data';
import { describe, expect, test } from 'vitest';
import { dataSourceWith, serverAnswering } from './testing/instance';
import { templatesWith, templatesWithAdHoc } from './testing/templates';
import type { SightlineQuery } from './types';

const vitals: SightlineQuery = { refId: 'A', queryType: 'vitals', metric: 'lcp' };

describe('a new query', () => {
  test('is a graph of the p75 of LCP', () => {
    expect(dataSourceWith().getDefaultQuery(CoreApp.Dashboard)).toEqual({
      queryType: 'vitals',
      metric: 'lcp',
      percentile: 75,
      format: 'timeseries',
    });
  });

  test('is left to the editor in an alert rule, which would show these defaults and not save them', () => {
    expect(dataSourceWith().getDefaultQuery(CoreApp.UnifiedAlerting)).toEqual({});
  });
});

describe('the data source sends', () => {
  const source = dataSourceWith();
  test('a query as soon as it says enough', () => expect(source.filterQuery(vitals)).toBe(true));
  test('no hidden query', () => expect(source.filterQuery({ ...vitals, hide: true })).toBe(false));
  test('no list of values without a dimension', () => {
    expect(source.filterQuery({ refId: 'A', queryType: 'variable' })).toBe(false);
    expect(source.filterQuery({ refId: 'A', queryType: 'variable', dimension: 'route' })).toBe(true);
  });
});

describe('ad hoc filters', () => {
  const chosen = { key: 'browser', operator: '=', value: 'Safari' };
  const asked = { key: 'browser', operator: '=', values: ['Safari'] };

  test('narrow a query, as Grafana from 10.3 on hands them over', () => {
    expect(dataSourceWith().applyTemplateVariables(vitals, {}, [chosen]).filters).toEqual([asked]);
  });

  test('narrow a query, as Grafana before 10.3 keeps them', () => {
    const source = dataSourceWith({}, templatesWithAdHoc([chosen]));
    expect(source.applyTemplateVariables(vitals, {}).filters).toEqual([asked]);
  });

  test('with several values are one filter', () => {
    const several = { key: 'browser', operator: '!=|', value: 'Safari', values: ['Safari', 'Firefox'] };
    expect(dataSourceWith().applyTemplateVariables(vitals, {}, [several]).filters).toEqual([
      { key: 'browser', operator: '!=', values: ['Safari', 'Firefox'] },
    ]);
  });

  test('count once their value is chosen', () => {
    const open = { key: 'browser', operator: '=', value: '' };
    expect(dataSourceWith().applyTemplateVariables(vitals, {}, [open]).filters).toBeUndefined();
  });

  test('leave the choices of a variable alone', () => {
    const variable: SightlineQuery = { refId: 'A', queryType: 'variable', dimension: 'browser' };
    expect(dataSourceWith().applyTemplateVariables(variable, {}, [chosen]).filters).toBeUndefined();
  });
});

test('a query taken to Explore has its variables replaced and names the data source', () => {
  const source = dataSourceWith({}, templatesWith({ app: 'shop' }));
  expect(source.interpolateVariablesInQueries([{ ...vitals, app: '$app' }], {})).toEqual([
    { ...vitals, app: 'shop', datasource: { type: 'sightline-rum-datasource', uid: 'sightline' } },
  ]);
});

test('alerting learns that a query holds variables', () => {
  const source = dataSourceWith({}, templatesWith({ route: '/' }));
  const filters: SightlineQuery['filters'] = [{ key: 'route', operator: '=', values: ['$route'] }];
  expect(source.targetContainsTemplate({ ...vitals, filters })).toBe(true);
  expect(source.targetContainsTemplate(vitals)).toBe(false);
});

describe('the values of a dimension', () => {
  const range = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1h', to: 'now' } };

  test('come from the backend, for the time on screen', async () => {
    const asked = serverAnswering(() => [{ text: '/' }, { text: '/cart' }]);
    const values = await dataSourceWith().getTagValues({ key: 'route', timeRange: range });
    expect(values).toEqual([{ text: '/' }, { text: '/cart' }]);
    expect(asked[0].url).toBe('/api/datasources/uid/sightline/resources/tag-values');
    expect(asked[0].params).toEqual({ key: 'route', app: '', environment: '', from: '1000', to: '2000' });
  });

  test('are none, without a message in the way, when the backend does not answer', async () => {
    const asked = serverAnswering(() => {
      throw new Error('502');
    });
    expect(await dataSourceWith().getTagValues({ key: 'route' })).toEqual([]);
    expect(asked[0].showErrorAlert).toBe(false);
  });
});

test('ad hoc filters offer the dimensions every query type takes', async () => {
  const keys = (await dataSourceWith().getTagKeys()).map(({ value }) => value);
  expect(keys).toContain('route');
  expect(keys).not.toContain('fingerprint');
});
