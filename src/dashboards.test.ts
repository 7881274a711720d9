import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import manifest from '../plugin.json';
import { typeOf } from './schema';
import { schema } from './testing/schema';
import type { SightlineQuery } from './types';

interface Ref {
  type: string;
  uid: string;
}

interface Link {
  title: string;
  url: string;
}

interface Panel {
  title: string;
  type: string;
  description?: string;
  repeat?: string;
  datasource?: Ref;
  targets?: Array<SightlineQuery & { datasource: Ref }>;
  fieldConfig?: {
    defaults: { unit?: string };
    overrides: Array<{ properties: Array<{ id: string; value: unknown }> }>;
  };
}

interface Dashboard {
  uid: string;
  title: string;
  description: string;
  links: Array<Link & { keepTime: boolean; includeVars: boolean }>;
  panels: Panel[];
  annotations: { list: Array<{ name: string; datasource: Ref; target?: SightlineQuery }> };
  templating: {
    list: Array<{
      name: string;
      label: string;
      description?: string;
      type: string;
      datasource?: Ref;
      query: SightlineQuery | string;
    }>;
  };
}

const files = readdirSync('src/dashboards');
const read = (file: string) => JSON.parse(readFileSync(`src/dashboards/${file}`, 'utf8')) as Dashboard;
const boards = files.map((file) => ({ file, text: readFileSync(`src/dashboards/${file}`, 'utf8'), ...read(file) }));
const uids = boards.map(({ uid }) => uid);

/** What Grafana itself puts in, besides variables: times and cells in links, the rate's window in Prometheus. */
const macros = ['__url_time_range', '__all_variables', '__value', '__rate_interval', '__all'];

/** The one dashboard that is about the sidecar's own metrics asks Prometheus alone. */
const ownMetrics = 'sidecar.json';

/** The dashboards that a text links to, and what they are given along. */
const linked = (text: string) =>
  [...text.matchAll(/d\/(sightline-\w+)([^)"\s]*)/g)].map(([, uid, along]) => ({ uid, along }));

test('the plugin brings every dashboard', () => {
  expect(manifest.includes.map(({ path }) => path)).toEqual(files.map((file) => `dashboards/${file}`));
});

describe.each(boards)('$title', ({ file, uid, text, description, links, panels, annotations, templating }) => {
  const variables = templating.list.map(({ name }) => name);
  const shown = panels.filter(({ type }) => type !== 'row') as Array<Required<Panel>>;
  const ours = shown.filter(({ datasource }) => datasource.type === manifest.id);

  test('keeps its address, and says what it is for', () => {
    expect(`sightline-${file}`).toBe(`${uid}.json`);
    expect(description).not.toBe('');
  });

  test('works with any data source of its kind, imported or provisioned', () => {
    const first = file === ownMetrics ? { name: 'prometheus', query: 'prometheus' } : { name: 'DS', query: manifest.id };
    expect(templating.list[0]).toMatchObject({ type: 'datasource', ...first });
    const kinds: Record<string, unknown> = Object.fromEntries(
      templating.list.flatMap(({ name, type, query }) => (type === 'datasource' ? [[`\${${name}}`, query]] : []))
    );
    const refs = [...shown.flatMap((panel) => [panel, ...panel.targets]), ...annotations.list.slice(1)];
    for (const { datasource } of refs) {
      expect(kinds[datasource.uid]).toBe(datasource.type);
    }
  });

  test('has every variable that it uses', () => {
    const used = [...text.matchAll(/\$\{?(\w+)/g)].map(([, name]) => name);
    expect([...variables, ...macros]).toEqual(expect.arrayContaining(used));
  });

  test('uses every variable that it has', () => {
    const byItself = templating.list.filter(({ type }) => type === 'adhoc').map(({ name }) => name);
    for (const name of variables.filter((variable) => !byItself.includes(variable))) {
      expect(text).toMatch(new RegExp(`\\$\\{?${name}\\b`));
    }
  });

  test('can be narrowed by a click on a cell, wherever it asks about visitors', () => {
    const filters = templating.list.filter(({ type }) => type === 'adhoc');
    expect(filters.map(({ name, datasource }) => [name, datasource?.uid])).toEqual(
      ['telemetry.json', ownMetrics].includes(file) ? [] : [['filters', '${DS}']]
    );
  });

  test('leads to all the others, with time and filters', () => {
    expect(links.map(({ url }) => url).sort()).toEqual(
      uids.filter((other) => other !== uid).map((other) => `/d/${other}`).sort()
    );
    for (const link of links) {
      expect(link).toMatchObject({ keepTime: true, includeVars: true });
    }
  });

  test.each(shown)('leads on without losing time or filters: $title', ({ description, fieldConfig }) => {
    const inCells = fieldConfig.overrides
      .flatMap(({ properties }) => properties.filter(({ id }) => id === 'links'))
      .flatMap(({ value }) => (value as Link[]).map(({ url }) => url));
    const inText = linked(description);
    for (const { uid: target, along } of [...inText, ...inCells.flatMap(linked)]) {
      expect(uids).toContain(target);
      expect(along).toContain('${__url_time_range}');
      expect(along).toMatch(/\$\{__all_variables\}|\$\{DS:queryparam\}&\$\{app:queryparam\}&\$\{environment:queryparam\}/);
    }
  });

  test.each(shown)('says what to do next: $title', ({ description }) => {
    expect(description).toMatch(/\b(find|look|set|open|start|drag|compare|sort|click|copy|choose)\b/i);
  });

  test.each(shown.filter(({ type }) => type !== 'table'))('has a unit: $title', ({ fieldConfig, targets }) => {
    // Which unit a vital has that a variable chooses, only the answer can tell. Of tables, the test that asks them does.
    const chosen = targets.some(({ metric }) => metric?.startsWith('$'));
    expect(fieldConfig.defaults.unit === undefined).toBe(chosen);
  });

  test.each(ours)('asks what the backend answers: $title', ({ targets }) => {
    for (const { queryType, format, groupBy = [], filters = [] } of targets) {
      const type = typeOf(schema, queryType);
      const dimensions = type?.dimensions.map(({ key }) => key) ?? [];
      expect(type?.formats, queryType).toContain(format);
      expect(dimensions).toEqual(expect.arrayContaining([...groupBy, ...filters.map(({ key }) => key)]));
    }
  });

  test('marks what the backend can mark', () => {
    for (const { target } of annotations.list.slice(1)) {
      expect(typeOf(schema, target?.queryType)?.formats).toContain('annotations');
    }
  });

  test('repeats rows only for variables that it has', () => {
    for (const { repeat } of panels) {
      expect(repeat === undefined || variables.includes(repeat)).toBe(true);
    }
  });

  test('lists what the backend can list', () => {
    const lists = templating.list.flatMap(({ query }) => (typeof query === 'object' ? [query.dimension] : []));
    const listable = typeOf(schema, 'variable')?.dimensions.map(({ key }) => key);
    expect(listable).toEqual(expect.arrayContaining(lists));
  });
});

test('only LCP, INP and CLS answer whether the site is fast, responsive and stable', () => {
  const { panels } = read('experience.json');
  const asked = panels.flatMap(({ targets = [] }) => targets.map(({ queryType, metric }) => metric ?? queryType));
  expect(new Set(asked)).toEqual(new Set(['lcp', 'inp', 'cls', 'vitalsOverview']));
  for (const { description = '' } of panels) {
    expect(linked(description)).not.toEqual([]);
  }
});
