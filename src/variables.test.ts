import { type DataQueryRequest, dateTime } from '@grafana/data';
import { lastValueFrom } from 'rxjs';
import { expect, test } from 'vitest';
import { dataSourceWith, serverAnswering } from './testing/instance';
import { templatesWith } from './testing/templates';
import type { SightlineQuery } from './types';
import { Variables } from './variables';

test('a template variable asks for the values of its dimension, of the app that is chosen', async () => {
  const asked = serverAnswering(() => ({ results: {} }));
  const source = dataSourceWith({}, templatesWith({ app: 'shop' }));
  const { query } = new Variables(source) as { query: Variables['query'] }; // as Grafana takes it
  const target: SightlineQuery = { refId: '', dimension: 'route', app: '$app' };
  const range = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-1h', to: 'now' } };
  await lastValueFrom(query({ targets: [target], range, scopedVars: {} } as DataQueryRequest<SightlineQuery>));

  const { queries, from, to } = asked[0].data as { queries: SightlineQuery[]; from: string; to: string };
  expect(queries[0]).toMatchObject({ queryType: 'variable', dimension: 'route', app: 'shop', refId: 'variable' });
  expect([from, to]).toEqual(['1000', '2000']);
});
