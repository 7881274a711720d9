import { dateTime, FieldType, toDataFrame } from '@grafana/data';
import { expect, test } from 'vitest';
import { linksAtTheirTime } from './links';

test('a link to the logs of a trace opens them at the time that the answer is about', () => {
  const range = { from: dateTime(1000), to: dateTime(2000), raw: { from: 'now-24h', to: 'now' } };
  const loki = { title: 'Logs', url: '', internal: { datasourceUid: 'loki', datasourceName: 'Loki', query: {} } };
  const dashboard = { title: 'Session', url: '/d/sightline-sessions' };
  const frame = toDataFrame({
    fields: [
      { name: 'traceId', type: FieldType.string, values: ['a'], config: { links: [dashboard, loki] } },
      { name: 'route', type: FieldType.string, values: ['/'] },
    ],
  });
  linksAtTheirTime({ data: [frame] }, range);
  expect(frame.fields[0].config.links).toEqual([dashboard, { ...loki, internal: { ...loki.internal, range } }]);
});
