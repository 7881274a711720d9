import { CoreApp, LoadingState, type PanelData, dateTime, toDataFrame } from '@grafana/data';
import type { BackendSrvRequest } from '@grafana/runtime';
import { render, screen } from '@testing-library/react';
import userEvent from '@testing-library/user-event';
import React, { useState } from 'react';
import { beforeEach, describe, expect, test } from 'vitest';
import { labels } from '../labels';
import { barriers } from '../testing/axe';
import { dataSourceWith, serverAnswering } from '../testing/instance';
import { schema } from '../testing/schema';
import type { SightlineQuery, SightlineSettings } from '../types';
import { QueryEditor } from './QueryEditor';

const text = labels.query;

interface Opening {
  settings?: SightlineSettings;
  app?: CoreApp;
  data?: PanelData;
}

/** Shows the editor as Grafana does; returns the query as it would be saved, and how often it ran. */
async function open(part: Partial<SightlineQuery> = {}, { settings, app = CoreApp.Dashboard, data }: Opening = {}) {
  const current: { query: SightlineQuery; runs: number } = { query: { refId: 'A', ...part }, runs: 0 };
  const datasource = dataSourceWith(settings);
  function Panel() {
    const [query, setQuery] = useState(current.query);
    current.query = query;
    const run = () => current.runs++;
    return (
      <QueryEditor datasource={datasource} query={query} app={app} data={data} onChange={setQuery} onRunQuery={run} />
    );
  }
  const user = userEvent.setup();
  const choose = async (field: string, option: string | RegExp) => {
    await user.click(screen.getByLabelText(field));
    await user.click(await screen.findByText(option));
  };
  const page = render(<Panel />);
  await screen.findByText(text.question);
  return { ...page, query: () => current.query, runs: () => current.runs, user, choose };
}

/** The plugin's own answers: what can be asked, and the browsers it has seen. */
const answers = ({ url, params }: BackendSrvRequest) => {
  if (url.endsWith('/schema')) {
    return schema;
  }
  return params?.key === 'browser' ? [{ text: 'Safari' }, { text: 'Firefox' }] : [];
};

describe('the query editor', () => {
  beforeEach(() => void serverAnswering(answers));

  test('shows what a query means that says nothing', async () => {
    await open({}, { settings: { defaultApp: 'shop' } });
    expect(screen.getByText('Web Vital')).toBeTruthy();
    expect(screen.getByText('LCP')).toBeTruthy();
    expect(screen.getByText('p75')).toBeTruthy();
    expect(screen.getByText('shop (default)')).toBeTruthy();
    expect(screen.getByText('production (default)')).toBeTruthy();
  });

  test('asks for another metric, percentile and format, and runs at once', async () => {
    const { choose, query, runs } = await open();
    await choose(text.metric, 'INP');
    await choose(text.percentile, 'p95');
    await choose(text.format, 'Table');
    expect(query()).toMatchObject({ queryType: 'vitals', metric: 'inp', percentile: 95, format: 'table' });
    expect(runs()).toBe(3);
  });

  test('takes the name of a custom timing', async () => {
    const { user, query } = await open();
    await user.type(screen.getByLabelText(text.metric), 'hero-image{Enter}');
    expect(query().metric).toBe('hero-image');
  });

  test('asks for exemplars where single samples are answered', async () => {
    const { user, choose, query } = await open();
    await user.click(screen.getByText(text.more));
    await user.click(screen.getByLabelText(text.exemplars));
    expect(query().exemplars).toBe(true);
    await choose(text.format, 'Distribution');
    expect(screen.queryByLabelText(text.exemplars)).toBeNull();
    await choose(text.format, 'Table');
    await user.click(screen.getByLabelText(text.exemplars));
    expect(query()).not.toHaveProperty('exemplars');
  });

  test('takes any percentile', async () => {
    const { user, query } = await open();
    await user.type(screen.getByLabelText(text.percentile), 'p98{Enter}');
    expect(query().percentile).toBe(98);
  });

  test('groups by up to three dimensions', async () => {
    const { choose, query } = await open();
    for (const dimension of ['Route', 'Browser', 'Device', 'Country']) {
      await choose(text.groupBy, dimension);
    }
    expect(query().groupBy).toEqual(['route', 'browser', 'device']);
  });

  test('filters by values that the backend suggests', async () => {
    const { user, choose, query } = await open();
    await user.click(screen.getByRole('button', { name: text.addFilter }));
    await choose(text.filterKey(1), 'Browser');
    await choose(text.filterOperator(1), '!=');
    await choose(text.filterValues(1), 'Safari');
    expect(query().filters).toEqual([{ key: 'browser', operator: '!=', values: ['Safari'] }]);
  });

  test('filters by a value that nobody suggested', async () => {
    const { user, query } = await open({ filters: [{ key: 'route', operator: '=', values: [] }] });
    await user.type(screen.getByLabelText(text.filterValues(1)), '$route{Enter}');
    expect(query().filters).toEqual([{ key: 'route', operator: '=', values: ['$route'] }]);
  });

  test('removes the filter that is pointed at', async () => {
    const { user, query } = await open({
      filters: [
        { key: 'route', operator: '=', values: ['/'] },
        { key: 'browser', operator: '=', values: ['Safari'] },
      ],
    });
    await user.click(screen.getByRole('button', { name: text.removeFilter(1) }));
    expect(query().filters).toEqual([{ key: 'browser', operator: '=', values: ['Safari'] }]);
  });

  test('shows sessions without what sessions do not have', async () => {
    const { choose, query } = await open({ queryType: 'vitals', metric: 'lcp', groupBy: ['route'] });
    await choose(text.question, 'Sessions');
    expect(screen.queryByLabelText(text.percentile)).toBeNull();
    expect(screen.queryByLabelText(text.groupBy)).toBeNull();
    expect(query()).toEqual({ refId: 'A', queryType: 'sessions', format: 'table' });
  });

  test('starts an alert rule with one number, and saves that', async () => {
    const { query, runs } = await open({}, { app: CoreApp.UnifiedAlerting });
    expect(screen.getByText('Number')).toBeTruthy();
    expect(query()).toMatchObject({ queryType: 'vitals', metric: 'lcp', percentile: 75, format: 'numeric' });
    expect(runs()).toBe(0);
  });

  test('offers an alert rule what it can evaluate, and says why no more', async () => {
    const { user } = await open({}, { app: CoreApp.UnifiedAlerting });
    expect(screen.getByText(text.onlyAlertable)).toBeTruthy();
    await user.click(screen.getByLabelText(text.format));
    expect(screen.queryByText('Table')).toBeNull();
    await user.keyboard('{Escape}');
    await user.click(screen.getByLabelText(text.question));
    expect(await screen.findByText('Error bursts')).toBeTruthy();
    expect(screen.queryByText('Sessions')).toBeNull();
    expect(screen.queryByText('Web Vitals overview')).toBeNull();
  });

  test('warns of a rule that cannot be evaluated, and leaves it as it is', async () => {
    const { query } = await open({ queryType: 'errors', format: 'table' }, { app: CoreApp.UnifiedAlerting });
    expect(screen.getByText(text.notAlertable('Errors', 'Table'))).toBeTruthy();
    expect(query()).toEqual({ refId: 'A', queryType: 'errors', format: 'table' });
  });

  test('starts Explore with the routes and whether they pass', async () => {
    const { query } = await open({}, { app: CoreApp.Explore });
    expect(query()).toMatchObject({ queryType: 'vitalsOverview', groupBy: ['route'], format: 'table' });
  });

  test('runs when something else is asked, and not while a filter is being chosen', async () => {
    const { user, choose, runs } = await open({ queryType: 'vitals', metric: 'lcp', format: 'timeseries' });
    await user.click(screen.getByRole('button', { name: text.addFilter }));
    await choose(text.filterKey(1), 'Browser');
    expect(runs()).toBe(0);
    await choose(text.filterValues(1), 'Safari');
    expect(runs()).toBe(1);
  });

  test('takes a number over once it is written', async () => {
    const { user, query, runs } = await open({ queryType: 'errors', format: 'table' });
    await user.click(screen.getByRole('button', { name: text.more }));
    const limit = screen.getByLabelText(text.limit);
    await user.type(limit, '250');
    expect(runs()).toBe(0);
    await user.tab();
    expect(query().limit).toBe(250);
    await user.clear(limit);
    await user.type(limit, '$rows{Enter}');
    expect(query().limit).toBe('$rows');
    await user.clear(limit);
    await user.type(limit, 'many{Enter}');
    expect(query().limit, 'what is no number changes nothing').toBe('$rows');
    await user.clear(limit);
    await user.tab();
    expect(query()).toEqual({ refId: 'A', queryType: 'errors', format: 'table' });
  });

  test('tells what is set in the folded part', async () => {
    await open({ queryType: 'errorBursts', limit: 5, window: '10m' });
    expect(screen.getByRole('button', { name: `${text.more}: Limit 5, Window 10m` })).toBeTruthy();
  });

  test('compares a table with another time', async () => {
    const { choose, query } = await open({ queryType: 'vitals', format: 'table' });
    await choose(text.compare, text.compareDeploy);
    expect(query().compare).toBe('deploy');
    await choose(text.compare, text.compareWindow);
    expect(query().compare).toEqual({
      from: expect.stringMatching(/^\d{4}-/) as string,
      to: expect.stringMatching(/^\d{4}-/) as string,
    });
    await choose(text.compare, text.compareNone);
    expect(query()).not.toHaveProperty('compare');
  });

  test('offers no "nothing" where two times are compared in any case', async () => {
    const { user } = await open({ queryType: 'evidence', format: 'table' });
    expect(screen.getByText(text.comparePrevious)).toBeTruthy();
    await user.click(screen.getByLabelText(text.compare));
    expect(await screen.findByText(text.compareDeploy)).toBeTruthy();
    expect(screen.queryByText(text.compareNone)).toBeNull();
  });

  test('asks for one session once its id is written', async () => {
    const { user, query, runs } = await open({ queryType: 'session', format: 'logs' });
    await user.type(screen.getByLabelText(text.session), ' abc ');
    expect(runs()).toBe(0);
    await user.keyboard('{Enter}');
    expect(query().sessionId).toBe('abc');
    expect(runs()).toBe(1);
  });

  test('shows the SQL that answered, and only of this query', async () => {
    const frame = (refId: string, sql: string) => ({ ...toDataFrame({ refId, fields: [] }), meta: { executedQueryString: sql } });
    const data: PanelData = {
      state: LoadingState.Done,
      series: [frame('A', 'SELECT 1'), frame('B', 'SELECT 2')],
      timeRange: { from: dateTime(0), to: dateTime(1), raw: { from: '0', to: '1' } },
    };
    const { user } = await open({ queryType: 'errors' }, { data });
    await user.click(screen.getByRole('button', { name: text.more }));
    await user.click(screen.getByRole('button', { name: text.executed }));
    expect(screen.getByRole('region', { name: text.executedLabel }).textContent).toBe('SELECT 1');
  });

  test('shows a question that the backend added, with what it can be asked', async () => {
    const added = {
      ...schema.queryTypes[0],
      name: 'videoStalls',
      formats: ['table', 'heatMap'],
      metrics: ['stallTime', 'count'],
      sections: ['byPlayer', 'byCountry'],
    };
    serverAnswering((request) =>
      request.url.endsWith('/schema') ? { ...schema, queryTypes: [...schema.queryTypes, added] } : []
    );
    const { choose, query } = await open({ queryType: 'errors' });
    await choose(text.question, 'Video stalls');
    expect(screen.getByText('Stall time')).toBeTruthy();
    await choose(text.section, 'By country');
    await choose(text.groupBy, 'Route');
    await choose(text.format, 'Heat map');
    expect(query()).toMatchObject({
      queryType: 'videoStalls',
      section: 'byCountry',
      groupBy: ['route'],
      format: 'heatMap',
    });
  });

  test('keeps a question that this plugin does not know', async () => {
    const { query, runs } = await open({ queryType: 'ofTomorrow', limit: 3 });
    expect(screen.getByText(text.unknownQuestion('ofTomorrow'))).toBeTruthy();
    expect(query()).toEqual({ refId: 'A', queryType: 'ofTomorrow', limit: 3 });
    expect(runs()).toBe(0);
  });

  test('says why it has nothing to offer, and tries again', async () => {
    let up = false;
    serverAnswering((request) => {
      if (!up) {
        throw Object.assign(new Error(), { data: { message: 'plugin unavailable' } });
      }
      return answers(request);
    });
    const user = userEvent.setup();
    render(
      <QueryEditor datasource={dataSourceWith()} query={{ refId: 'A' }} onChange={() => {}} onRunQuery={() => {}} />
    );
    expect(await screen.findByText('plugin unavailable')).toBeTruthy();
    up = true;
    await user.click(screen.getByRole('button', { name: text.retry }));
    expect(await screen.findByText(text.question)).toBeTruthy();
  });

  test('can be used without seeing it', async () => {
    const { user, container } = await open({ groupBy: ['route'], filters: [{ key: 'browser', operator: '=', values: ['Safari'] }] });
    await user.click(screen.getByRole('button', { name: text.more }));
    expect(await barriers(container)).toEqual([]);
  });

  test('can be used with the keyboard alone', async () => {
    const { user, query } = await open({ queryType: 'errors', format: 'table' });
    await user.tab(); // to the explanation of the question
    await user.tab();
    expect(document.activeElement).toBe(screen.getByLabelText(text.question));
    await user.keyboard('session{ArrowDown}{Enter}');
    expect(['sessions', 'session']).toContain(query().queryType);
  });
});
