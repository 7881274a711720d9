import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import manifest from '../plugin.json';
import { typeOf } from './schema';
import { schema } from './testing/schema';
import type { SightlineQuery } from './types';

interface Dashboard {
  uid: string;
  title: string;
  panels: Array<{ title: string; description?: string; datasource: { uid: string }; targets: SightlineQuery[] }>;
  templating: { list: Array<{ name: string; type: string; query: SightlineQuery | string }> };
}

const files = readdirSync('src/dashboards');
const read = (file: string) => JSON.parse(readFileSync(`src/dashboards/${file}`, 'utf8')) as Dashboard;

test('the plugin brings every dashboard', () => {
  expect(manifest.includes.map(({ path }) => path)).toEqual(files.map((file) => `dashboards/${file}`));
});

describe.each(files.map((file) => ({ file, ...read(file) })))('$title', ({ file, uid, panels, templating }) => {
  test('keeps its address', () => expect(`sightline-${file}`).toBe(`${uid}.json`));

  test('works with any Sightline data source, imported or provisioned', () => {
    expect(templating.list[0]).toMatchObject({ name: 'DS', type: 'datasource', query: manifest.id });
    for (const { datasource, targets } of panels) {
      expect([datasource, ...targets.map((target) => target.datasource)].map((ref) => ref?.uid)).toEqual(
        Array(targets.length + 1).fill('${DS}')
      );
    }
  });

  test.each(panels)('says what to do next: $title', ({ description }) => {
    expect(description).toMatch(/\b(find|look|set|open|start|drag|compare|sort|click|copy)\b/i);
  });

  test.each(panels)('asks what the backend answers: $title', ({ targets }) => {
    for (const { queryType, format, groupBy = [], filters = [] } of targets) {
      const type = typeOf(schema, queryType);
      const dimensions = type?.dimensions.map(({ key }) => key) ?? [];
      expect(type?.formats, queryType).toContain(format ?? 'table');
      expect(dimensions).toEqual(expect.arrayContaining([...groupBy, ...filters.map(({ key }) => key)]));
    }
  });

  test('lists what the backend can list', () => {
    const lists = templating.list.flatMap(({ query }) => (typeof query === 'object' ? [query.dimension] : []));
    const listable = typeOf(schema, 'variable')?.dimensions.map(({ key }) => key);
    expect(listable).toEqual(expect.arrayContaining(lists));
  });
});
