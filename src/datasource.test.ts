import { CoreApp, dateTime } from '@grafana/data';
import { describe, expect, test } from 'vitest';
import { dataSourceWith, serverAnswering } from './testing/instance';
import { templatesWith, templatesWithAdHoc } from './testing/templates';
import { suggestValues } from './suggestions';
import { schema } from './testing/schema';
import type { Filter, SightlineQuery } from './types';

const vitals: SightlineQuery = { refId: 'A', queryType: 'vitals', metric: 'lcp' };

describe('a new query', () => {
  test('is left to the editor, because Grafana puts defaults into stored queries', () => {
    expect(dataSourceWith().getDefaultQuery(CoreApp.PanelEditor)).toEqual({});
    expect(dataSourceWith().getDefaultQuery(CoreApp.UnifiedAlerting)).toEqual({});
  });

  test('asks in Explore how the routes are doing', () => {
    expect(dataSourceWith().getDefaultQuery(CoreApp.Explore)).toEqual({
      queryType: 'vitalsOverview',
      groupBy: ['route'],
      format: 'table',
    });
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
    expect(dataSourceWith().applyTemplateVariables(vitals, {}, [chosen]).adHocFilters).toEqual([asked]);
  });

  test('narrow a query, as Grafana before 10.3 keeps them', () => {
    const source = dataSourceWith({}, templatesWithAdHoc([chosen]));
    expect(source.applyTemplateVariables(vitals, {}).adHocFilters).toEqual([asked]);
  });

  test('with several values are one filter', () => {
    const several = { key: 'browser', operator: '!=|', value: 'Safari', values: ['Safari', 'Firefox'] };
    expect(dataSourceWith().applyTemplateVariables(vitals, {}, [several]).adHocFilters).toEqual([
      { key: 'browser', operator: '!=', values: ['Safari', 'Firefox'] },
    ]);
  });

  test('count once their value is chosen', () => {
    const open = { key: 'browser', operator: '=', value: '' };
    expect(dataSourceWith().applyTemplateVariables(vitals, {}, [open]).adHocFilters).toBeUndefined();
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

describe('a click on a cell in Explore', () => {
  const source = dataSourceWith();
  const safari = { key: 'browser', value: 'Safari' };
  const narrowed = source.modifyQuery(vitals, { type: 'ADD_FILTER', options: safari });

  test('filters the query for its value', () => {
    expect(narrowed.filters).toEqual([{ key: 'browser', operator: '=', values: ['Safari'] }]);
  });

  test('takes the place of what the query was filtered for', () => {
    const other = { type: 'ADD_FILTER', options: { key: 'browser', value: 'Firefox' } };
    expect(source.modifyQuery(narrowed, other).filters).toEqual([
      { key: 'browser', operator: '=', values: ['Firefox'] },
    ]);
  });

  test('filters its value out, beside others', () => {
    const without = { type: 'ADD_FILTER_OUT', options: { key: 'route', value: '/cart' } };
    expect(source.modifyQuery(narrowed, without).filters).toEqual([
      { key: 'browser', operator: '=', values: ['Safari'] },
      { key: 'route', operator: '!=', values: ['/cart'] },
    ]);
  });

  test('changes nothing where the cell is empty', () => {
    expect(source.modifyQuery(vitals, { type: 'ADD_FILTER', options: { key: 'journey', value: '' } })).toBe(vitals);
  });
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
    expect(asked[0].params).toEqual({
      key: 'route',
      of: '',
      app: '',
      environment: '',
      filters: '',
      from: '1000',
      to: '2000',
    });
  });

  test('are none, without a message in the way, when the backend does not answer', async () => {
    const asked = serverAnswering(() => {
      throw new Error('502');
    });
    expect(await dataSourceWith().getTagValues({ key: 'route' })).toEqual([]);
    expect(asked[0].showErrorAlert).toBe(false);
  });
});

describe('ad hoc filters offer', () => {
  const keysFor = async (queries?: SightlineQuery[]) => {
    serverAnswering(() => schema);
    return (await dataSourceWith().getTagKeys({ queries })).map(({ text }) => text);
  };

  test('what every beacon has, by the key that Grafana before 10.3 makes of the text', async () => {
    const keys = await keysFor();
    expect(keys).toContain('navigationType');
    expect(keys).not.toContain('fingerprint');
  });

  test('what the questions have that they are for', async () => {
    expect(await keysFor([{ refId: 'A', queryType: 'errors' }])).toContain('fingerprint');
  });

  test('no app, which has its own field', async () => expect(await keysFor()).not.toContain('app'));
});

test('suggested values are of the question, and of what its other filters leave', async () => {
  const asked = serverAnswering(() => []);
  const source = dataSourceWith({}, templatesWith({ env: 'staging', os: 'iOS' }));
  const filters: Filter[] = [
    { key: 'os', operator: '=', values: ['$os'] },
    { key: 'kind', operator: '=', values: ['click'] },
    { key: 'route', operator: '=', values: [] },
  ];
  await suggestValues(source, 'kind', { query: { queryType: 'actions', environment: '$env', filters } });
  expect(asked[0].params).toMatchObject({
    of: 'actions',
    environment: 'staging',
    filters: JSON.stringify([{ key: 'os', operator: '=', values: ['iOS'] }]),
  });
});

test('a panel goes to Explore with what its variables and ad hoc filters chose', () => {
  const source = dataSourceWith({}, templatesWith({ app: 'shop' }));
  const [query] = source.interpolateVariablesInQueries([{ ...vitals, app: '$app' }], {}, [
    { key: 'os', operator: '=', value: 'iOS' },
  ]);
  expect(query).toEqual({
    ...vitals,
    app: 'shop',
    filters: [{ key: 'os', operator: '=', values: ['iOS'] }],
    datasource: { type: 'sightline-rum-datasource', uid: 'sightline' },
  });
});

test('what can be asked is asked once, and again only after a failure', async () => {
  let up = false;
  const asked = serverAnswering(() => {
    if (!up) {
      throw new Error('502');
    }
    return schema;
  });
  const source = dataSourceWith();
  await expect(source.schema()).rejects.toThrow('502');
  up = true;
  await Promise.all([source.schema(), source.schema()]);
  expect(await source.schema()).toEqual(schema);
  expect(asked).toHaveLength(2);
});
